"""An actor that serves raw WebSockets: an echo that counts."""

from __future__ import annotations

import json
from typing import Any

import attrs
import trio

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.web_socket import WebSocket

__all__ = ["Echoing", "Stats"]


@attrs.define
class Stats:
    opened: int = 0
    closed: int = 0
    messages: int = 0


class Echoing(Actor[Stats, str, str | None], name="echoing"):
    """Welcomes each socket, answers commands in JSON, and sends back the rest."""

    ended = Event[int]()

    async def create_conn_state(self, params: str | None) -> str:
        return params or "nobody"

    async def on_websocket(self, socket: WebSocket[str]) -> None:
        async with self.turn():
            self.state.opened += 1
        if socket.request.path == "/slow":
            await trio.lowlevel.checkpoint()
        socket.send(json.dumps(self.welcome(socket)))
        async for message in socket:
            async with self.turn():
                self.state.messages += 1
            await self.answer(socket, message)
        async with self.turn():
            self.state.closed += 1
            self.broadcast(Echoing.ended, self.state.closed)

    def welcome(self, socket: WebSocket[str]) -> dict[str, Any]:
        return {
            "path": socket.request.path,
            "query": socket.request.query,
            "name": socket.conn.state,
            "kind": socket.conn.kind,
            "known": socket.conn.id in self.conns,
        }

    async def answer(self, socket: WebSocket[str], message: str | bytes) -> None:
        match message:
            case "ping":
                socket.send("pong")
            case "stats":
                socket.send(json.dumps(attrs.asdict(self.state)))
            case "leave":
                await socket.close(4000, "as you wish")
            case _:
                socket.send(message)

    @action
    def doze(self) -> None:
        self.sleep()

    @action
    def stats(self) -> Stats:
        return self.state
