"""Actors, saves, and a connection to SQLite that does what a test says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from trivet.ports.errors import StorageError
from trivet.ports.records import ActorRecord, Segment
from trivet.ports.storage import Storage
from trivet.storage.sqlite.database import Database
from trivet.storage.sqlite.opening import open_file
from trivet.storage.sqlite.storage import SqliteStorage

FULL: Final = sqlite3.SQLITE_FULL
FSYNC: Final = sqlite3.SQLITE_IOERR_FSYNC


def actor(actor_id: str, state: bytes | None = None) -> ActorRecord:
    """An actor whose key is its id."""
    return ActorRecord(
        id=actor_id, name="room", key=(actor_id,), created_at=1.0, generation=1, state=state
    )


async def commit(storage: Storage, *segments: Segment) -> list[StorageError | None]:
    """Commit segments in one go; return how each has ended."""
    answers: dict[int, StorageError | None] = {}
    over = trio.Event()

    def done(number: int, error: StorageError | None) -> None:
        answers[number] = error
        if len(answers) == len(segments):
            over.set()

    for number, segment in enumerate(segments):
        storage.commit(segment, partial(done, number))
    await over.wait()
    return [answers[number] for number in range(len(segments))]


def disk_error(code: int) -> sqlite3.OperationalError:
    """An error as SQLite raises it."""
    error = sqlite3.OperationalError("the test says so")
    error.sqlite_errorcode = code
    return error


class FaultyStorage(SqliteStorage):
    """A store whose statements the test hears of before they run, in the store's thread.

    Attributes:
        before: Called with each statement and its parameters; what it raises, the statement
            raises.
        connection: The connection, once it is open.
    """

    connection: sqlite3.Connection

    def __init__(self, path: Path, before: Callable[[str, Any], None] | None = None) -> None:
        super().__init__(path)
        self.before = before or _nothing

    def _open_database(self) -> Database:
        storage = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                storage.before(sql, parameters)
                return super().execute(sql, parameters)

            def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
                storage.before(sql, parameters)
                return super().executemany(sql, parameters)

        self.connection = open_file(self.path, factory=Connection)
        return Database(self.connection, self.path)


def _nothing(statement: str, parameters: Any) -> None:
    pass


class Hiding(sqlite3.Connection):
    """Finds nothing in one of the trees, as with a damaged page.

    Attributes:
        tree: Which; in the words of the statements that look there.
    """

    tree = "none"

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        hidden = sql.startswith("select") and self.tree in sql
        return super().execute("select 1 where 0") if hidden else super().execute(sql, parameters)
