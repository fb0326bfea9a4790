"""An actor that lets in whom it trusts."""

from __future__ import annotations

from typing import Any

import attrs

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import Forbidden
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import WebSocket

__all__ = ["Badge", "Club"]


@attrs.frozen
class Badge:
    trusted: bool = False
    banned: bool = False


class Club(Actor[None, Badge, Badge | None], name="club"):
    announced = Event[str]()
    whispered = Event[str]()

    async def on_before_connect(self, params: Badge | None) -> None:
        if params is not None and params.banned:
            raise Forbidden

    async def create_conn_state(self, params: Badge | None) -> Badge:
        return params or Badge()

    def can_subscribe(self, event: Event[Any], conn: Conn[Badge]) -> bool:
        return event is Club.announced or conn.state.trusted

    async def on_request(self, request: Request) -> Response:
        return Response(b"let in")

    async def on_websocket(self, socket: WebSocket[Badge]) -> None:
        socket.send("let in")

    @action
    def announce(self, text: str) -> None:
        self.broadcast(Club.announced, text)

    @action
    def whisper(self, text: str) -> None:
        self.broadcast(Club.whispered, text)
