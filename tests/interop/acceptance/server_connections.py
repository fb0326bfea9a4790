"""An actor that shows its clients how it sees their connections."""

from __future__ import annotations

import attrs
import trio

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn

__all__ = ["Desk", "Entry", "Seat", "Visits"]


@attrs.frozen
class Entry:
    """What a client passes.

    Attributes:
        name: Its name.
        pause: The hook that waits until another client lets this one pass.
    """

    name: str = "nobody"
    pause: str = ""


@attrs.define
class Seat:
    name: str
    count: int = 0


@attrs.define
class Visits:
    came: int = 0
    left: int = 0


class Desk(Actor[Visits, Seat, Entry | None], name="desk"):
    greeted = Event[str]()
    told = Event[str]()
    paused = Event[str]()
    left = Event[str]()

    def __init__(self) -> None:
        self.passing = trio.Event()

    async def on_before_connect(self, params: Entry | None) -> None:
        await self.pause("on_before_connect", params)

    async def create_conn_state(self, params: Entry | None) -> Seat:
        await self.pause("create_conn_state", params)
        return Seat((params or Entry()).name)

    async def pause(self, hook: str, params: Entry | None) -> None:
        if params is not None and params.pause == hook:
            self.broadcast(Desk.paused, hook)
            await self.passing.wait()

    async def on_connect(self, conn: Conn[Seat]) -> None:
        self.state.came += 1
        conn.send(Desk.greeted, f"{conn.state.name}, visible: {conn.id in self.conns}")
        self.conns[conn.id].send(Desk.greeted, "once more")

    async def on_disconnect(self, conn: Conn[Seat]) -> None:
        self.state.left += 1
        self.broadcast(Desk.left, conn.id)

    @action
    def let_pass(self) -> None:
        self.passing.set()

    @action
    def seat(self) -> Seat:
        return self.conn.state

    @action
    def count(self, number: int) -> int:
        self.conn.state.count += number
        return self.conn.state.count

    @action
    def my_id(self) -> str:
        return self.conn.id

    @action
    def ids(self) -> list[str]:
        return list(self.conns)

    @action
    def names(self) -> list[str]:
        return [conn.state.name for conn in self.conns.values()]

    @action
    def visits(self) -> Visits:
        return self.state

    @action
    def tell(self, conn_id: str, text: str) -> bool:
        conn = self.conns.get(conn_id)
        return conn is not None and conn.send(Desk.told, text)
