"""The saver: one save of an actor at a time, and what goes with the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import trio

from trivet.ports.errors import StorageError
from trivet.ports.records import Segment
from trivet.ports.storage import Storage
from trivet.protocol.faults import Fault, error_of
from trivet.runtime.effects import Drop, Release
from trivet.runtime.passage import Passage
from trivet.runtime.sealed import Place, Sealed
from trivet.runtime.store_faults import save_fault

__all__ = ["Saver"]


class Saver:
    """Hands the sealed segments of one actor to the store.

    Args:
        storage: The store.
        landed: Called when a save is over, with the error if it failed.

    Attributes:
        is_saving: Whether a save is in flight.
        since: When that began.
        readers: Those who read rows right now: each gets to know what is stored meanwhile.
    """

    __slots__ = (
        "_in_flight",
        "_landed",
        "_lost",
        "_sealed",
        "_storage",
        "_waiter",
        "is_saving",
        "readers",
        "since",
    )

    def __init__(self, storage: Storage, landed: Callable[[StorageError | None], None]) -> None:
        self.is_saving = False
        self.since = math.inf
        self.readers: list[dict[Place, bytes | None]] = []
        self._storage = storage
        self._landed = landed
        self._sealed: Sealed | None = None
        self._in_flight: Sealed | None = None
        self._lost: Sealed | None = None  # what a failed save had: the next seal takes it along
        self._waiter: Passage | None = None

    @property
    def is_busy(self) -> bool:
        """Whether anything is on its way to the store."""
        return self.is_saving or self.has_sealed

    @property
    def has_sealed(self) -> bool:
        """Whether there is something for the next save."""
        return self._sealed is not None

    @property
    def unsaved(self) -> Iterator[dict[Place, bytes | None]]:
        """What has been written to rows and is not stored, the first first."""
        for part in (self._in_flight, self._lost, self._sealed):
            if part is not None and part.writes:
                yield part.writes

    def put(self, segment: Segment | None) -> None:
        """Put a sealed segment behind those before it; ``None`` is one without changes."""
        if self._lost is not None:
            self._sealed, self._lost = _joined(self._lost, self._sealed), None
        if segment is None:
            return
        if self._sealed is None:
            self._sealed = Sealed(segment)
        else:
            self._sealed.add(segment)

    def put_and_tell(self, segment: Segment, release: Release, drop: Drop) -> None:
        """Put a sealed segment behind those before it, and tell when it is stored, or lost.

        Args:
            segment: It touches nothing that a turn might have in hand.
            release: Called when it is stored; nothing else is waited for.
            drop: Called instead if that fails, with an error of its own.
        """
        self.put(segment)
        assert self._sealed is not None
        self._sealed.told.append((release, drop))

    def save(self) -> None:
        """Begin to store everything that is sealed."""
        assert self._sealed is not None
        self._in_flight, self._sealed = self._sealed, None
        self.is_saving = True
        self.since = trio.current_time()
        self._storage.commit(self._in_flight.segment, self._over)

    def forget(self, fault: Fault) -> None:
        """Let go of what is not in flight: it must not be stored any more."""
        forgotten = (self._lost, self._sealed)
        self._sealed = self._lost = None
        for sealed in forgotten:
            if sealed is not None:
                _tell_lost(sealed, fault)

    async def wait_landed(self) -> None:
        """Wait for the save in flight, if there is one."""
        if self.is_saving:
            self._waiter = Passage()
            await self._waiter.wait()

    def _over(self, error: StorageError | None) -> None:
        self.is_saving = False
        in_flight, self._in_flight = self._in_flight, None
        assert in_flight is not None
        if error is not None:
            _tell_lost(in_flight, save_fault(error))
            self._lost, self._sealed = _joined(in_flight, self._sealed), None
        else:
            for release, _ in in_flight.told:
                release()
            for missed in self.readers:
                missed.update(in_flight.writes)
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.release()
        self._landed(error)


def _joined(earlier: Sealed, later: Sealed | None) -> Sealed:
    if later is not None:
        earlier.add(later.segment)
        earlier.told += later.told
    return earlier


def _tell_lost(sealed: Sealed, fault: Fault) -> None:
    told, sealed.told = sealed.told, []
    for _, drop in told:
        drop(error_of(fault))
