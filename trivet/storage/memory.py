"""A store in memory: everything ends with it."""

from __future__ import annotations

import attrs

from trivet.ports import ActorRecord, KeyTaken, Segment, StorageError

__all__ = ["MemoryStorage"]


class MemoryStorage:
    """Keeps actors in memory; nothing survives the process, so nothing waits for it."""

    durable = False
    immediate = True

    def __init__(self) -> None:
        self._by_id: dict[str, ActorRecord] = {}
        self._by_key: dict[tuple[str, tuple[str, ...]], str] = {}

    async def create(self, record: ActorRecord) -> None:
        """Store a new actor."""
        existing = self._by_key.get((record.name, record.key))
        if existing is not None:
            raise KeyTaken(existing)
        self._by_id[record.id] = record
        self._by_key[record.name, record.key] = record.id

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return the actor with a key."""
        actor_id = self._by_key.get((name, key))
        return None if actor_id is None else self._by_id[actor_id]

    async def load(self, actor_id: str) -> ActorRecord | None:
        """Return the actor with an id."""
        return self._by_id.get(actor_id)

    async def list(self, name: str) -> list[ActorRecord]:
        """Return every actor of a name, oldest first."""
        return [record for record in self._by_id.values() if record.name == name]

    async def commit(self, segment: Segment) -> None:
        """Store a segment."""
        record = self._by_id.get(segment.actor_id)
        if record is None:
            raise StorageError(f"no actor {segment.actor_id}")
        self._by_id[segment.actor_id] = attrs.evolve(record, state=segment.state)
