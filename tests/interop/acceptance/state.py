"""Actors with state that lasts, and without."""

from __future__ import annotations

import attrs
import trio

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import ConnStateNotEnabled, StateNotEnabled
from trivet.declare.event import Event
from trivet.declare.options import Limits

__all__ = ["Ledger", "OldSettings", "Plain", "Settings", "SlowLedger"]


class Ledger(
    Actor[int], name="ledger", durability="interval", grace=0, limits=Limits(save_interval=3600)
):
    """Stores nothing but what it is told to."""

    saved = Event[int]()

    @action
    def add(self, number: int) -> int:
        self.state += number
        return self.state

    @action
    async def save_and_wait(self, number: int) -> None:
        """Save in the middle of an action that never ends."""
        self.state += number
        await self.save()
        self.broadcast(Ledger.saved, self.state)
        await trio.sleep_forever()


class SlowLedger(
    Actor[int], name="slowLedger", durability="interval", limits=Limits(save_interval=0.05)
):
    """Answers at once, and stores a little later."""

    @action
    def add(self, number: int) -> int:
        self.state += number
        return self.state


@attrs.define
class OldValues:
    color: str = "red"


class OldSettings(Actor[OldValues], name="settings"):
    """What the settings were in an older program."""

    @action
    def paint(self, color: str) -> None:
        self.state.color = color


@attrs.define
class Values:
    color: str = "red"
    size: int = 10
    tags: set[str] = attrs.Factory(set[str])


class Settings(Actor[Values], name="settings"):
    @action
    def paint(self, color: str) -> None:
        self.state.color = color

    @action
    def tag(self, text: str) -> None:
        self.state.tags.add(text)

    @action
    def resize(self, size: int) -> None:
        self.state.size = size

    @action
    def values(self) -> list[str]:
        """Show all, with their types."""
        return [repr(value) for value in attrs.astuple(self.state, recurse=False)]


class Plain(Actor, name="plain"):
    """Has no state at all."""

    @action
    def ping(self) -> str:
        return "pong"

    @action
    def echo(self, text: str) -> str:
        return text

    @action
    def my_id(self) -> str:
        return self.id

    @action
    def read_state(self) -> str:
        try:
            return repr(self.state)
        except StateNotEnabled as error:
            return f"{error.group}.{error.code}"

    @action
    def fail_to_read_state(self) -> None:
        assert self.state

    @action
    def read_conn_state(self) -> str:
        try:
            return repr(self.conn.state)
        except ConnStateNotEnabled as error:
            return f"{error.group}.{error.code}"
