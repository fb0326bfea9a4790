"""Deadlines without a cancel scope per call: one heap and one task for a whole runtime.

Whoever has a deadline arms it with the earliest moment that anything of his could be due; when it
comes he looks, acts, and arms the next. So a busy actor has one entry, not one per call. An entry
does not keep its owner alive: what an actor had ends with it, not a minute later.
"""

from __future__ import annotations

import heapq
import itertools
import math
import weakref
from typing import Protocol

import trio

__all__ = ["Deadlines", "HasDeadline"]


class HasDeadline(Protocol):
    """Somebody with deadlines."""

    armed_at: float

    def deadline_passed(self, now: float) -> float:
        """Act on what is due and return when to look again, ``math.inf`` for never."""
        ...


class Deadlines:
    """The deadlines of one runtime."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, weakref.ref[HasDeadline]]] = []
        self._ties = itertools.count()
        self._changed = trio.Event()

    def arm(self, owner: HasDeadline, when: float) -> None:
        """Look at an owner no later than ``when``; an earlier look stays."""
        if when >= owner.armed_at:
            return
        owner.armed_at = when
        entry = (when, next(self._ties), weakref.ref(owner))
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._changed.set()

    async def watch(self) -> None:
        """Call whoever is due, until cancelled."""
        while True:
            when = self._heap[0][0] if self._heap else math.inf
            with trio.move_on_at(when) as scope:
                await self._changed.wait()
            self._changed = trio.Event()
            # As of the moment when Trio cancelled whoever has the same deadline, and not of now:
            # a caller must not hear that its call was dropped before its own scope is cancelled.
            if scope.cancelled_caught:
                self._run_due(when)

    def _run_due(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            when, _, reference = heapq.heappop(self._heap)
            owner = reference()
            if owner is None or when != owner.armed_at:
                continue  # it has ended, or was armed earlier since, and looked at then
            owner.armed_at = math.inf
            again = owner.deadline_passed(now)
            if again < math.inf:
                self.arm(owner, again)
