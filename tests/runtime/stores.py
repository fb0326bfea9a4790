"""A durable store whose saves end when, and as, the test says."""

from __future__ import annotations

import attrs
import trio

from trivet.ports import ActorRecord, Segment, StorageError
from trivet.storage.memory import MemoryStorage


@attrs.define(eq=False)
class Save:
    """One save on its way.

    Attributes:
        data: The state it stores.
    """

    data: bytes | None
    _over: trio.Event = attrs.Factory(trio.Event)
    _error: StorageError | None = None

    def succeed(self) -> None:
        self._over.set()

    def fail(self) -> None:
        self._error = StorageError("the disk says no")
        self._over.set()

    async def wait(self) -> None:
        await self._over.wait()
        if self._error is not None:
            raise self._error


class HeldStorage(MemoryStorage):
    """Holds every save until the test ends it.

    Attributes:
        saves: Every save that was begun.
        holding: Whether saves wait for the test; else they succeed.
        broken: Whether finding and loading fails.
        records: Actors as they were created.
    """

    durable = True
    immediate = False

    def __init__(self) -> None:
        super().__init__()
        self.saves: list[Save] = []
        self.holding = True
        self.broken = False
        self.records: list[ActorRecord] = []

    async def create(self, record: ActorRecord) -> None:
        await trio.lowlevel.checkpoint()
        self.records.append(record)
        await super().create(record)

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

    async def commit(self, segment: Segment) -> None:
        save = Save(segment.state)
        self.saves.append(save)
        if self.holding:
            await save.wait()
        await super().commit(segment)
