"""The deadline of a stop: by when a runtime that ends waits for its store no longer.

A store may hang: its disk does not answer, and nobody knows whether it will. While the runtime
runs, whoever waits for it waits on; once it stops, everything has the one grace, and the last
moments of that belong to leaving the store.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import trio

__all__ = ["LEAVING", "StopDeadline"]

LEAVING: Final = 1.0
"""Seconds at the end of the grace that leaving the store has, and at least has after it."""


class StopDeadline:
    """When a stop cuts what waits for the store; never, until it has begun."""

    def __init__(self) -> None:
        self._at = math.inf
        self._scopes: set[trio.CancelScope] = set()

    def begin(self, grace: float) -> None:
        """Begin to stop, within so many seconds."""
        self._at = trio.current_time() + max(grace - LEAVING, 0)
        for scope in self._scopes:
            scope.deadline = self._at

    @contextmanager
    def cutting(self) -> Generator[trio.CancelScope]:
        """Have the body cut at the end of a stop."""
        with trio.CancelScope(deadline=self._at) as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(self._at - trio.current_time(), 0)

    @property
    def left_for_a_save(self) -> float:
        """Seconds that a last save has: when turns have taken all, still enough for a sound disk."""
        return max(self.left, LEAVING)

    @property
    def left_for_leaving(self) -> float:
        """Seconds that leaving the store has."""
        return self.left + LEAVING
