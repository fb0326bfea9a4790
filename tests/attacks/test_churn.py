"""Clients that come and go by the thousand, in every way there is to go: nothing is left of them."""

from __future__ import annotations

import gc
import os
import resource
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet
from tests.attacks.attack import CLOSED, FIN, OPENED, RST, Mark, Step
from tests.attacks.encoded import frame_of
from tests.attacks.requests import connect, upgrade
from tests.link.peers import goodbye, ping
from trivet.protocol.messages import ActionRequest

MOST_AT_ONCE: Final = 100
LIMITS: Final = trivet.Limits(
    close_time=0.3, request_head_time=0.3, outbox_bytes=64 * 1024, connections=MOST_AT_ONCE * 2
)
"""Short, so that clients who make the server wait for them do not make the test wait."""


class Porch(trivet.Actor[int], name="porch", call_hooks=False):
    async def on_disconnect(self, conn: trivet.Conn[None]) -> None:
        await trio.lowlevel.checkpoint()
        self.state += 1

    @trivet.action
    def farewells(self) -> int:
        return self.state

    @trivet.action
    def large(self) -> str:
        return "x" * 60_000

    @trivet.action
    async def leave(self) -> None:
        await self.conn.disconnect("out")


KNOCK: Final = connect(name="porch")
LARGE: Final = frame_of("json", ActionRequest(1, "large", []))
LEAVE: Final = frame_of("json", ActionRequest(1, "leave", []))

ENDINGS: Final[dict[str, tuple[Step, ...]]] = {
    "clean": (KNOCK, OPENED, goodbye(), CLOSED),
    "FIN": (KNOCK, OPENED, FIN),
    "RST": (KNOCK, OPENED, RST),
    "mid-handshake": (KNOCK[:100],),
    "silent after refusal": (upgrade("/nothing", "rivet"), CLOSED),
    "never reading": (KNOCK, OPENED, LARGE * 30),
    "kicked": (KNOCK, OPENED, LEAVE, CLOSED, goodbye()),
}
THROWN_OUT: Final[dict[str, tuple[Step, ...]]] = {
    "answers": (KNOCK, OPENED, LEAVE, CLOSED, goodbye()),
    "resets": (KNOCK, OPENED, LEAVE, CLOSED, RST),
    "sends FIN alone": (KNOCK, OPENED, LEAVE, CLOSED, FIN),
    "never answers": (KNOCK, OPENED, LEAVE, CLOSED),
    "never reads": (KNOCK, OPENED, LARGE, LEAVE),
    "goes on calling": (KNOCK, OPENED, LEAVE, CLOSED, LEAVE * 100, goodbye()),
    "floods": (KNOCK, OPENED, LEAVE, CLOSED, ping() * 5000),
    "closes at the same moment": (KNOCK, OPENED, LEAVE + goodbye()),
}
"""What `tests/server/test_disconnect_matrix.py` times, over real sockets."""

INIT: Final = b'"Init"'
CLOSE_FRAMES: Final = (b"\x88\x02\x03\xe8", b"\x88\x05\x03\xe8out", b"\x88\x0f\x03\xf3api")


async def come_and_go(port: int, steps: tuple[Step, ...], gone: trio.Event) -> None:
    """Play one client, and keep its socket open until the server has let go of its own end."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
    async with stream:
        await stream.socket.connect(("127.0.0.1", port))
        try:
            for step in steps:
                if isinstance(step, bytes):
                    await stream.send_all(step)
                else:
                    await _do(stream, step)
        except trio.BrokenResourceError:
            assert LARGE * 30 in steps, "the server has broken a connection"
        if RST not in steps:
            await gone.wait()


async def _do(stream: trio.SocketStream, mark: Mark) -> None:
    match mark:
        case "fin":
            await stream.send_eof()
        case "rst":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
            stream.socket.close()
        case "opened":
            await _hear(stream, INIT)
        case _:
            await _hear(stream, *CLOSE_FRAMES)


async def _hear(stream: trio.SocketStream, *wanted: bytes) -> None:
    heard = b""
    while not any(what in heard for what in wanted):
        data = await stream.receive_some()
        assert data, heard
        heard += data


@attrs.define
class Porter:
    """A server, and what this process has open."""

    server: trivet.Server
    at_once: int

    async def churn(self, steps: tuple[Step, ...], count: int) -> None:
        for _ in range(count // self.at_once):
            gone = trio.Event()
            async with trio.open_nursery() as nursery:
                for _ in range(self.at_once):
                    nursery.start_soon(come_and_go, self.server.port, steps, gone)
                await self.emptied()
                gone.set()
            await self.emptied()

    async def emptied(self) -> None:
        """Wait until the server has no connection, whoever still has the other end of one."""
        listener = self.server._listener  # pyright: ignore[reportPrivateUsage] - tests look inside
        await wait_all_tasks_blocked(0.002)
        while listener.open_connections:
            await wait_all_tasks_blocked(0.002)

    def resources(self) -> tuple[int, int]:
        tasks = trio.lowlevel.current_statistics().tasks_living
        return tasks, len(os.listdir("/proc/self/fd"))


def resident() -> int:
    """The memory of this process, in KiB."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() // 1024


@asynccontextmanager
async def serving(at_once: int) -> AsyncGenerator[Porter]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=MOST_AT_ONCE)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
    async with trio.open_nursery() as nursery:
        server: trivet.Server = await nursery.start(
            partial(trivet.serve, trivet.Registry(Porch), listening=listening, limits=LIMITS)
        )
        yield Porter(server, at_once)
        nursery.cancel_scope.cancel()


async def churn(ending: str, count: int, *, at_once: int) -> None:
    async with serving(at_once) as porter:
        await porter.churn(ENDINGS["kicked"], at_once)  # so that the actor has all its tasks
        await porter.churn(ENDINGS[ending], at_once)
        before, memory = porter.resources(), resident()
        await porter.churn(ENDINGS[ending], count)
        assert porter.resources() == before
        print(f"{ending}: {count} connections, {resident() - memory:+} KiB")


@pytest.mark.slow
async def test_every_kind_of_peer_is_thrown_out() -> None:
    async with serving(at_once=5) as porter:
        for steps in THROWN_OUT.values():
            await porter.churn(steps, 5)
        porch = porter.server.client.get_or_create(Porch, "a")
        assert await porch.call(Porch.farewells) == 5 * len(THROWN_OUT)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
async def test_nothing_is_left_of_those_who_have_gone(ending: str) -> None:
    await churn(ending, 100, at_once=50)


@pytest.mark.campaign
@pytest.mark.parametrize("ending", ENDINGS)
async def test_nothing_is_left_of_ten_thousand(ending: str) -> None:
    await churn(ending, 10_000, at_once=MOST_AT_ONCE)
