"""A durable store: one SQLite file."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from os import PathLike
from pathlib import Path
from typing import Final

import trio

from trivet.declare.options import Durability
from trivet.ports.errors import NotStored, StorageError, StorageInUse
from trivet.ports.records import ActorRecord, Row, Segment, Space, Write
from trivet.ports.storage import Committed
from trivet.runtime.cleanup import bounded_cleanup
from trivet.storage.sqlite import faults
from trivet.storage.sqlite.address import address_of, from_text
from trivet.storage.sqlite.database import Creation, Database
from trivet.storage.sqlite.writer import Writer

__all__ = ["SqliteStorage"]

logger = logging.getLogger(__name__)

CLOSING: Final = 15.0
"""Seconds in which everything committed must be stored when the store is left, at most."""


class SqliteStorage:
    """Keeps actors in one SQLite file, which survives the process and, by default, a power cut.

    A missing file is created, readable by its owner only; an empty one and one of another program
    are refused. One process at a time can have it open. Beside it, SQLite keeps its log in a file
    with ``-wal`` after the name: the two belong together.

    Leaving ``open`` waits until everything committed is stored, also when it is cancelled, but
    not longer than 15 seconds, nor than a deadline around it: a disk that hangs does not keep the
    process. What is not stored by then is told as ``NotStored``, and in the log.

    Args:
        path: The file; its folder must exist.

    Attributes:
        path: The file.
    """

    durable = True
    immediate = False

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self._writer: Writer | None = None
        self._failed = False

    @property
    def failed(self) -> bool:
        """Whether the disk has failed, so that this process stores nothing any more."""
        return self._failed or (self._writer is not None and self._writer.failed)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Open the file for as long as the body runs.

        Raises:
            StorageInUse: If it is open, here or in another process.
            StorageUnreadable: If it is empty, foreign, damaged, or of a newer version.
            StorageFailed: If its disk has failed before, in this process.
            StorageError: If it cannot be opened or created for another reason.
        """
        if self._writer is not None:
            raise StorageInUse(f"{self.path} is open already")
        if self._failed:
            raise faults.failed_for_good()
        self._writer = writer = Writer(self._open_database, f"trivet store {self.path.name}")
        writer.start()
        try:
            await writer.opened.wait()
            if writer.error is not None:
                raise writer.error
            yield
        finally:
            writer.stop()
            with bounded_cleanup(_time_left()):
                await writer.ended.wait()
            self._failed = writer.failed or not writer.ended.is_set()
            self._writer = None
            if writer.ended.is_set():
                writer.join()
            else:
                self._abandon(writer)

    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        """Store a new actor; cancelled, it has happened entirely or not at all.

        Raises:
            KeyTaken: If the key is in use.
            StorageError: If it cannot be stored.
        """
        address = address_of(record.name, record.key)
        await self._open_writer.store(Creation(record, address, durability, writes))

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return the actor with a key.

        Raises:
            RecordDamaged: If what is stored of it cannot be trusted.
        """
        address = address_of(name, key)
        return await self._open_writer.read(lambda database: database.records.find(address))

    async def load(self, actor_id: str) -> ActorRecord | None:
        """Return the actor with an id.

        Raises:
            RecordDamaged: If what is stored of it cannot be trusted.
        """
        encoded = from_text(actor_id)
        return await self._open_writer.read(lambda database: database.records.load(encoded))

    async def identify(self, actor_id: str) -> ActorRecord | None:
        """Return who the actor with an id is, without its state and connections.

        Raises:
            RecordDamaged: If who it is cannot be trusted.
        """
        encoded = from_text(actor_id)
        return await self._open_writer.read(lambda database: database.records.identify(encoded))

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return who has a key, without state and connections.

        Raises:
            RecordDamaged: If who it is cannot be trusted.
        """
        address = address_of(name, key)
        return await self._open_writer.read(lambda database: database.records.identify_at(address))

    async def children(self, actor_id: str) -> list[str]:
        """Return the ids of the actors whose parent this is or was, oldest first.

        Raises:
            RecordDamaged: If the list would not be complete and right.
        """
        encoded = from_text(actor_id)
        return await self._open_writer.read(lambda database: database.records.children(encoded))

    async def alarms(self, limit: int) -> list[tuple[float, str]]:
        """Return who wants to be woken soonest.

        Raises:
            RecordDamaged: If the list would not be right.
        """
        return await self._open_writer.read(lambda database: database.records.alarms(limit))

    async def get(self, actor_id: str, space: Space, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there.

        Raises:
            RecordDamaged: If what is stored of them is damaged.
        """
        encoded, wanted = from_text(actor_id), tuple(keys)
        return await self._open_writer.read(
            lambda database: database.records.get(encoded, space, wanted)
        )

    async def scan(
        self,
        actor_id: str,
        space: Space,
        start: bytes,
        end: bytes | None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[Row]:
        """Return the rows of an actor whose keys are in a range, in their order.

        Raises:
            RecordDamaged: If the list would not be complete and right.
        """
        encoded = from_text(actor_id)
        return await self._open_writer.read(
            lambda database: database.records.scan(
                encoded, space, start, end, reverse=reverse, limit=limit
            )
        )

    async def list(self, name: str) -> list[ActorRecord]:
        """Return every actor of a name, oldest first, without states and connections.

        Raises:
            RecordDamaged: If the list would not be complete and right.
        """
        encoded = from_text(name)
        return await self._open_writer.read(lambda database: database.records.list(encoded))

    def commit(self, segment: Segment, done: Committed) -> None:
        """Begin to store a segment; ``done`` hears how that ended."""
        if self._writer is None:
            done(StorageError("the store is not open"))
        else:
            self._writer.commit(segment, done)

    def _abandon(self, writer: Writer) -> None:
        """Go on without a thread that the disk does not answer.

        Raises:
            NotStored: If it had anything to store.
        """
        saves, actors = writer.abandon()
        extra = {"path": str(self.path), "saves": saves, "actors": actors}
        if saves:
            lost = f"the disk of {self.path} does not answer, not stored: {saves=}, {actors=}"
            logger.critical("%s", lost, extra=extra)
            raise NotStored(lost)
        logger.warning("the disk does not answer: the log stays beside the file", extra=extra)

    @property
    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StorageError("the store is not open")
        return self._writer

    def _open_database(self) -> Database:
        return Database.open(self.path)


def _time_left() -> float:
    """Return how long leaving may take: as long as whoever leaves has, if that is known."""
    left = trio.current_effective_deadline() - trio.current_time()
    return min(left, CLOSING) if left > 0 else CLOSING
