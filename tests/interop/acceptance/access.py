"""An actor that lets in whom it trusts."""

from __future__ import annotations

from typing import Any

import attrs

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import Forbidden
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.queue import Queue
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
    open_box = Queue[str]()
    members_box = Queue[str]()

    def __init__(self) -> None:
        self.askers: list[str] = []

    async def on_before_connect(self, params: Badge | None) -> None:
        if params is not None and params.banned:
            raise Forbidden

    async def create_conn_state(self, params: Badge | None) -> Badge:
        return params or Badge()

    def can_subscribe(self, event: Event[Any], conn: Conn[Badge]) -> bool:
        return event is Club.announced or conn.state.trusted

    def can_publish(self, queue: Queue[Any, Any], conn: Conn[Badge]) -> bool:
        self.askers.append(conn.id)
        return queue is Club.open_box or conn.state.trusted

    async def on_request(self, request: Request) -> Response:
        return Response(b"let in")

    async def on_websocket(self, socket: WebSocket[Badge]) -> None:
        socket.send("let in")

    @action
    async def posted(self) -> list[str]:
        texts: list[str] = []
        while True:
            async with self.try_receive() as delivery:
                if delivery is None:
                    return texts
                texts.append(delivery.body)

    @action
    def who_asked(self) -> list[str]:
        return self.askers

    @action
    def announce(self, text: str) -> None:
        self.broadcast(Club.announced, text)

    @action
    def whisper(self, text: str) -> None:
        self.broadcast(Club.whispered, text)
