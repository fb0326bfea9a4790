"""A durable store whose saves end when, and as, the test says."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import attrs
import trio
import trio.testing

from trivet.declare.options import Durability
from trivet.ports.errors import RecordDamaged, StorageError, StorageFull
from trivet.ports.records import ActorRecord, Row, Segment, Space, StoredConnection, Write
from trivet.ports.storage import Committed
from trivet.storage.memory import MemoryStorage


@attrs.define(eq=False)
class Save:
    """One save on its way.

    Attributes:
        segment: What it stores.
        is_over: Whether the test has ended it, or a kill.
    """

    segment: Segment
    _store: HeldStorage
    _done: Committed
    is_over: bool = False

    @property
    def data(self) -> bytes | None:
        return self.segment.state

    def succeed(self) -> None:
        if not self._ends():
            return
        MemoryStorage.commit(self._store, self.segment, self._done)

    def fail(self, error: StorageError | None = None) -> None:
        if self._ends():
            self._done(error or StorageError("the disk says no"))

    def _ends(self) -> bool:
        was_over, self.is_over = self.is_over, True
        return not was_over


class HeldStorage(MemoryStorage):
    """Holds every save until the test ends it.

    Attributes:
        saves: Every save that was begun.
        holding: Whether saves wait for the test; else they succeed.
        full: Whether there is no room for any.
        broken: Whether finding and loading fails.
        damaged: The first key parts of actors whose records are damaged.
        records: Actors as they were created.
        killed: Whether its process was killed: what it is told from then on is lost.
    """

    durable = True
    immediate = False

    def __init__(self) -> None:
        super().__init__()
        self.saves: list[Save] = []
        self.holding = True
        self.full = False
        self.broken = False
        self.damaged: set[str] = set()
        self.records: list[ActorRecord] = []
        self.killed = False

    @property
    def pending(self) -> list[Save]:
        """The saves that are on their way."""
        return [save for save in self.saves if not save.is_over]

    async def store(self) -> None:
        """End the saves on their way, and those that they lead to."""
        while self.pending:
            for save in self.pending:
                save.succeed()
            await trio.testing.wait_all_tasks_blocked()

    def damage(self, name: str, *connections: StoredConnection, state: bytes | None = None) -> None:
        """Change what is stored of the actor of a name behind the back of everybody."""
        record = next(record for record in self._by_id.values() if record.name == name)
        self._by_id[record.id] = attrs.evolve(
            record,
            state=record.state if state is None else state,
            connections=connections or record.connections,
        )

    def after_kill(self) -> HeldStorage:
        """What another process finds when this one was killed now."""
        heir = HeldStorage()
        heir.holding = False
        self.bequeath(heir)
        return heir

    def bequeath(self, heir: HeldStorage) -> None:
        """Be killed, and leave what is stored to the store of another process."""
        self.killed = True
        for save in self.saves:
            save.is_over = True
        heir._by_id = dict(self._by_id)
        heir._by_key, heir._by_parent = deepcopy(self._by_key), deepcopy(self._by_parent)
        heir._alarms, heir._rows = list(self._alarms), deepcopy(self._rows)

    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        await trio.lowlevel.checkpoint()
        if self.killed:
            await trio.sleep_forever()
        if self.full:
            raise StorageFull("there is no room")
        self.records.append(record)
        await super().create(record, durability, writes)

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        await self._look()
        if key[0] in self.damaged:
            raise RecordDamaged(f"the record of {name}/{key[0]} does not match its checksum")
        return await super().find(name, key)

    async def load(self, actor_id: str) -> ActorRecord | None:
        await self._look()
        return await super().load(actor_id)

    async def identify(self, actor_id: str) -> ActorRecord | None:
        await self._look()
        return await super().identify(actor_id)

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        await self._look()
        return await super().identify_by_key(name, key)

    async def get(self, actor_id: str, space: Space, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        await self._look()
        return await super().get(actor_id, space, keys)

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
        await self._look()
        return await super().scan(actor_id, space, start, end, reverse=reverse, limit=limit)

    async def _look(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.broken:
            raise StorageError("the disk cannot be read")

    def commit(self, segment: Segment, done: Committed) -> None:
        save = Save(segment, self, done, is_over=self.killed)
        self.saves.append(save)
        if self.full:
            save.fail(StorageFull("there is no room"))
        elif not self.holding:
            save.succeed()
