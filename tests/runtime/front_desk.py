"""A front desk whose raw WebSockets hibernate, and what it notes."""

from __future__ import annotations

import math
from typing import Any

import trio

from tests.runtime.runtimes import handle
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.declare.web_socket import ClientWebSocket, WebSocket
from trivet.runtime.runtime import Runtime

LOG: list[str] = []
SOCKETS: list[WebSocket[Any]] = []


class Desk(
    Actor[list[str], list[str]], sleep_after=10.0, hibernate_websockets=True, call_hooks=False
):
    async def on_wake(self) -> None:
        self.note("wake")

    async def on_sleep(self) -> None:
        self.note("sleep")
        if type(self) is Polite:
            SOCKETS[-1].send("good night")

    async def on_connect(self, conn: Conn[list[str]]) -> None:
        self.note(f"connect {conn.hibernates}")

    async def on_disconnect(self, conn: Conn[list[str]]) -> None:
        self.note(f"disconnect {conn.close_cause} {conn.state}")

    async def on_websocket(self, socket: WebSocket[list[str]]) -> None:
        SOCKETS.append(socket)
        self.note(f"{'again' if socket.restored else 'serve'} {socket.message_index}")
        assert socket.request.path == "/desk"
        try:
            async for message in socket:
                await self.hear(socket, str(message))
        except trio.Cancelled:
            self.note("cut")
            raise
        self.note("over")

    async def hear(self, socket: WebSocket[list[str]], message: str) -> None:
        word, _, seconds = message.partition(" ")
        self.note(f"hear {word}")
        async with self.turn():
            self.state.append(f"{socket.message_index} {word}")
            socket.conn.state.append(word)
        if word == "sleep":
            self.sleep()
        if word == "fall":
            self.start_soon(self.fall)
        await trio.sleep(float(seconds or 0))
        socket.send(f"heard {word}")

    async def fall(self) -> None:
        raise ValueError("fallen")

    def note(self, what: str) -> None:
        LOG.append(f"{what} @{trio.current_time():g}")

    @action
    def words(self) -> list[str]:
        return self.state

    @action
    def rest(self) -> None:
        self.sleep()

    @action
    def leave(self) -> None:
        self.destroy()

    @action
    async def kick(self) -> None:
        for conn in list(self.conns.values()):
            await conn.disconnect("out")


class Polite(Desk):
    """Says good night."""


class Plain(Actor[list[str], list[str]], hibernate_websockets=True, sleep_after=math.inf):
    """Has no connection hooks."""

    on_websocket: Any = Desk.on_websocket
    hear: Any = Desk.hear
    note: Any = Desk.note

    async def on_wake(self) -> None:
        self.note("wake")


def at(runtime: Runtime, actor: type[Actor[Any, Any, Any, Any]] = Desk) -> Any:
    """Open a socket to the actor."""
    return handle(runtime, actor).websocket("/desk")


async def asks(socket: ClientWebSocket, word: str) -> None:
    await socket.send(word)
    assert await socket.receive() == f"heard {word.partition(' ')[0]}"


def order() -> list[str]:
    """What has happened, without the moments."""
    return [line.partition(" @")[0] for line in LOG]
