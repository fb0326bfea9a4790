"""The open file: many writes in one transaction, what happens if that fails, and the log.

Everything here blocks; the writer's thread is the only one that calls it.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self, TypeAlias

import attrs

from trivet.declare.options import Durability
from trivet.ports.errors import StorageError
from trivet.ports.records import ActorRecord, Segment, Write as RowWrite
from trivet.storage.sqlite import faults
from trivet.storage.sqlite.address import Address
from trivet.storage.sqlite.opening import log_of, open_file
from trivet.storage.sqlite.records import Records
from trivet.storage.sqlite.refusals import explained

__all__ = ["Creation", "Database", "Write"]

logger = logging.getLogger(__name__)

LOG_LIMIT: Final = 4 * 1024 * 1024
"""Bytes that the log may have before it is emptied into the file."""


@attrs.frozen
class Creation:
    """The first save of an actor."""

    record: ActorRecord
    address: Address
    durability: Durability
    rows: Sequence[RowWrite] = ()


Write: TypeAlias = Creation | Segment


class Database:
    """An open file.

    Args:
        connection: Its owner.
        path: Where it is.

    Attributes:
        records: What is in it, to be read.
        failed: Whether the disk has failed, so that nothing is stored any more.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.records = Records(connection)
        self.failed = False
        self._connection = connection
        self._path = path
        self._log = log_of(path)
        self._log_limit = LOG_LIMIT
        self._was_emptied = True
        self._level = ""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file; see ``open_file``."""
        return cls(open_file(path), path)

    def store(self, writes: Sequence[Write]) -> list[StorageError | None]:
        """Store writes in one transaction, each whole or not at all.

        If one cannot be stored they are tried again one by one, so that it fails alone.

        Returns:
            What was wrong with each, in their order.
        """
        if self.failed:
            return [faults.failed_for_good() for _ in writes]
        try:
            return self._commit(writes)
        except sqlite3.Error as refused:
            error = self._explained(refused)
            if faults.ends_the_store(error):
                self._fail(error)
            elif faults.is_for_want_of_room(error):
                # What the log takes is given back when it is emptied.
                self._empty_log()
        return [self._store_alone(write) for write in writes]

    def tidy(self) -> None:
        """Empty the log if it is time for that."""
        if self.failed:
            return
        size = self._log.stat().st_size if self._log.exists() else 0
        if size >= self._log_limit:
            self._log_limit = LOG_LIMIT if self._empty_log() else size + LOG_LIMIT

    def close(self) -> None:
        """Bring everything into the file and close it."""
        if not self.failed:
            self._empty_log()
        elif sys.version_info >= (3, 12):
            # After a failed fsync nobody knows what the log on the disk has in it. It stays as it
            # is for the next process, whose reading stops where the checksums do.
            self._connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE)
        try:
            self._connection.close()
        except sqlite3.Error:
            logger.exception("the store was not closed", extra={"path": str(self._path)})

    def _store_alone(self, write: Write) -> StorageError | None:
        if self.failed:
            return faults.failed_for_good()
        try:
            return self._commit([write])[0]
        except sqlite3.Error as refused:
            error = self._explained(refused)
            if faults.ends_the_store(error):
                self._fail(error)
                return faults.failed_for_good()
            return faults.while_writing(error, _shown(write), str(self._path))

    def _commit(self, writes: Sequence[Write]) -> list[StorageError | None]:
        self._set_level(writes)
        execute = self._connection.execute
        execute("begin immediate")
        try:
            results = [self._apply(write) for write in writes]
            self.records.flush()
            execute("commit")
        except BaseException:
            self.records.forget()
            if self._connection.in_transaction:
                execute("rollback")
            raise
        self.records.committed()
        return results

    def _apply(self, write: Write) -> StorageError | None:
        try:
            if isinstance(write, Segment):
                self.records.change(write)
            else:
                self.records.create(write.record, write.address, write.rows)
        except StorageError as error:
            return error
        return None

    def _set_level(self, writes: Sequence[Write]) -> None:
        """Let the commit wait for the disk if one of the writes asks for it."""
        level = "full" if any(write.durability == "power" for write in writes) else "normal"
        if level != self._level:
            self._connection.execute(f"pragma synchronous = {level}")
            self._level = level

    def _empty_log(self) -> bool:
        """Bring the log into the file; saves are as durable without, so it may fail."""
        try:
            self._connection.execute("pragma wal_checkpoint(truncate)")
        except sqlite3.Error as refused:
            error = self._explained(refused)
            if faults.ends_the_store(error):
                self._fail(error)
            elif self._was_emptied:  # else it was said
                logger.warning(
                    "the log of the store was not emptied",
                    extra={"path": str(self._path), "error": str(error)},
                )
            self._was_emptied = False
        else:
            self._was_emptied = True
        return self._was_emptied

    def _explained(self, error: sqlite3.Error) -> sqlite3.Error:
        return explained(error, self._path.resolve(), self._log)

    def _fail(self, error: sqlite3.Error) -> None:
        self.failed = True
        logger.critical(
            "the disk has failed: nothing is stored any more by this process",
            extra={"path": str(self._path), "error": str(error)},
        )


def _shown(write: Write) -> str:
    return f"actor {write.record.id if isinstance(write, Creation) else write.actor_id}"
