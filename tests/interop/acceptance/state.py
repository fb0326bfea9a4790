"""Actors with state that lasts, and without."""

from __future__ import annotations

import attrs
import trio

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import ConnStateNotEnabled, StateNotEnabled
from trivet.declare.event import Event
from trivet.declare.options import Limits

__all__ = ["Ledger", "OldSettings", "Plain", "Settings", "SlowLedger", "Watched"]


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


class Watched(Actor[list[int]], name="watched"):
    """Tells of each change of its state."""

    changed = Event[int]()

    def __init__(self) -> None:
        self.calls = 0

    def on_state_change(self) -> None:
        self.calls += 1
        self.broadcast(Watched.changed, len(self.state))

    @action
    def append(self, times: int) -> int:
        """Change the state often."""
        for _ in range(times):
            self.state.append(len(self.state))
        return len(self.state)

    @action
    def change_all(self, times: int) -> int:
        """Change a number of a large state often, and return their sum."""
        for index in range(times):
            self.state[index] += 1
        return sum(self.state)

    @action
    def total(self) -> int:
        """Compute something."""
        doubled = [2 * number for number in self.state]
        return sum(doubled)

    @action
    def length(self) -> int:
        return len(self.state)

    @action
    def is_one_object(self) -> bool:
        first, second = self.state, self.state
        return first is second

    @action
    def count_calls(self) -> int:
        return self.calls


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
