"""A raw WebSocket through the sleep of its actor, however it came: the client notices nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import pytest
import trio

import trivet
from tests.server.asgi.test_hypercorn import listening
from trivet.declare.interfaces import Conn
from trivet.declare.web_socket import WebSocket
from trivet.open import asgi_app

LEFT: list[trio.Event] = []


class Echo(trivet.Actor[list[str], int], hibernate_websockets=True, call_hooks=False):
    """Answers each message with what it knows, and sleeps when it is told to."""

    async def on_disconnect(self, conn: Conn[int]) -> None:
        self.state.append(f"{conn.close_cause}")
        LEFT[-1].set()

    async def on_websocket(self, socket: WebSocket[int]) -> None:
        async for message in socket:
            if message == "sleep":
                self.sleep()
            async with self.turn():
                self.state.append(str(message))
                socket.conn.state += 1
            shown = f"{message!s} {socket.message_index} {socket.conn.state} {socket.restored}"
            socket.send(f"{shown} {socket.request.query}")

    @trivet.action
    async def rest(self) -> None:
        self.sleep()

    @trivet.action
    def words(self) -> list[str]:
        return self.state


REGISTRY = trivet.Registry(Echo)


@asynccontextmanager
async def in_process() -> AsyncGenerator[trivet.Client]:
    async with trivet.open_runtime(REGISTRY) as runtime:
        yield runtime.client


@asynccontextmanager
async def over_sockets() -> AsyncGenerator[trivet.Client]:
    async with trio.open_nursery() as nursery:
        server: trivet.Server = await nursery.start(partial(trivet.serve, REGISTRY, port=0))
        async with trivet.open_client(server.url) as client:
            yield client
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def over_asgi() -> AsyncGenerator[trivet.Client]:
    async with listening(asgi_app(REGISTRY, public=True)) as url:
        async with trivet.open_client(url) as client:
            yield client


Way = Callable[[], AbstractAsyncContextManager[trivet.Client]]


@pytest.mark.parametrize("way", [in_process, over_sockets, over_asgi])
async def test_the_client_notices_nothing(way: Way) -> None:
    LEFT.append(trio.Event())
    with trio.fail_after(60):
        async with way() as client:
            echo = client.get_or_create(Echo, "a")
            async with echo.websocket("/?x=1") as socket:
                await socket.send("one")
                assert await socket.receive() == "one 1 1 False x=1"
                await echo.call(Echo.rest)
                await socket.send("two")
                assert await socket.receive() == "two 2 2 True x=1"
                for word in ("sleep", "three", "four"):
                    await socket.send(word)
                assert [await socket.receive() for _ in range(3)] == [
                    "sleep 3 3 True x=1",
                    "three 4 4 True x=1",
                    "four 5 5 True x=1",
                ]
                assert socket.close_code is None
                await echo.call(Echo.rest)
            await LEFT[-1].wait()
            words = await echo.call(Echo.words)
            # hypercorn tells an application of every goodbye as of a lost network.
            left = "network" if way is over_asgi else "client"
            assert words == ["one", "two", "sleep", "three", "four", left]
