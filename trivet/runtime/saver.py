"""The saver: one save of an actor at a time, and what goes with the next."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from trivet.ports import Segment, Storage, StorageError
from trivet.runtime.changes import merged
from trivet.runtime.passage import Passage

__all__ = ["Saver"]


class Saver:
    """Hands the sealed segments of one actor to the store.

    Args:
        storage: The store.
        landed: Called when a save is over, with the error if it failed.

    Attributes:
        is_saving: Whether a save is in flight.
        since: When that began.
    """

    __slots__ = (
        "_in_flight",
        "_landed",
        "_lost",
        "_sealed",
        "_storage",
        "_waiter",
        "is_saving",
        "since",
    )

    def __init__(self, storage: Storage, landed: Callable[[StorageError | None], None]) -> None:
        self.is_saving = False
        self.since = math.inf
        self._storage = storage
        self._landed = landed
        self._sealed: Segment | None = None
        self._in_flight: Segment | None = None
        self._lost: Segment | None = None  # what a failed save had: the next seal takes it along
        self._waiter: Passage | None = None

    @property
    def has_sealed(self) -> bool:
        """Whether there is something for the next save."""
        return self._sealed is not None

    def put(self, segment: Segment | None) -> None:
        """Put a sealed segment behind those before it; ``None`` is one without changes."""
        self._sealed = merged(merged(self._lost, self._sealed), segment)
        self._lost = None

    def save(self) -> None:
        """Begin to store everything that is sealed."""
        assert self._sealed is not None
        segment, self._sealed = self._sealed, None
        self._in_flight = segment
        self.is_saving = True
        self.since = trio.current_time()
        self._storage.commit(segment, self._over)

    def forget(self) -> None:
        """Let go of what is not in flight: it must not be stored any more."""
        self._sealed = self._lost = None

    async def wait_landed(self) -> None:
        """Wait for the save in flight, if there is one."""
        if self.is_saving:
            self._waiter = Passage()
            await self._waiter.wait()

    def _over(self, error: StorageError | None) -> None:
        self.is_saving = False
        if error is not None:
            self._lost, self._sealed = merged(self._in_flight, self._sealed), None
        self._in_flight = None
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.release()
        self._landed(error)
