"""What a store has to have: actors with their rows, made by chance, and what segments make of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from random import Random
from typing import get_args

import attrs

from trivet.declare.interfaces import ConnKind
from trivet.ports.records import ActorRecord, Row, Segment, Space, StoredConnection, Write
from trivet.testing.storage_subject import who

NAMES = ("room", "counter")
SPACES: tuple[Space, ...] = get_args(Space)

PARENTS = ("mother", "father")

RowsOf = dict[tuple[Space, bytes], bytes]
"""The rows of one actor, by their spaces and keys."""


class World(dict[str, ActorRecord]):
    """The actors that are stored, by their ids.

    Attributes:
        rows: Their rows, by the ids of those that have any.
    """

    def __init__(self, records: Mapping[str, ActorRecord] | None = None) -> None:
        super().__init__(records or {})
        self.rows: dict[str, RowsOf] = {}

    def copied(self) -> World:
        world = World(self)
        world.rows = {actor_id: dict(rows) for actor_id, rows in self.rows.items()}
        return world

    def write(self, actor_id: str, writes: Iterable[Write]) -> None:
        rows = self.rows.setdefault(actor_id, {})
        for space, key, value in writes:
            if value is None:
                rows.pop((space, key), None)
            else:
                rows[space, key] = value

    def scan(self, actor_id: str, space: Space, start: bytes, end: bytes | None) -> list[Row]:
        return [
            Row(key, value)
            for (where, key), value in sorted(self.rows.get(actor_id, {}).items())
            if where == space and start <= key and (end is None or key < end)
        ]

    def apply(self, segment: Segment) -> None:
        """Do what a segment says."""
        if segment.destroyed:
            del self[segment.actor_id]
            self.rows.pop(segment.actor_id, None)
        else:
            self[segment.actor_id] = after(self[segment.actor_id], segment)
            self.write(segment.actor_id, segment.writes)


def record(random: Random, number: int) -> ActorRecord:
    return ActorRecord(
        id=f"{random.getrandbits(64):016x}",
        name=random.choice(NAMES),
        key=(f"key {number}", *("é" * random.randrange(40),) * random.randrange(3)),
        created_at=float(number),
        parent=random.choice([None, None, *PARENTS]),
        generation=1,
        alarm=random.choice([math.inf, random.random()]),
        state=state(random),
        connections=tuple(connection(random) for _ in range(random.choice([0, 0, 1, 5]))),
    )


def state(random: Random) -> bytes | None:
    size = random.choice([None, 0, 30, 300, 300, 3_000, 20_000])
    return None if size is None else random.randbytes(random.randrange(size + 1))


def connection(random: Random) -> StoredConnection:
    state = None if random.random() < 0.3 else random.randbytes(random.randrange(80))
    kind: ConnKind = random.choice(["connection", "websocket"])
    return StoredConnection(
        id=f"{random.getrandbits(48):012x}",
        state=state,
        kind=kind,
        subscriptions=tuple(random.sample(["said", "é", ""], random.randrange(3))),
        link=random.choice([None, b"", random.randbytes(9)]),
    )


def rows(random: Random) -> tuple[Write, ...]:
    """Writes of a few rows, among them some that have been written before."""
    writes: dict[tuple[Space, bytes], bytes | None] = {
        (random.choice(SPACES), b"%02d" % random.randrange(30)): random.choice(
            [None, b"", random.randbytes(random.choice([9, 90, 900, 9_000]))]
        )
        for _ in range(random.choice([0, 0, 3, 12]))
    }
    return tuple(Write(space, key, value) for (space, key), value in writes.items())


def after(before: ActorRecord, segment: Segment) -> ActorRecord:
    """What a segment makes of an actor."""
    connections = {one.id: one for one in before.connections}
    connections |= {one.id: one for one in segment.connections}
    return attrs.evolve(
        before,
        generation=segment.generation,
        alarm=before.alarm if segment.alarm is None else segment.alarm,
        state=before.state if segment.state is None else segment.state,
        connections=tuple(one for one in connections.values() if one.id not in segment.ended),
    )


def alarms_in(world: Mapping[str, ActorRecord]) -> list[tuple[float, str]]:
    return sorted((one.alarm, one.id) for one in world.values() if one.alarm != math.inf)


def children_in(world: Mapping[str, ActorRecord], parent: str) -> list[str]:
    found = [one for one in world.values() if one.parent == parent]
    return [one.id for one in sorted(found, key=lambda one: (one.created_at, one.id))]


def listed_in(world: Mapping[str, ActorRecord], name: str) -> list[ActorRecord]:
    found = [who(one) for one in world.values()]
    return sorted((one for one in found if one.name == name), key=lambda one: one.created_at)
