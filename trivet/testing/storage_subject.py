"""What the checks of ``check_storage`` have in common: the store under test, and short words."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from threading import get_ident
from typing import Final, TypeAlias

import attrs
import trio
import trio.testing

from trivet.declare.interfaces import ConnKind
from trivet.declare.options import Durability
from trivet.ports.errors import StorageError
from trivet.ports.records import ActorRecord, Segment, StoredConnection, Write
from trivet.ports.storage import Storage

__all__ = [
    "Checks",
    "Subject",
    "commit",
    "connection",
    "expect",
    "new_actor",
    "require",
    "segment",
    "shortened",
    "store",
    "who",
]

PATIENCE: Final = 60.0
"""Seconds after which a save that nobody has heard of counts as lost."""


class Subject:
    """A store under test.

    Args:
        next_one: Returns it at first, and then what must have the same in it.
    """

    def __init__(self, next_one: Callable[[], Storage]) -> None:
        self._next_one = next_one

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Storage]:
        """Open it; a second time as after a restart."""
        storage = self._next_one()
        async with storage.open():
            yield storage


Check: TypeAlias = Callable[[Subject], Awaitable[None]]


class Checks:
    """Sentences about stores, each with what checks it.

    Attributes:
        sentences: All of them, in the order in which they are checked.
    """

    def __init__(self) -> None:
        self.sentences: list[tuple[str, Check]] = []

    def says(self, sentence: str) -> Callable[[Check], None]:
        """Add a sentence; the function decorated with it is its check."""

        def add(check: Check) -> None:
            self.sentences.append((sentence, check))

        return add


def require(is_so: bool, otherwise: str) -> None:
    """Find fault unless something is so."""
    if not is_so:
        raise AssertionError(otherwise)


def new_actor(actor_id: str, *key: str, name: str = "room", at: float = 0.1) -> ActorRecord:
    """Make the record of an actor that its first life creates."""
    return ActorRecord(id=actor_id, name=name, key=key, created_at=at, generation=1)


def who(record: ActorRecord) -> ActorRecord:
    """Return what of a record never changes."""
    return attrs.evolve(record, generation=0, alarm=math.inf, state=None, connections=())


def segment(
    actor_id: str,
    generation: int = 1,
    *,
    durability: Durability = "power",
    state: bytes | None = None,
    connections: tuple[StoredConnection, ...] = (),
    ended: tuple[str, ...] = (),
    writes: tuple[Write, ...] = (),
    alarm: float | None = None,
    destroyed: bool = False,
) -> Segment:
    """Make a segment, of the actor's first life unless it says otherwise."""
    return Segment(
        actor_id=actor_id,
        generation=generation,
        durability=durability,
        state=state,
        connections=connections,
        ended=ended,
        writes=writes,
        alarm=alarm,
        destroyed=destroyed,
    )


def connection(
    connection_id: str, state: bytes | None = None, kind: ConnKind = "connection"
) -> StoredConnection:
    """Make a stored connection."""
    return StoredConnection(id=connection_id, state=state, kind=kind)


async def commit(storage: Storage, *segments: Segment) -> list[StorageError | None]:
    """Commit segments without waiting in between; return how each has ended."""
    answers: list[tuple[int, StorageError | None]] = []
    all_there = trio.Event()
    threads: set[int] = set()

    def done(number: int, error: StorageError | None) -> None:
        threads.add(get_ident())
        answers.append((number, error))
        if len(answers) >= len(segments):
            all_there.set()

    for number, one in enumerate(segments):
        storage.commit(one, partial(done, number))
    with trio.move_on_after(PATIENCE):
        await all_there.wait()
    # Whoever calls twice has the opportunity now.
    await trio.testing.wait_all_tasks_blocked()
    require(threads <= {get_ident()}, "`done` was called in another thread")
    numbers = sorted(number for number, _ in answers)
    require(numbers == list(range(len(segments))), f"of {len(segments)}, {numbers} were answered")
    return [error for _, error in sorted(answers, key=lambda answer: answer[0])]


async def store(storage: Storage, *segments: Segment) -> None:
    """Commit segments, each of which must be stored."""
    errors = await commit(storage, *segments)
    require(not any(errors), f"these came back: {[error for error in errors if error]}")


async def expect(storage: Storage, *records: ActorRecord) -> None:
    """Require that actors are stored just so."""
    for record in records:
        found = await storage.find(record.name, record.key)
        if found != record:
            raise AssertionError(f"it finds {shortened(found)} instead of {shortened(record)}")
        loaded = await storage.load(record.id)
        if loaded != record:
            raise AssertionError(f"it loads {shortened(loaded)} instead of {shortened(record)}")


def shortened(record: ActorRecord | None) -> str:
    """Show a record, not all of it if that is long."""
    text = repr(record)
    return text if len(text) < 300 else f"{text[:300]}…"
