"""A store in memory: everything ends with it."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager

import attrs

from trivet.declare.options import Durability
from trivet.ports.errors import Fenced, KeyTaken, StorageError
from trivet.ports.records import ActorRecord, Row, Segment, Space, Write
from trivet.ports.storage import Committed
from trivet.storage.sorted_rows import SortedRows

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
        self._by_parent: dict[str, dict[str, None]] = {}
        self._alarms: list[tuple[float, str]] = []  # soonest first
        self._rows: dict[str, dict[Space, SortedRows]] = {}

    @property
    def failed(self) -> bool:
        """Whether it has failed for good, which memory does not."""
        return False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Do nothing: there is nothing to open."""
        yield

    # Actors

    async def create(
        self, record: ActorRecord, durability: Durability, writes: Sequence[Write] = ()
    ) -> None:
        """Store a new actor."""
        named = self._by_key.setdefault(record.name, {})
        existing = named.get(record.key)
        if existing is not None:
            raise KeyTaken(existing)
        if record.id in self._by_id:
            raise StorageError(f"there is an actor {record.id} already")
        named[record.key] = record.id
        if record.parent is not None:
            self._by_parent.setdefault(record.parent, {})[record.id] = None
        self._by_id[record.id] = attrs.evolve(record, alarm=math.inf)
        self._set_alarm(record.id, record.alarm)
        self._write(record.id, writes)

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return the actor with a key."""
        actor_id = self._by_key.get(name, {}).get(key)
        return None if actor_id is None else self._by_id[actor_id]

    async def load(self, actor_id: str) -> ActorRecord | None:
        """Return the actor with an id."""
        return self._by_id.get(actor_id)

    async def identify(self, actor_id: str) -> ActorRecord | None:
        """Return who the actor with an id is."""
        record = self._by_id.get(actor_id)
        return None if record is None else _identity(record)

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return who has a key."""
        actor_id = self._by_key.get(name, {}).get(key)
        return None if actor_id is None else _identity(self._by_id[actor_id])

    async def children(self, actor_id: str) -> list[str]:
        """Return the ids of the actors whose parent this is or was, oldest first."""
        return [record.id for record in self._identities(self._by_parent.get(actor_id, ()))]

    async def alarms(self, limit: int) -> list[tuple[float, str]]:
        """Return who wants to be woken soonest."""
        return self._alarms[:limit]

    # Rows

    async def get(self, actor_id: str, space: Space, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there."""
        rows = self._rows.get(actor_id, {}).get(space)
        if rows is None:
            return {}
        found = {key: rows.get(key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

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
        """Return the rows of an actor whose keys are in a range."""
        rows = self._rows.get(actor_id, {}).get(space)
        return [] if rows is None else rows.scan(start, end, reverse=reverse, limit=limit)

    def _identities(self, ids: Iterable[str]) -> list[ActorRecord]:
        found = [_identity(self._by_id[actor_id]) for actor_id in ids]
        found.sort(key=lambda record: record.created_at)
        return found

    async def list(self, name: str) -> list[ActorRecord]:
        """Return who has a name, oldest first."""
        return self._identities(self._by_key.get(name, {}).values())

    # Saves

    def commit(self, segment: Segment, done: Committed) -> None:
        """Store a segment, at once."""
        record = self._by_id.get(segment.actor_id)
        if record is None:
            done(StorageError(f"there is no actor {segment.actor_id}"))
        elif segment.generation < record.generation:
            done(Fenced(f"a later life of actor {segment.actor_id} has saved"))
        else:
            if segment.destroyed:
                self._remove(record)
            else:
                self._change(record, segment)
            done(None)

    def _change(self, record: ActorRecord, segment: Segment) -> None:
        connections = {conn.id: conn for conn in (*record.connections, *segment.connections)}
        for conn_id in segment.ended:
            connections.pop(conn_id, None)
        self._by_id[record.id] = attrs.evolve(
            record,
            generation=segment.generation,
            state=record.state if segment.state is None else segment.state,
            connections=tuple(connections.values()),
        )
        if segment.alarm is not None:
            self._set_alarm(record.id, segment.alarm)
        self._write(record.id, segment.writes)

    def _write(self, actor_id: str, writes: Sequence[Write]) -> None:
        for space, key, value in writes:
            spaces = self._rows.setdefault(actor_id, {})
            spaces.setdefault(space, SortedRows()).put(key, value)

    def _set_alarm(self, actor_id: str, alarm: float) -> None:
        record = self._by_id[actor_id]
        if record.alarm != math.inf:
            del self._alarms[bisect_left(self._alarms, (record.alarm, actor_id))]
        if alarm != math.inf:
            insort(self._alarms, (alarm, actor_id))
        self._by_id[actor_id] = attrs.evolve(record, alarm=alarm)

    def _remove(self, record: ActorRecord) -> None:
        self._set_alarm(record.id, math.inf)
        del self._by_id[record.id]
        del self._by_key[record.name][record.key]
        if record.parent is not None:
            del self._by_parent[record.parent][record.id]
        self._rows.pop(record.id, None)


def _identity(record: ActorRecord) -> ActorRecord:
    return attrs.evolve(record, generation=0, alarm=math.inf, state=None, connections=())
