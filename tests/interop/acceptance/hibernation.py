"""Actors that sleep while their clients stay: one for connections, one for raw WebSockets."""

from __future__ import annotations

import json
import math

import attrs
import trio

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.web_socket import WebSocket

__all__ = ["Dozing", "Dreaming"]


@attrs.define
class Nights:
    """What has happened.

    Attributes:
        woken: How often the actor has woken.
        slept: How often it has gone to sleep.
        came: How many clients have come.
        left: Who has left, in which generation.
    """

    woken: int = 0
    slept: int = 0
    came: int = 0
    left: list[tuple[str, int]] = attrs.Factory(list[tuple[str, int]])


class Dozing(Actor[Nights, str, str | None], name="dozing", sleep_after=math.inf, call_hooks=False):
    """Sleeps when it is told to, and takes its time for it."""

    rang = Event[int]()
    dozed = Event[str]()

    async def create_conn_state(self, params: str | None) -> str:
        return params or "nobody"

    async def on_wake(self) -> None:
        self.state.woken += 1
        self.broadcast(Dozing.rang, self.state.woken)

    async def on_sleep(self) -> None:
        self.state.slept += 1
        self.broadcast(Dozing.dozed, "good night")
        await trio.sleep(0.5)

    async def on_connect(self, conn: Conn[str]) -> None:
        self.state.came += 1

    async def on_disconnect(self, conn: Conn[str]) -> None:
        self.state.left.append((conn.state, self.state.woken))

    @action
    def doze(self) -> None:
        self.sleep()

    @action
    def ping(self) -> str:
        return f"pong {self.conn.state}"

    @action
    def nights(self) -> Nights:
        return self.state

    @action
    def rename(self, name: str) -> str:
        self.conn.state = name
        return self.conn.id

    @action
    def ids(self) -> list[str]:
        return list(self.conns)


class Dreaming(Actor[list[str]], name="dreaming", hibernate_websockets=True):
    """Notes the number of each message that it reads."""

    read = Event[int]()

    async def on_websocket(self, socket: WebSocket[None]) -> None:
        async for message in socket:
            if message == "sleep":
                self.sleep()
            async with self.turn():
                self.state.append(f"{socket.message_index} {message!s}")
            answer = {"number": socket.message_index, "restored": socket.restored}
            socket.send(json.dumps(answer))

    @action
    def notes(self) -> list[str]:
        return self.state
