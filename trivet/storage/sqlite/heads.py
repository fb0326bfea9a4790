"""Heads: the small record of an actor that names its present state and its connections.

It has the alarm, too, by which an index finds it again; so that is written only when it changes.
"""

from __future__ import annotations

import math
import sqlite3
from typing import Final, NamedTuple

from trivet.ports.errors import RecordDamaged
from trivet.storage.sqlite import checksums, faults
from trivet.storage.sqlite.address import to_text

__all__ = ["Head", "Heads"]

MOST_KNOWN: Final = 50_000
"""Heads that are kept in memory, so that a save need not read what the last one wrote."""

_INSERT: Final = (
    "insert into heads (version, position, count, combined, checksum, generation, alarm, number)"
    " values (?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE: Final = (
    "update heads set version = ?, position = ?, count = ?, combined = ?, checksum = ?"
    " where number = ?"
)
_UPDATE_LIFE: Final = "update heads set generation = ?, alarm = ? where number = ?"
_SELECT: Final = (
    "select version, position, count, combined, checksum, generation, alarm"
    " from heads where number = ?"
)
_DELETE: Final = "delete from heads where number = ?"


class Head(NamedTuple):
    """What an actor has.

    Attributes:
        number: What its head and its state are looked up by.
        version: How often its state was stored; its state's record has the same number.
        position: How many connections it ever had: the next one's place among them.
        connections: How many connections it has.
        combined: The combined checksums of these.
        generation: Which of its lives has saved last.
        alarm: When it wants to be woken.
    """

    number: int
    version: int
    position: int = 0
    connections: int = 0
    combined: int = 0
    generation: int = 0
    alarm: float = math.inf

    def with_next_version(self) -> Head:
        """Return the head of the next state."""
        # Each save does this: `_replace` would take longer than hashing the state.
        number, version, position, connections, combined, generation, alarm = self
        return Head(number, version + 1, position, connections, combined, generation, alarm)


class Heads:
    """The heads in an open file, and those of the transaction that is not committed yet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[bytes, Head] = {}
        self._changed: dict[bytes, Head] = {}
        self._lives: dict[int, tuple[int, float]] = {}  # new generations and alarms, by number

    def is_there(self, actor_id: bytes) -> bool:
        """Whether an actor has a head."""
        number = checksums.number_of(actor_id)
        return self._connection.execute(_SELECT, (number,)).fetchone() is not None

    def stored(self, actor_id: bytes) -> Head | None:
        """Read a head."""
        row: tuple[int, int, int, bytes, bytes, int, float | None] | None
        number = checksums.number_of(actor_id)
        row = self._connection.execute(_SELECT, (number,)).fetchone()
        if row is None:
            return None
        version, position, count, combined, checksum, generation, stored_alarm = row
        alarm = math.inf if stored_alarm is None else stored_alarm
        covered = actor_id, version, position, count, combined, generation, alarm
        if not checksums.matches(checksum, checksums.of_head, *covered):
            raise RecordDamaged(f"actor {to_text(actor_id)} is damaged: its head")
        together = int.from_bytes(combined, "big")
        return Head(number, version, position, count, together, generation, alarm)

    def current(self, actor_id: bytes) -> Head | None:
        """Return a head as this transaction has it, if it need not be read."""
        return self._changed.get(actor_id) or self._known.get(actor_id)

    def add(self, actor_id: bytes, head: Head) -> None:
        """Write the head of a new actor."""
        *what, number = _row(actor_id, head)
        alarm = None if head.alarm == math.inf else head.alarm
        self._connection.execute(_INSERT, (*what, head.generation, alarm, number))

    def change(self, actor_id: bytes, head: Head) -> None:
        """Have a head written by ``flush``."""
        self._changed[actor_id] = head

    def change_life(self, head: Head) -> None:
        """Have the generation and the alarm of a head written as well."""
        self._lives[head.number] = (head.generation, head.alarm)

    def remove(self, actor_id: bytes, head: Head) -> None:
        """Remove a head."""
        self._changed.pop(actor_id, None)
        self._known.pop(actor_id, None)
        self._lives.pop(head.number, None)
        if self._connection.execute(_DELETE, (head.number,)).rowcount != 1:
            raise faults.Inconsistent("it has no head")

    def flush(self) -> None:
        """Write the changed heads."""
        if self._lives:
            lives = [
                (generation, None if alarm == math.inf else alarm, number)
                for number, (generation, alarm) in self._lives.items()
            ]
            self._connection.executemany(_UPDATE_LIFE, lives)
        rows = [_row(actor_id, head) for actor_id, head in self._changed.items()]
        if rows and self._connection.executemany(_UPDATE, rows).rowcount != len(rows):
            raise faults.Inconsistent("it has no head")

    def committed(self) -> None:
        """Remember what was written."""
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        self._known.update(self._changed)
        self._changed.clear()
        self._lives.clear()

    def forget(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._changed.clear()
        self._lives.clear()


def _row(actor_id: bytes, head: Head) -> tuple[int, int, int, bytes, bytes, int]:
    number, version, position, count, together, generation, alarm = head
    combined = together.to_bytes(checksums.DIGEST, "big")
    checksum = checksums.of_head(actor_id, version, position, count, combined, generation, alarm)
    return version, position, count, combined, checksum, number
