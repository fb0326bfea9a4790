"""The timetable of an actor: which of its calls are to come, and when; pure data.

Rules this file keeps:

1. Times are seconds since the epoch. What comes again and again has one next time: however many
   have passed meanwhile, they come as one.
2. What comes every so many seconds is counted from its anchor, so it does not drift. What a cron
   expression says is worked out anew by the rules of its zone as they are now.
3. Calls that are due at the same time come in the order in which they were put down.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import attrs

from trivet.declare.schedule import Cron
from trivet.declare.values import Place, shape_of

__all__ = ["KEPT_RUNS", "PlannedCall", "Timetable", "decode_call", "encode_call"]

KEPT_RUNS: Final = 100
"""Runs of a call that are remembered, unless it says otherwise."""


@attrs.frozen(kw_only=True)
class PlannedCall:
    """A call that is to come, as it is stored.

    Attributes:
        id: Its id.
        number: How many were put down before it.
        action: The action's name on the wire.
        args: Its arguments, encoded.
        due: When it comes next.
        every: Seconds between two calls, counted from ``anchor``.
        anchor: When that was put down.
        cron: The expression that says when it comes.
        timezone: In which zone.
        keeps: How many of its runs are remembered.
        runs: How many have come.
    """

    id: str
    number: int
    action: str
    args: bytes
    due: float
    every: float | None = None
    anchor: float = 0.0
    cron: str | None = None
    timezone: str = "UTC"
    keeps: int = KEPT_RUNS
    runs: int = 0

    @property
    def comes_again(self) -> bool:
        """Whether it comes again and again."""
        return self.every is not None or self.cron is not None

    def in_place_of(self, earlier: PlannedCall) -> PlannedCall:
        """Return it as what replaces a call with its name: what is timed alike keeps its time."""
        is_timed_alike = self.comes_again and (self.every, self.cron, self.timezone) == (
            earlier.every,
            earlier.cron,
            earlier.timezone,
        )
        due, anchor = (earlier.due, earlier.anchor) if is_timed_alike else (self.due, self.anchor)
        return attrs.evolve(self, due=due, anchor=anchor, runs=earlier.runs)

    def following(self, now: float) -> PlannedCall | None:
        """Return what is left of it when it has come; ``None`` if it does not come again."""
        due = self._next_time(now)
        return None if due is None else attrs.evolve(self, due=due, runs=self.runs + 1)

    def as_of(self, now: float) -> PlannedCall | None:
        """Return it by the rules of its zone, which may be others than when it was stored.

        Returns:
            The call, ``None`` if it never comes any more.
        """
        if self.cron is None:
            return self
        is_right = self._cron_time(self.due - 1) == self.due
        if self.due <= now and is_right:
            return self  # it was missed, and comes late
        due = self._cron_time(now)
        return None if due is None else attrs.evolve(self, due=due)

    def _next_time(self, now: float) -> float | None:
        if self.every is not None:
            passed = math.floor((max(now, self.due) - self.anchor) / self.every)
            return self.anchor + (passed + 1) * self.every
        return None if self.cron is None else self._cron_time(max(now, self.due))

    def _cron_time(self, behind: float) -> float | None:
        assert self.cron is not None
        found = Cron(self.cron, self.timezone).after(datetime.fromtimestamp(behind, UTC))
        return None if found is None else found.timestamp()


_stored = shape_of(PlannedCall, place=Place.STATE, where="the timetable")


def encode_call(call: PlannedCall) -> bytes:
    """Bring a call into its stored form."""
    return _stored.encode(call)


def decode_call(data: bytes) -> PlannedCall:
    """Read the stored form.

    Raises:
        ValidationError: If it is another version's.
    """
    call: PlannedCall = _stored.decode(data)
    return call


class Timetable:
    """The calls of one actor, by their ids, and the next of them."""

    def __init__(self) -> None:
        self._calls: dict[str, PlannedCall] = {}
        self._heap: list[tuple[float, int, str]] = []  # with those that were replaced since
        self.number = 0

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[PlannedCall]:
        """Iterate over the calls, the next first."""
        return iter(sorted(self._calls.values(), key=lambda call: (call.due, call.number)))

    def get(self, call_id: str) -> PlannedCall | None:
        """Return a call."""
        return self._calls.get(call_id)

    def put(self, call: PlannedCall) -> None:
        """Put a call down, or another in its place."""
        self._calls[call.id] = call
        self.number = max(self.number, call.number + 1)
        heapq.heappush(self._heap, (call.due, call.number, call.id))

    def remove(self, call_id: str) -> PlannedCall | None:
        """Remove a call, and return it."""
        return self._calls.pop(call_id, None)

    @property
    def next_due(self) -> float:
        """When the next call comes, ``math.inf`` if none does."""
        call = self._first()
        return math.inf if call is None else call.due

    def due(self, now: float) -> list[PlannedCall]:
        """Return the calls that are due, the first first."""
        return [call for call in self if call.due <= now] if self.next_due <= now else []

    def _first(self) -> PlannedCall | None:
        while self._heap:
            due, number, call_id = self._heap[0]
            call = self._calls.get(call_id)
            if call is not None and (call.due, call.number) == (due, number):
                return call
            heapq.heappop(self._heap)
        return None
