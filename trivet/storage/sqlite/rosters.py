"""Rosters: how many actors have something in common, and their combined checksums.

Who lists them compares this with what an index finds; that a roster is not there is believed only
if the index knows no actor of it, either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from trivet.ports.errors import RecordDamaged
from trivet.storage.sqlite import checksums, faults
from trivet.storage.sqlite.address import to_text

__all__ = ["Rosters"]


class Rosters:
    """The rosters of one table.

    Args:
        connection: The open file.
        table: The table; its first column is called like what the actors have in common.
        title: That column.
        members: The query that finds actors by it in an index.
        covered: Makes the checksum of a roster.
        shown: What the list is called in messages.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        table: str,
        title: str,
        members: str,
        covered: Callable[[bytes, int, bytes], bytes],
        shown: str,
    ) -> None:
        self._connection = connection
        self._select = f"select count, combined, checksum from {table} where {title} = ?"
        self._replace = f"insert or replace into {table} values (?, ?, ?, ?)"
        self._delete = f"delete from {table} where {title} = ?"
        self._any_member = f"{members} limit 1"
        self._covered = covered
        self._shown = shown

    def read(self, title: bytes) -> tuple[int, int]:
        """Return how many actors are on a roster, and their combined checksums."""
        row: tuple[int, bytes, bytes] | None
        row = self._connection.execute(self._select, (title,)).fetchone()
        if row is None:
            if self._connection.execute(self._any_member, (title,)).fetchone() is not None:
                raise RecordDamaged(f"{self.shown(title)} is not complete")
            return 0, 0
        count, combined, checksum = row
        if not checksums.matches(checksum, self._covered, title, count, combined):
            raise RecordDamaged(f"{self.shown(title)} is damaged")
        return count, int.from_bytes(combined, "big")

    def write(self, title: bytes, count: int, combined: int) -> None:
        """Replace a roster; an empty one is none."""
        if count > 0:
            stored = combined.to_bytes(checksums.DIGEST, "big")
            checksum = self._covered(title, count, stored)
            self._connection.execute(self._replace, (title, count, stored, checksum))
        elif self._connection.execute(self._delete, (title,)).rowcount != 1:
            raise faults.Inconsistent(self.shown(title))

    def shown(self, title: bytes) -> str:
        """Name a roster."""
        return f"the list of {self._shown}{to_text(title)}"
