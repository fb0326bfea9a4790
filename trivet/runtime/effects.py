"""Effects: what an actor has said and nobody has heard yet, in the order in which it was said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeAlias

from trivet.declare.errors import Error
from trivet.runtime.turn import Turn

__all__ = ["Drop", "Effects", "Release"]

Release: TypeAlias = Callable[[], object]
"""Lets an effect out; never blocks, never raises."""

Drop: TypeAlias = Callable[[Error], object]
"""Called instead if the save fails, with an error of its own."""

_Effect: TypeAlias = tuple[Release, Drop | None, Turn | None]


class Effects:
    """The effects of one actor that wait."""

    __slots__ = ("_row",)

    def __init__(self) -> None:
        self._row: deque[_Effect] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._row)

    def add(self, release: Release, drop: Drop | None, turn: Turn | None = None) -> None:
        """Put an effect behind all others, of a turn if it is one's own."""
        self._row.append((release, drop, turn))

    def take(self, count: int) -> list[Release]:
        """Take the first ones, to be let out."""
        return [self._row.popleft()[0] for _ in range(count)]

    def drop(self) -> Iterator[Drop | None]:
        """Let go of all; return how those hear of it who wait for one."""
        row, self._row = self._row, deque()
        return (drop for release, drop, _ in row if release is not _nothing)

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
