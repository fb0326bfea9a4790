"""The actors that JavaScript talks to; their names on the wire are in camel case."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import attrs
import trio

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import UserError
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.registry import Registry
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import WebSocket
from trivet.declare.wire_names import camel_case

__all__ = ["PARCEL", "SECRET", "Counter", "Desk", "Echo", "Parcel", "Room", "Shade", "registry"]

SECRET = "the-password-is-swordfish"


@attrs.frozen
class Start:
    count: int


class Counter(Actor[int, None, None, Start | None], name="counter"):
    """Counts, and fails in every way."""

    async def create_state(self, input: Start | None) -> int:
        return 0 if input is None else input.count

    @action
    def add(self, number: int = 1) -> int:
        self.state += number
        return self.state

    @action(readonly=True)
    def place(self) -> list[str]:
        return list(self.key)

    @action
    def refuse(self, code: str, metadata: Any = None) -> None:
        raise UserError("No, thank you", code=code, metadata=metadata)

    @action
    def break_down(self) -> None:
        raise ValueError(SECRET)

    @action
    async def ask_nobody(self) -> int:
        """Count, and pass on the error of a call to an actor that is missing."""
        self.state += 1
        return await self.client.get(Counter, "the secret").call(Counter.add)

    @action
    def repeat(self, text: str, times: int) -> str:
        return text * times


@attrs.frozen
class Login:
    user_name: str
    visit: int = 1


@attrs.define
class Member:
    name: str
    visit: int


@attrs.define
class RoomState:
    banned: list[str] = attrs.Factory(list[str])
    left: list[str] = attrs.Factory(list[str])


class Room(Actor[RoomState, Member, Login], name="room"):
    """Knows who is there."""

    said = Event[str]()
    # Two arguments in JavaScript, and none.
    moved = Event[tuple[int, int]]()
    knocked = Event[None]()

    def __init__(self) -> None:
        self.visitor = trio.Event()

    async def on_before_connect(self, params: Login) -> None:
        self.visitor.set()
        if params.user_name in self.state.banned:
            raise UserError("You are banned", code="banned", metadata={"name": params.user_name})

    async def create_conn_state(self, params: Login) -> Member:
        if params.user_name == "eve":
            raise UserError("Nobody knows you", code="unwelcome", metadata={"name": "eve"})
        if params.user_name == "broken":
            raise ValueError(SECRET)
        return Member(params.user_name, params.visit)

    async def on_disconnect(self, conn: Conn[Member]) -> None:
        self.state.left.append(f"{conn.state.name}: {conn.close_cause}")

    @action
    def who_am_i(self) -> Member:
        return self.conn.state

    @action
    def my_id(self) -> str:
        return self.conn.id

    @action
    def who_left(self) -> list[str]:
        return self.state.left

    @action
    def say(self, text: str) -> int:
        self.broadcast(Room.said, text)
        return len(self.conns)

    @action
    def move(self, right: int, up: int) -> None:
        self.broadcast(Room.moved, (right, up))

    @action
    def knock(self) -> None:
        self.broadcast(Room.knocked, None)

    @action
    def whisper(self, name: str, text: str) -> bool:
        conn = self.conns.find(lambda conn: conn.state.name == name)
        return conn is not None and conn.send(Room.said, text)

    @action
    async def kick(self, name: str, reason: str, *, reconnect: bool = True) -> bool:
        """Return whether the connection was there and is no longer."""
        conn = self.conns.find(lambda conn: conn.state.name == name)
        if conn is None:
            return False
        await conn.disconnect(reason, reconnect=reconnect)
        return conn.id not in self.conns

    @action
    async def ban(self, name: str) -> None:
        self.state.banned.append(name)
        for conn in self.conns.select(lambda conn: conn.state.name == name):
            await conn.disconnect("banned")

    @action
    async def wait_for_visitor(self) -> None:
        """Return when the next client knocks at the door, which is before it gets a turn."""
        self.visitor = trio.Event()
        await self.visitor.wait()


class Desk(Actor[None], name="desk"):
    """Answers raw HTTP, and serves raw WebSockets."""

    async def on_request(self, request: Request) -> Response:
        return Response.json(
            {"method": request.method, "url": request.url, "body": request.body.decode()}
        )

    async def on_websocket(self, socket: WebSocket[None]) -> None:
        socket.send(f"{socket.request.path}?{socket.request.query}")
        async for message in socket:
            if message == "bye":
                await socket.close(4001, "bye")
            else:
                socket.send(message)


class Shade(Enum):
    LIGHT = "light"
    DARK = "dark"


@attrs.frozen
class Parcel:
    """One of each type that JavaScript or a wire has no word of its own for."""

    sent_at: datetime
    identity: UUID
    price: Decimal
    label: bytes
    tags: set[str]
    shade: Shade
    place: tuple[float, str]
    counts: dict[str, int]
    serial: int
    weight: float
    inner: Parcel | None = None


PARCEL = Parcel(
    sent_at=datetime(2026, 1, 2, 3, 4, 5, 500_000, UTC),
    identity=UUID("12345678-1234-5678-1234-567812345678"),
    price=Decimal("12.50"),
    label=b"\x00\xff",
    tags={"fragile"},
    shade=Shade.DARK,
    place=(2.5, "left"),
    counts={"a": 2**32, "b": -(2**53) - 1},
    serial=2**64,
    weight=3.0,
)


class Echo(Actor[str, None, None, Any], name="echo"):
    """Takes values by every way that values go, and sends them back."""

    heard = Event[Any]()

    async def create_state(self, input: Any) -> str:
        return repr(input)

    @action
    def born_with(self) -> str:
        return self.state

    @action
    def describe(self, value: Any = None) -> str:
        return repr(value)

    @action
    def echo(self, value: Any = None) -> Any:
        self.broadcast(Echo.heard, value)
        return value

    @action
    def complain(self, metadata: Any) -> None:
        raise UserError("Not this one", metadata=metadata)

    @action
    def wrap(self) -> Parcel:
        return PARCEL

    @action
    def unwrap(self, parcel: Parcel) -> str:
        return repr(parcel)


registry = Registry(Counter, Desk, Room, Echo, naming=camel_case)
