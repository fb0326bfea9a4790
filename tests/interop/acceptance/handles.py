"""An actor that counts, and keeps a journal of all its hooks."""

from __future__ import annotations

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn

__all__ = ["Diary"]


class Diary(Actor[int], name="diary"):
    def __init__(self) -> None:
        self.entries: list[str] = []

    async def create_state(self, input: None) -> int:
        self.entries.append("create_state")
        return 0

    async def on_create(self, input: None) -> None:
        self.entries.append("on_create")

    async def on_wake(self) -> None:
        self.entries.append("on_wake")

    async def on_before_connect(self, params: None) -> None:
        self.entries.append("on_before_connect")

    async def on_connect(self, conn: Conn) -> None:
        self.entries.append(f"on_connect {conn.kind}")

    async def on_disconnect(self, conn: Conn) -> None:
        self.entries.append(f"on_disconnect {conn.kind}")

    @action
    def add(self, number: int = 1) -> int:
        self.entries.append("add")
        self.state += number
        return self.state

    @action
    def read(self) -> list[str]:
        entries, self.entries = self.entries, []
        return entries
