"""The stores that trivet brings do what the port says; and stores that do not are found out."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import attrs
import pytest
import trio

from trivet.declare.options import Durability
from trivet.ports.errors import KeyTaken
from trivet.ports.records import ActorRecord, Segment, Write
from trivet.ports.storage import Committed
from trivet.storage.memory import MemoryStorage
from trivet.storage.sqlite.storage import SqliteStorage
from trivet.testing.conformance import check_storage


async def test_memory() -> None:
    await check_storage(MemoryStorage)


@pytest.mark.slow
async def test_sqlite(tmp_path: Path) -> None:
    numbers = count()
    await check_storage(
        lambda: SqliteStorage(tmp_path / f"{next(numbers)}.db"),
        reopened=lambda storage: SqliteStorage(storage.path),
    )


class Forgetful(MemoryStorage):
    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        self.__init__()  # type: ignore[misc]
        yield


class Joining(MemoryStorage):
    """Takes `("a", "b")` for `("a/b",)`."""

    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        joined = attrs.evolve(record, key=("/".join(record.key),))
        await super().create(joined, durability, writes)
        self._by_id[record.id] = record

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        return await super().find(name, ("/".join(key),))

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        return await super().identify_by_key(name, ("/".join(key),))


class Replacing(MemoryStorage):
    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        self._by_key.get(record.name, {}).pop(record.key, None)
        await super().create(record, durability, writes)


class Misnaming(MemoryStorage):
    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        try:
            await super().create(record, durability, writes)
        except KeyTaken:
            raise KeyTaken(record.id) from None


class Unsorted(MemoryStorage):
    async def list(self, name: str) -> list[ActorRecord]:
        return (await super().list(name))[::-1]


class Revealing(MemoryStorage):
    async def list(self, name: str) -> list[ActorRecord]:
        return [self._by_id[record.id] for record in await super().list(name)]


class Telling(MemoryStorage):
    """Tells the state with who an actor is."""

    async def identify(self, actor_id: str) -> ActorRecord | None:
        return await self.load(actor_id)


class TellingByKey(MemoryStorage):
    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        return await self.find(name, key)


class Mistaking(MemoryStorage):
    """Takes whoever it created last for everybody."""

    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        await super().create(record, durability, writes)
        self.last = record.id

    async def identify(self, actor_id: str) -> ActorRecord | None:
        return await super().identify(self.last)


class Clearing(MemoryStorage):
    """Takes a segment without a state for one that removes it."""

    def commit(self, segment: Segment, done: Committed) -> None:
        record = self._by_id.get(segment.actor_id)
        if record is not None:
            self._by_id[record.id] = attrs.evolve(record, state=None)
        super().commit(segment, done)


class Rejuvenating(MemoryStorage):
    """Makes a changed connection the youngest."""

    def commit(self, segment: Segment, done: Committed) -> None:
        changed = tuple(one.id for one in segment.connections)
        super().commit(attrs.evolve(segment, state=None, connections=(), ended=changed), done)
        super().commit(segment, lambda _: None)


class Tearing(MemoryStorage):
    """Stores connections a moment after the state."""

    def commit(self, segment: Segment, done: Committed) -> None:
        first, second = attrs.evolve(segment, connections=()), attrs.evolve(segment, state=None)
        super().commit(first, lambda _: None)
        token = trio.lowlevel.current_trio_token()
        token.run_sync_soon(lambda: super(Tearing, self).commit(second, done))

    async def load(self, actor_id: str) -> ActorRecord | None:
        found = await super().load(actor_id)
        await trio.lowlevel.checkpoint()
        return found


class Reversing(MemoryStorage):
    """Stores what comes in one go in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Segment, Committed]] = []

    def commit(self, segment: Segment, done: Committed) -> None:
        self.waiting.append((segment, done))
        trio.lowlevel.current_trio_token().run_sync_soon(self.store_last)

    def store_last(self) -> None:
        super().commit(*self.waiting.pop())


class Inventing(MemoryStorage):
    def commit(self, segment: Segment, done: Committed) -> None:
        if segment.actor_id not in self._by_id:
            record = ActorRecord(id=segment.actor_id, name="", key=(), created_at=0)
            self._by_id[segment.actor_id] = record
        super().commit(segment, done)


class Repeating(MemoryStorage):
    def commit(self, segment: Segment, done: Committed) -> None:
        super().commit(segment, done)
        done(None)


class Elsewhere(MemoryStorage):
    """Answers in a thread of its own."""

    def commit(self, segment: Segment, done: Committed) -> None:
        thread = threading.Thread(target=super().commit, args=(segment, done))
        thread.start()
        thread.join()


class Mute(MemoryStorage):
    def commit(self, segment: Segment, done: Committed) -> None:
        super().commit(segment, lambda _: None)


class Half(MemoryStorage):
    """Loses the state if it is cancelled."""

    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        await super().create(attrs.evolve(record, state=None), durability, writes)
        await trio.lowlevel.checkpoint()
        self._by_id[record.id] = record


class Small(MemoryStorage):
    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        small = attrs.evolve(record, state=(record.state or b"")[:1_000])
        await super().create(small, durability, writes)


class Failed(MemoryStorage):
    @property
    def failed(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (Forgetful, "removes those that ended"),
        (Joining, "look alike are told apart"),
        (Replacing, "raises KeyTaken"),
        (Misnaming, "raises KeyTaken"),
        (Unsorted, "oldest first"),
        (Revealing, "without states"),
        (Telling, "Who an actor is .* without state and connections. But by their ids"),
        (TellingByKey, "Who an actor is .* without state and connections. But by their keys"),
        (Mistaking, "Who an actor is .* But by their ids"),
        (Clearing, "without a state leaves it"),
        (Rejuvenating, "keep their age"),
        (Tearing, "nobody ever sees a part"),
        (Reversing, "in the order given"),
        (Inventing, "unknown actor is a StorageError"),
        (Half, "entirely or not at all"),
        (Small, "whole and unchanged"),
        (Failed, "has not failed"),
    ],
)
async def test_what_is_broken_is_found_and_named(
    broken: type[MemoryStorage], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        await check_storage(broken)


@pytest.mark.parametrize(
    ("broken", "seen"),
    [(Repeating, "were answered"), (Elsewhere, "another thread"), (Mute, "were answered")],
)
async def test_done_that_is_called_wrongly_is_seen(
    broken: type[MemoryStorage], seen: str, autojump_clock: trio.testing.MockClock
) -> None:
    with pytest.raises(AssertionError, match=seen):
        await check_storage(broken)


async def test_an_unexpected_error_says_what_was_checked() -> None:
    class Raising(MemoryStorage):
        async def list(self, name: str) -> list[ActorRecord]:
            raise RuntimeError("oops")

    with pytest.raises(RuntimeError, match="oops") as caught:
        await check_storage(Raising)
    assert "neither found, loaded, identified nor listed" in caught.value.__notes__[0]
