"""Effects: what an actor has said and nobody has heard yet, in the order in which it was said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from trivet.declare.errors import Error
from trivet.protocol.faults import Fault, error_of
from trivet.runtime.turn import Turn

__all__ = ["Drop", "Effects", "Release"]

Release: TypeAlias = Callable[[], object]
"""Lets an effect out; never blocks, never raises."""

Drop: TypeAlias = Callable[[Error], object]
"""Called instead if the save fails, with an error of its own."""

_Effect: TypeAlias = tuple[Release, Drop | None, Turn | None]


class Effects:
    """The effects of one actor that wait.

    Args:
        count: Counts those that are dropped without anybody hearing of it.

    Attributes:
        covered: So many of them, the first, stand behind what is sealed or in flight.
    """

    __slots__ = ("_count", "_row", "_saved_with", "covered")

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self.covered = 0
        self._row: deque[_Effect] = deque()
        self._saved_with = 0  # so many stand behind the save in flight

    def __len__(self) -> int:
        """How many wait."""
        return len(self._row)

    def add(self, release: Release, drop: Drop | None, turn: Turn | None = None) -> None:
        """Put an effect behind all others, of a turn if it is one's own."""
        self._row.append((release, drop, turn))

    @property
    def are_uncovered(self) -> bool:
        """Whether any stands behind something that is not sealed."""
        return len(self._row) > self.covered

    def cover(self) -> None:
        """Take note that everything they stand behind is sealed, or that it is nothing."""
        self.covered = len(self._row)

    def begin_save(self) -> None:
        """Take note that everything that is sealed is on its way into the store."""
        self._saved_with = self.covered

    def take_saved(self) -> list[Release]:
        """Take those that stand behind the save that is over, to be let out."""
        return self._take(self._saved_with)

    def take_covered(self) -> list[Release]:
        """Take all that stand behind something that is sealed."""
        return self._take(self.covered)

    def _take(self, count: int) -> list[Release]:
        self.covered -= count
        return [self._row.popleft()[0] for _ in range(count)]

    def drop(self, fault: Fault) -> None:
        """Drop all; those who wait for one are told why."""
        self.covered = 0
        row, self._row = self._row, deque()
        for release, drop, _ in row:
            if release is not _nothing:
                self.refuse(drop, fault)

    def refuse(self, drop: Drop | None, fault: Fault) -> None:
        """Drop one."""
        if drop is None:  # nobody hears of it: an event, or Init
            self._count("effect_dropped")
        else:
            drop(error_of(fault))

    def has_said(self, turn: Turn) -> bool:
        """Whether anything that a turn has said waits still."""
        return any(effect[2] is turn for effect in self._row)

    def take_back(self, turn: Turn) -> None:
        """Drop what a turn has said and nobody has heard; the places in the row stay."""
        self._row = deque(
            (_nothing, None, None) if effect[2] is turn else effect for effect in self._row
        )


def _nothing() -> None:
    """Stand where something was taken back."""
