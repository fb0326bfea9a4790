"""An actor that counts, tells its subscribers, and notes which hooks have run for whom."""

from __future__ import annotations

import attrs

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn

__all__ = ["Guest", "Tally"]


@attrs.frozen
class Guest:
    name: str = "nobody"


class Tally(Actor[int, Guest, Guest | None], name="tally"):
    counted = Event[int]()
    named = Event[tuple[str, int]]()
    left = Event[str]()

    def __init__(self) -> None:
        self.journal: list[str] = []

    async def on_before_connect(self, params: Guest | None) -> None:
        self.journal.append(f"on_before_connect {(params or Guest()).name}")

    async def create_conn_state(self, params: Guest | None) -> Guest:
        return params or Guest()

    async def on_connect(self, conn: Conn[Guest]) -> None:
        self.journal.append(f"on_connect {conn.state.name}")

    async def on_disconnect(self, conn: Conn[Guest]) -> None:
        self.journal.append(f"on_disconnect {conn.state.name}")
        self.broadcast(Tally.left, conn.state.name)

    @action
    def count(self, number: int = 1) -> int:
        self.state += number
        self.broadcast(Tally.counted, self.state)
        return self.state

    @action
    def count_as(self, name: str, number: int) -> int:
        self.state += number
        self.broadcast(Tally.named, (name, self.state))
        return self.state

    @action
    def my_name(self) -> str:
        return self.conn.state.name

    @action
    def names(self) -> list[str]:
        return sorted(conn.state.name for conn in self.conns.values())

    @action
    def hooks(self) -> list[str]:
        return self.journal

    @action
    def length(self, text: str) -> int:
        return len(text)

    @action
    def repeat(self, times: int) -> str:
        return "x" * times
