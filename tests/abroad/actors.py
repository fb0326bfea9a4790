"""The actors that the client meets: their classes here, and in ``actors.mjs`` once more.

Towards RivetKit's own server the classes are stubs: their names and types count, and the bodies
never run.
"""

from __future__ import annotations

from typing import Any

import attrs
import trio

import trivet

__all__ = [
    "SECRET",
    "Counter",
    "Echo",
    "Login",
    "Member",
    "Room",
    "Sluggard",
    "Start",
    "registry",
]

SECRET = "the-password-is-swordfish"


@attrs.frozen
class Start:
    count: int


class Counter(trivet.Actor[int, None, None, Start | None], name="counter"):
    """Counts, and fails in every way."""

    async def create_state(self, input: Start | None) -> int:
        return 0 if input is None else input.count

    @trivet.action
    def add(self, number: int = 1) -> int:
        self.state += number
        return self.state

    @trivet.action
    def place(self) -> list[str]:
        return list(self.key)

    @trivet.action
    def refuse(self, code: str, metadata: Any = None) -> None:
        raise trivet.UserError("No, thank you", code=code, metadata=metadata)

    @trivet.action
    def break_down(self) -> None:
        raise ValueError(SECRET)

    @trivet.action
    def repeat(self, text: str, times: int) -> str:
        return text * times

    @trivet.action
    def size(self, text: str) -> int:
        return len(text)


class Sluggard(trivet.Actor[None], name="sluggard"):
    """Does not answer in time."""

    @trivet.action(timeout=0.3)
    async def never(self) -> None:
        await trio.sleep_forever()

    @trivet.action
    def ready(self) -> bool:
        return True


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


class Room(trivet.Actor[RoomState, Member, Login], name="room"):
    """Knows who is there."""

    said = trivet.Event[str]()
    # Two arguments in JavaScript, and none.
    moved = trivet.Event[tuple[int, int]]()
    knocked = trivet.Event[None]()

    def __init__(self) -> None:
        self.visitor = trio.Event()

    async def on_before_connect(self, params: Login) -> None:
        self.visitor.set()
        if params.user_name in self.state.banned:
            raise trivet.UserError(
                "You are banned", code="banned", metadata={"name": params.user_name}
            )

    async def create_conn_state(self, params: Login) -> Member:
        if params.user_name == "eve":
            raise trivet.UserError("Nobody knows you", code="unwelcome", metadata={"name": "eve"})
        if params.user_name == "broken":
            raise ValueError(SECRET)
        return Member(params.user_name, params.visit)

    async def on_connect(self, conn: trivet.Conn[Member]) -> None:
        conn.send(Room.said, f"welcome, {conn.state.name}")

    async def on_disconnect(self, conn: trivet.Conn[Member]) -> None:
        self.state.left.append(conn.state.name)

    @trivet.action
    def who_am_i(self) -> Member:
        return self.conn.state

    @trivet.action
    def who_left(self) -> list[str]:
        return self.state.left

    @trivet.action
    def say(self, text: str) -> int:
        self.broadcast(Room.said, text)
        return len(text)

    @trivet.action
    def move(self, right: int, up: int) -> None:
        self.broadcast(Room.moved, (right, up))

    @trivet.action
    def knock(self) -> None:
        self.broadcast(Room.knocked, None)

    @trivet.action
    def whisper(self, name: str, text: str) -> bool:
        conn = self.conns.find(lambda conn: conn.state.name == name)
        return conn is not None and conn.send(Room.said, text)

    @trivet.action
    async def kick(self, name: str, reason: str) -> bool:
        conn = self.conns.find(lambda conn: conn.state.name == name)
        if conn is not None:
            await conn.disconnect(reason)
        return conn is not None

    @trivet.action
    async def expel(self, name: str, reason: str) -> None:
        for conn in self.conns.select(lambda conn: conn.state.name == name):
            await conn.disconnect(reason, reconnect=False)

    @trivet.action
    async def ban(self, name: str, reason: str) -> None:
        self.state.banned.append(name)
        for conn in self.conns.select(lambda conn: conn.state.name == name):
            await conn.disconnect(reason)

    @trivet.action
    async def wait_for_visitor(self) -> None:
        """Return when the next client knocks at the door, which is before it gets a turn."""
        self.visitor = trio.Event()
        await self.visitor.wait()


@attrs.define
class Born:
    input: Any = None


class Echo(trivet.Actor[Born, None, None, Any], name="echo"):
    """Takes values by every way that values go, and sends them back."""

    heard = trivet.Event[Any]()

    async def create_state(self, input: Any) -> Born:
        return Born(input)

    @trivet.action
    def born_with(self) -> Any:
        return self.state.input

    @trivet.action
    def echo(self, value: Any) -> Any:
        self.broadcast(Echo.heard, value)
        return value

    @trivet.action
    def complain(self, metadata: Any) -> None:
        raise trivet.UserError("Not this one", metadata=metadata)


registry = trivet.Registry(Counter, Sluggard, Room, Echo, naming=trivet.camel_case)
