"""A durable store whose saves end when, and as, the test says."""

from __future__ import annotations

import attrs
import trio

from trivet.declare.options import Durability
from trivet.ports import ActorRecord, Committed, Segment, StorageError, StorageFull
from trivet.storage.memory import MemoryStorage


@attrs.define(eq=False)
class Save:
    """One save on its way.

    Attributes:
        segment: What it stores.
    """

    segment: Segment
    _store: HeldStorage
    _done: Committed

    @property
    def data(self) -> bytes | None:
        return self.segment.state

    def succeed(self) -> None:
        MemoryStorage.commit(self._store, self.segment, self._done)

    def fail(self, error: StorageError | None = None) -> None:
        self._done(error or StorageError("the disk says no"))


class HeldStorage(MemoryStorage):
    """Holds every save until the test ends it.

    Attributes:
        saves: Every save that was begun.
        holding: Whether saves wait for the test; else they succeed.
        full: Whether there is no room for any.
        broken: Whether finding and loading fails.
        records: Actors as they were created.
    """

    durable = True
    immediate = False

    def __init__(self) -> None:
        super().__init__()
        self.saves: list[Save] = []
        self.holding = True
        self.full = False
        self.broken = False
        self.records: list[ActorRecord] = []

    async def create(self, record: ActorRecord, durability: Durability) -> None:
        await trio.lowlevel.checkpoint()
        self.records.append(record)
        await super().create(record, durability)

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        await self._look()
        return await super().find(name, key)

    async def load(self, actor_id: str) -> ActorRecord | None:
        await self._look()
        return await super().load(actor_id)

    async def _look(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.broken:
            raise StorageError("the disk cannot be read")

    def commit(self, segment: Segment, done: Committed) -> None:
        save = Save(segment, self, done)
        self.saves.append(save)
        if self.full:
            save.fail(StorageFull("there is no room"))
        elif not self.holding:
            save.succeed()
