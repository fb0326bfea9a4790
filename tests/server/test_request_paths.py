"""``Request.path``: the same for ``authorize`` and every hook behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
import trio

import trivet
from tests.server.serving import serving
from trivet.testing.network import MemoryNetwork


class Gate(trivet.Actor, name="gate"):
    seen: ClassVar[list[str]] = []

    @classmethod
    async def authorize(cls, request: trivet.Request) -> bool:
        cls.note("authorize", request)
        return True

    @classmethod
    def note(cls, hook: str, request: trivet.Request) -> None:
        address = request.url.partition("://")[2].partition("/")[2]
        assert f"/{address}" == request.path + (f"?{request.query}" if request.query else "")
        cls.seen.append(f"{hook} {request.intent} {request.path}")

    async def on_before_connect(self, params: None) -> None:
        self.note("before", trivet.current_request())

    async def on_connect(self, conn: trivet.Conn[None]) -> None:
        self.note("connect", trivet.current_request())

    @trivet.action
    def knock(self) -> None: ...

    async def on_request(self, request: trivet.Request) -> trivet.Response:
        self.note("handler", request)
        return trivet.Response()

    async def on_websocket(self, socket: trivet.WebSocket) -> None:
        self.note("handler", socket.request)


@asynccontextmanager
async def gate_over(way: str) -> AsyncGenerator[trivet.Handle[Gate]]:
    network = MemoryNetwork()
    host = "127.0.0.1" if way == "sockets" else None
    async with serving(Gate, host=host) as site, trio.open_nursery() as nursery:
        await nursery.start(network.serve, "server", site.server.serve_stream)
        connect = None if way == "sockets" else network.opener("server")
        url = site.server.url if way == "sockets" else "http://server"
        async with trivet.open_client(url, connect=connect) as client:
            await client.create(Gate, "a")
            Gate.seen.clear()
            yield client.get(Gate, "a")
        nursery.cancel_scope.cancel()


def hooks_that_saw(intent: str, path: str) -> list[str]:
    """The hooks that ran, all of which saw this and nothing else."""
    seen, Gate.seen = Gate.seen, []
    assert {line.partition(" ")[2] for line in seen} == {f"{intent} {path}"}
    return [line.partition(" ")[0] for line in seen]


@pytest.mark.parametrize("way", ["memory", "sockets"])
async def test_every_hook_sees_the_same_path(way: str) -> None:
    hooks = ["authorize", "before", "connect"]
    async with gate_over(way) as gate:
        await gate.call(Gate.knock)
        assert hooks_that_saw("call", "/action/knock") == hooks
        async with gate.connect():
            assert hooks_that_saw("connect", "/connect") == hooks
        await gate.fetch("/me?x=1")
        assert hooks_that_saw("request", "/me") == [*hooks, "handler"]
        for path, own in (("/q?x=1", "/q"), ("/", "/"), ("/connect", "/connect")):
            async with gate.websocket(path) as socket:
                assert [message async for message in socket] == []
            assert hooks_that_saw("connect", own) == [*hooks, "handler"]
