"""What a store does for the runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from trivet.declare.options import Durability
from trivet.ports.errors import StorageError
from trivet.ports.records import ActorRecord, Row, Segment, Space, Write

__all__ = ["Committed", "Storage"]

Committed = Callable[[StorageError | None], None]
"""Hears what became of a segment."""


class Storage(Protocol):
    """Where actors live while they are not awake.

    Whoever waits in one of its coroutines can be cancelled, also while the medium hangs.

    Attributes:
        durable: Whether a committed segment survives the process. Effects wait for durable
            stores only.
        immediate: Whether its coroutines never suspend, so that they may run on any task.
    """

    durable: bool
    immediate: bool

    @property
    def failed(self) -> bool:
        """Whether it has failed for good."""
        ...

    def open(self) -> AbstractAsyncContextManager[None]:
        """Open the store for as long as the body runs; everything below works only then.

        Leaving waits until what was committed is stored. A deadline of the scopes around it
        bounds that; so it never takes longer than the stop of whoever opened it.

        Raises:
            NotStored: On leaving, if there was no time to store everything.
            StorageInUse: If somebody else has it open.
            StorageUnreadable: If what is there is no store, or one of a newer version.
        """
        ...

    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        """Store a new actor; on return it is as durable as asked.

        Cancelled, it has happened entirely or not at all, as soon as anybody reads.

        Args:
            record: The actor. Whether there is one with the id of its parent is not looked at.
            durability: What it has to survive.
            writes: Its first rows.

        Raises:
            KeyTaken: If the key is in use.
        """
        ...

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return the actor with a key.

        Raises:
            RecordDamaged: If what is stored of it is damaged.
        """
        ...

    async def load(self, actor_id: str) -> ActorRecord | None:
        """Return the actor with an id.

        Raises:
            RecordDamaged: If what is stored of it is damaged.
        """
        ...

    async def identify(self, actor_id: str) -> ActorRecord | None:
        """Return who the actor with an id is: what of its record never changes.

        It takes the same time whatever the size of the rest, and says nothing about it: of an
        actor whose state alone is damaged, it still says who that is.

        Raises:
            RecordDamaged: If who it is cannot be trusted.
        """
        ...

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return who has a key, like ``identify``.

        Raises:
            RecordDamaged: If who it is cannot be trusted.
        """
        ...

    async def children(self, actor_id: str) -> list[str]:
        """Return the ids of the actors whose parent this is or was, oldest first.

        Raises:
            RecordDamaged: If the list would not be complete and right.
        """
        ...

    async def alarms(self, limit: int) -> list[tuple[float, str]]:
        """Return who wants to be woken soonest: when, and the actor's id; soonest first.

        Args:
            limit: How many at most. Of those at the same moment it may be any.

        Raises:
            RecordDamaged: If the list would not be right.
        """
        ...

    async def get(self, actor_id: str, space: Space, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there; of an actor that is not there, none.

        Raises:
            RecordDamaged: If what is stored of them is damaged.
        """
        ...

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
        """Return the rows of an actor whose keys are in a range, in the order of their bytes.

        Args:
            actor_id: Whose they are; of an actor that is not there, there are none.
            space: What they are of.
            start: The first key.
            end: The first key behind them, ``None`` for all.
            reverse: Whether the last come first.
            limit: How many of those that come first, ``None`` for all.

        Raises:
            RecordDamaged: If the list would not be complete and right.
        """
        ...

    async def list(self, name: str) -> list[ActorRecord]:
        """Return who has a name, like ``identify``, oldest first.

        Raises:
            RecordDamaged: If the list would not be complete and right.
        """
        ...

    def commit(self, segment: Segment, done: Committed) -> None:
        """Store a segment; never blocks.

        Segments of one actor are stored in the order in which they are given; whoever finds or
        loads the actor, or reads its rows, after that sees what came of them.

        ``done`` hears of a ``StorageError`` if the actor is not there, and of ``Fenced`` if a later
        generation has saved already. Once an actor is destroyed its key is free.

        Args:
            segment: What has changed.
            done: Called exactly once, in Trio's thread, when the segment is as durable as it asks,
                or with the error if that is not possible; it may be called before this returns.
        """
        ...
