"""Records: the store as the runtime and its server read it, with errors that callers understand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from trivet.declare.options import Durability
from trivet.logs import Throttled, about, printable
from trivet.ports.errors import KeyTaken, StorageError
from trivet.ports.records import ActorRecord, Row, Segment, Space, Write
from trivet.ports.storage import Storage
from trivet.protocol.faults import error_of
from trivet.runtime.passage import Passage
from trivet.runtime.stop_deadline import StopDeadline
from trivet.runtime.store_faults import NOT_SAVED, save_fault, unreadable

__all__ = ["Records"]

Alarms: TypeAlias = "list[tuple[float, str]]"

AFTER_ALL: Final = 2**62
"""A life that comes after all others: what it saves is refused by no store."""

throttled = Throttled(logging.getLogger(__name__))


class Records:
    """What a store knows of actors.

    Every method raises ``ActionError``: ``actor.state_corrupt`` for a damaged record,
    ``actor.state_not_loaded`` if the store cannot be read, also because it hangs when the runtime
    stops.

    Args:
        storage: The store.
        stop_deadline: By when nobody waits for it any more.
        count: Counts what fails.
    """

    def __init__(
        self, storage: Storage, stop_deadline: StopDeadline, count: Callable[[str], None]
    ) -> None:
        self._storage = storage
        self._stop_deadline = stop_deadline
        self._count = count

    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write]
    ) -> None:
        """Store a new actor.

        Raises:
            KeyTaken: If the key is in use.
            ActionError: ``actor.state_not_saved``.
        """
        try:
            await self._storage.create(record, durability, writes)
            return
        except KeyTaken:
            raise
        except StorageError as error:
            self._count("save_failed")
            throttled.error(
                "creating",
                "%s/%s: creating failed: %s",
                record.name,
                "/".join(record.key),
                error,
                extra=about(actor=record.name, key=record.key, actor_id=record.id),
            )
            fault = save_fault(error)
        raise error_of(fault)

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return the actor with a key."""
        with self._reading(f"{name}/{'/'.join(key)}", about(actor=name, key=key)):
            return await self._storage.find(name, key)

    async def load(self, actor_id: str) -> ActorRecord | None:
        """Return the actor with an id."""
        with self._reading(f"actor {actor_id}", about(actor_id=actor_id)):
            return await self._storage.load(actor_id)

    async def identify(self, actor_id: str) -> ActorRecord | None:
        """Return who the actor with an id is, without its state and connections."""
        with self._reading(f"actor {actor_id}", about(actor_id=actor_id)):
            return await self._storage.identify(actor_id)

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return who has a key, without state and connections."""
        with self._reading(f"{name}/{'/'.join(key)}", about(actor=name, key=key)):
            return await self._storage.identify_by_key(name, key)

    async def children(self, actor_id: str) -> Sequence[str]:
        """Return the ids of the actors whose parent this is or was, oldest first."""
        with self._reading(f"the children of actor {actor_id}", about(actor_id=actor_id)):
            return await self._storage.children(actor_id)

    async def remove(self, actor_id: str) -> None:
        """Remove an actor that has no instance, whatever its last life has saved.

        It is told to the store before this suspends.

        Raises:
            ActionError: ``actor.state_not_saved``.
        """
        passage = Passage()

        def over(error: StorageError | None) -> None:
            if error is None:
                passage.release()
            else:
                passage.drop(error_of(save_fault(error)))

        segment = Segment(actor_id=actor_id, generation=AFTER_ALL, destroyed=True)
        self._storage.commit(segment, over)
        with self._stop_deadline.cutting() as scope:
            await passage.wait()
        if scope.cancelled_caught:
            raise error_of(NOT_SAVED)

    async def get(self, actor_id: str, space: Space, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys of an actor that are there."""
        with self._reading(f"actor {actor_id}", about(actor_id=actor_id)):
            return await self._storage.get(actor_id, space, keys)

    async def scan(
        self,
        actor_id: str,
        space: Space,
        start: bytes,
        end: bytes | None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Sequence[Row]:
        """Return the rows of an actor whose keys are in a range."""
        with self._reading(f"actor {actor_id}", about(actor_id=actor_id)):
            return await self._storage.scan(
                actor_id, space, start, end, reverse=reverse, limit=limit
            )

    async def list(self, name: str) -> list[ActorRecord]:
        """Return every actor of a name, oldest first."""
        with self._reading(f"the actors of {name}", about(actor=name)):
            return await self._storage.list(name)

    async def alarms(self, limit: int) -> Alarms:
        """Return the soonest alarms: when, and of which actor."""
        with self._reading("the alarms", about()):
            return await self._storage.alarms(limit)

    @contextmanager
    def _reading(self, what: str, subject: dict[str, str]) -> Generator[None]:
        try:
            if self._storage.immediate:
                yield
                return
            with self._stop_deadline.cutting() as scope:
                yield
            if not scope.cancelled_caught:
                return
            raise StorageError("the store did not answer before the end of the stop")
        except StorageError as error:
            self._count("load_failed")
            throttled.error(
                "unreadable", "%s cannot be read: %s", printable(what), error, extra=subject
            )
            fault = unreadable(error)
        raise error_of(fault)
