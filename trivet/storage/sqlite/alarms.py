"""Alarms: who wants to be woken, soonest first.

Each is in two trees in the same order, with the actor's id and in an index of the heads, and both
must say the same. So finding the soonest takes as long whatever the number of actors.
"""

from __future__ import annotations

import math
import sqlite3
from typing import Final

from trivet.ports.errors import RecordDamaged
from trivet.storage.sqlite import checksums, faults
from trivet.storage.sqlite.address import to_text
from trivet.storage.sqlite.heads import Head

__all__ = ["OF_HEADS", "SOONEST", "Alarms"]

_INSERT: Final = "insert into alarms values (?, ?, ?, ?)"
_DELETE: Final = "delete from alarms where at = ? and number = ?"
SOONEST: Final = "select at, number, actor, checksum from alarms order by at, number limit ?"
OF_HEADS: Final = (
    "select alarm, number from heads indexed by heads_by_alarm"
    " where alarm is not null order by alarm, number limit ?"
)


class Alarms:
    """The alarms in an open file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def soonest(self, limit: int) -> list[tuple[float, str]]:
        """Return when who wants to be woken."""
        found: list[tuple[float, str]] = []
        listed: list[tuple[float, int]] = []
        row: tuple[float, int, bytes, bytes]
        for row in self._connection.execute(SOONEST, (limit,)):
            when, number, actor_id, checksum = row
            if not checksums.matches(checksum, checksums.of_alarm, actor_id, when):
                raise RecordDamaged("an alarm is damaged")
            found.append((when, to_text(actor_id)))
            listed.append((when, number))
        if listed != self._connection.execute(OF_HEADS, (limit,)).fetchall():
            raise RecordDamaged("the list of alarms is not complete")
        return found

    def set(self, actor_id: bytes, head: Head, when: float) -> Head:
        """Set the alarm of an actor; return the head that knows it, too."""
        if head.alarm != math.inf:
            before = (head.alarm, head.number)
            if self._connection.execute(_DELETE, before).rowcount != 1:
                raise faults.Inconsistent("its alarm")
        when += 0.0  # SQLite stores a negative zero as zero
        if when != math.inf:
            checksum = checksums.of_alarm(actor_id, when)
            self._connection.execute(_INSERT, (when, head.number, actor_id, checksum))
        return head._replace(alarm=when)
