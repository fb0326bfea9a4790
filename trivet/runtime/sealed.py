"""Sealed: the segments of one actor that the next save stores together, as one."""

from __future__ import annotations

import attrs

from trivet.ports.records import Segment, Space, Write
from trivet.runtime.effects import Drop, Release

__all__ = ["Place", "Sealed"]

Place = tuple[Space, bytes]
"""Where a row is: its space and its key."""


class Sealed:
    """Segments in the order in which they ended.

    Args:
        first: The first of them.

    Attributes:
        writes: What they do to rows; of a row that several have written, only the last counts.
        told: Who rests on them and on nothing else, and hears when they are stored, or lost.
    """

    __slots__ = ("_segment", "told", "writes")

    def __init__(self, first: Segment) -> None:
        self._segment = first
        self.writes: dict[Place, bytes | None] = {}
        self.told: list[tuple[Release, Drop]] = []
        self._write(first)

    def add(self, later: Segment) -> None:
        """Add a segment behind the others."""
        earlier = self._segment
        connections = {conn.id: conn for conn in (*earlier.connections, *later.connections)}
        for conn_id in later.ended:
            connections.pop(conn_id, None)
        self._segment = Segment(
            actor_id=later.actor_id,
            generation=later.generation,
            durability=later.durability,
            state=earlier.state if later.state is None else later.state,
            connections=tuple(connections.values()),
            ended=earlier.ended + later.ended,
            alarm=earlier.alarm if later.alarm is None else later.alarm,
            destroyed=earlier.destroyed or later.destroyed,
        )
        self._write(later)

    @property
    def segment(self) -> Segment:
        """One segment that does what all do, one after the other."""
        if not self.writes:
            return self._segment
        writes = tuple(Write(*place, value) for place, value in self.writes.items())
        return attrs.evolve(self._segment, writes=writes)

    def _write(self, segment: Segment) -> None:
        for space, key, value in segment.writes:
            self.writes[space, key] = value
