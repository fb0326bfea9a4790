"""Actors that the tests of the server serve."""

from __future__ import annotations

from typing import Any

import attrs
import trio

import trivet.declare.errors as errors
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.request import current_request

SECRET = "the-password-is-swordfish"


class Counter(Actor[int], name="counter"):
    """Lets everybody in."""

    changed = Event[int]()
    noise = Event[str](overflow="latest")

    @action
    def add(self, n: int = 1) -> int:
        self.state += n
        self.broadcast(Counter.changed, self.state)
        return self.state

    @action(readonly=True)
    def value(self) -> int:
        return self.state

    @action
    def echo(self, value: Any) -> Any:
        return value

    @action
    def refuse(self, code: str = "refused", metadata: Any = None) -> None:
        raise errors.UserError("No, thank you", code=code, metadata=metadata)

    @action
    def break_down(self) -> None:
        raise ValueError(SECRET)

    @action
    def large(self, size: int) -> str:
        return "x" * size

    @action
    def unsendable(self) -> str:
        return "\ud800"

    @action
    def refuse_oddly(self) -> None:
        raise errors.UserError("half: \ud800", code="odd", metadata=object())

    @action
    async def wait(self, seconds: float) -> str:
        await trio.sleep(seconds)
        return "waited"

    @action
    def shout(self, size: int) -> None:
        self.broadcast(Counter.noise, "x" * size)


@attrs.frozen
class Login:
    token: str


@attrs.define
class Member:
    name: str
    page: str


class Room(Actor[None, Member, Login], name="room"):
    """Asks who is there."""

    left = Event[str]()
    log: list[str]

    def __init__(self) -> None:
        self.log = []

    async def on_before_connect(self, params: Login) -> None:
        if params.token == "wrong":
            raise errors.UserError("Invalid token", code="unauthorized", metadata={"why": "wrong"})
        if params.token == "broken":
            raise ValueError(SECRET)

    async def create_conn_state(self, params: Login) -> Member:
        request = current_request()
        return Member(params.token, f"{request.peer} {request.url}")

    async def on_disconnect(self, conn: Conn[Member]) -> None:
        self.log.append(f"{conn.state.name} {conn.close_cause}")
        self.broadcast(Room.left, conn.state.name)

    @action
    def who(self) -> str:
        return f"{self.conn.state.name} {self.conn.state.page}"

    @action
    def farewells(self) -> list[str]:
        return self.log

    @action
    async def kick(self, name: str, reason: str) -> bool:
        conn = self.conns.find(lambda conn: conn.state.name == name)
        if conn is None:
            return False
        await conn.disconnect(reason)
        return True


@attrs.frozen
class Size:
    width: int
    height: int = 1


class Board(Actor[int, None, None, Size], name="board"):
    """Needs an input."""

    async def create_state(self, input: Size) -> int:
        await trio.lowlevel.checkpoint()
        if input.width == 0:
            raise errors.UserError("A board has a width", code="flat")
        return input.width * input.height

    @action
    def area(self) -> int:
        return self.state
