"""A store in memory: everything ends with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs

from trivet.declare.options import Durability
from trivet.ports import ActorRecord, Committed, KeyTaken, Segment, StorageError

__all__ = ["MemoryStorage"]


class MemoryStorage:
    """Keeps actors in memory; nothing survives the process, so nothing waits for it.

    What it keeps lasts as long as the object does: opened again, it has everything still.
    """

    durable = False
    immediate = True

    def __init__(self) -> None:
        self._by_id: dict[str, ActorRecord] = {}
        self._by_key: dict[str, dict[tuple[str, ...], str]] = {}  # by name, then by key

    @property
    def failed(self) -> bool:
        """Whether it has failed for good, which memory does not."""
        return False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Do nothing: there is nothing to open."""
        yield

    async def create(self, record: ActorRecord, durability: Durability) -> None:
        """Store a new actor."""
        named = self._by_key.setdefault(record.name, {})
        existing = named.get(record.key)
        if existing is not None:
            raise KeyTaken(existing)
        if record.id in self._by_id:
            raise StorageError(f"there is an actor {record.id} already")
        self._by_id[record.id] = record
        named[record.key] = record.id

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return the actor with a key."""
        actor_id = self._by_key.get(name, {}).get(key)
        return None if actor_id is None else self._by_id[actor_id]

    async def load(self, actor_id: str) -> ActorRecord | None:
        """Return the actor with an id."""
        return self._by_id.get(actor_id)

    async def identify(self, actor_id: str) -> ActorRecord | None:
        """Return who the actor with an id is, without its state and connections."""
        record = self._by_id.get(actor_id)
        return None if record is None else _identity(record)

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return who has a key, without state and connections."""
        actor_id = self._by_key.get(name, {}).get(key)
        return None if actor_id is None else _identity(self._by_id[actor_id])

    async def list(self, name: str) -> list[ActorRecord]:
        """Return every actor of a name, oldest first, without states and connections."""
        found = [record for record in self._by_id.values() if record.name == name]
        found.sort(key=lambda record: record.created_at)
        return [_identity(record) for record in found]

    def commit(self, segment: Segment, done: Committed) -> None:
        """Store a segment, at once."""
        record = self._by_id.get(segment.actor_id)
        if record is None:
            done(StorageError(f"there is no actor {segment.actor_id}"))
            return
        connections = {conn.id: conn for conn in (*record.connections, *segment.connections)}
        for conn_id in segment.ended:
            connections.pop(conn_id, None)
        self._by_id[segment.actor_id] = attrs.evolve(
            record,
            state=record.state if segment.state is None else segment.state,
            connections=tuple(connections.values()),
        )
        done(None)


def _identity(record: ActorRecord) -> ActorRecord:
    return attrs.evolve(record, state=None, connections=())
