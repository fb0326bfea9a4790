"""The rows of actors, each in two trees: by its key with its value, and by its key with its checksum.

Both are asked for the same keys and must give the same answer. So a row that one tree hides, or has
as it was at another time, is noticed; that there is none is believed if both say so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, get_args

from trivet.ports.errors import RecordDamaged
from trivet.ports.records import Row, Space, Write
from trivet.storage.sqlite import checksums
from trivet.storage.sqlite.address import to_text

__all__ = ["Rows"]

_PUT: Final = "insert or replace into rows values (?, ?, ?, ?, ?)"
_DELETE: Final = "delete from rows where actor = ? and space = ? and key = ?"
_DELETE_ALL: Final = "delete from rows where actor = ?"

_OF_SPACE: Final = "actor = ? and space = ? and key >= ?"
_WITH_VALUES: Final = f"select key, value, checksum from rows where {_OF_SPACE}"
_AGAIN: Final = f"select key, checksum from rows indexed by rows_again where {_OF_SPACE}"
_ENDS: Final = {
    (is_open, reverse): f"{'' if is_open else ' and key < ?'} order by key{order} limit ?"
    for is_open in (False, True)
    for reverse, order in ((False, ""), (True, " desc"))
}

_NUMBERS: Final[dict[Space, int]] = {space: n for n, space in enumerate(get_args(Space), 1)}
"""How the file names spaces; a new one comes last."""


class Rows:
    """The rows in an open file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, actor_id: bytes, space: Space, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Read the values of those keys that are there."""
        found = (self.scan(actor_id, space, key, key + b"\0", limit=1) for key in keys)
        return {row.key: row.value for rows in found for row in rows}

    def scan(
        self,
        actor_id: bytes,
        space: Space,
        start: bytes,
        end: bytes | None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[Row]:
        """Read the rows of a range, in key order."""
        number = _NUMBERS[space]
        parameters: Sequence[object] = (
            *(checksums.number_of(actor_id), number, start),
            *(() if end is None else (end,)),
            -1 if limit is None else limit,
        )
        rest = _ENDS[end is None, reverse]
        found: list[Row] = []
        listed: list[tuple[bytes, bytes]] = []
        row: tuple[bytes, bytes, bytes]
        for row in self._connection.execute(_WITH_VALUES + rest, parameters):
            key, value, checksum = row
            if not checksums.matches(checksum, checksums.of_row, actor_id, number, key, value):
                raise RecordDamaged(f"actor {to_text(actor_id)} is damaged: a row of {space}")
            found.append(Row(key, value))
            listed.append((key, checksum))
        if listed != self._connection.execute(_AGAIN + rest, parameters).fetchall():
            raise RecordDamaged(f"actor {to_text(actor_id)} is damaged: its rows of {space}")
        return found

    def write(self, actor_id: bytes, actor: int, writes: Iterable[Write]) -> None:
        """Set rows and remove them."""
        execute = self._connection.execute
        for space, key, value in writes:
            number = _NUMBERS[space]
            if value is None:
                execute(_DELETE, (actor, number, key))
            else:
                checksum = checksums.of_row(actor_id, number, key, value)
                execute(_PUT, (actor, number, key, value, checksum))

    def remove(self, actor: int) -> None:
        """Remove all rows of an actor."""
        self._connection.execute(_DELETE_ALL, (actor,))
