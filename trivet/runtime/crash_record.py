"""The crash record of one actor: how soon it may start again, and when it is given a rest.

The rules alone, nothing here waits:

1. After a crash an actor starts again by itself after a quarter of a second, twice as long after
   each more, at most half a minute.
2. Five crashes within a minute spend its budget: it is unavailable for two seconds. Whenever it
   crashes again before it is trusted it is unavailable at once, for twice as long as the last time,
   at most ten minutes.
3. A minute without a crash, in which it was available, and nothing of that counts any more.
4. What the store is to blame for (a full disk) puts off the start only: an actor that can be read
   is not withheld from its readers.
"""

from __future__ import annotations

import math
from typing import Final

import attrs

__all__ = ["BUDGET", "WINDOW", "CrashRecord"]

BUDGET: Final = 5
"""How many crashes within the window are too many."""

WINDOW: Final = 60.0
"""For how many seconds a crash counts, and after how many without one an actor is trusted."""

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 30.0
FIRST_REST: Final = 2.0
LONGEST_REST: Final = 600.0
MOST_DOUBLINGS: Final = 16


@attrs.frozen(kw_only=True)
class CrashRecord:
    """What counts of the crashes of one actor.

    Attributes:
        crashes: When it crashed by its own fault, the last few times that count, oldest first.
        failures: How often in a row it has failed, by whatever fault.
        rests: How often in a row it was made unavailable.
        last: When it failed last.
        until: Until when it is, or was, unavailable.
    """

    crashes: tuple[float, ...] = ()
    failures: int = 0
    rests: int = 0
    last: float = -math.inf
    until: float = -math.inf

    def failed(self, now: float, *, by_itself: bool) -> CrashRecord:
        """Return the record after one more failure.

        Args:
            now: When that is.
            by_itself: Whether the actor is to blame, and not its store.
        """
        before = CrashRecord() if now >= self.forgotten_at else self
        failures = before.failures + 1
        if not by_itself:
            return attrs.evolve(before, failures=failures, last=now)
        recent = [when for when in before.crashes if when > now - WINDOW]
        crashes = (*recent, now)[-BUDGET:]
        record = attrs.evolve(before, crashes=crashes, failures=failures, last=now)
        if not before.rests and len(crashes) < BUDGET:
            return record
        rest = _doubled(FIRST_REST, before.rests, LONGEST_REST)
        return attrs.evolve(record, rests=before.rests + 1, until=now + rest)

    @property
    def restart_at(self) -> float:
        """When the actor starts again by itself."""
        if self.until > self.last:
            return self.until
        return self.last + _doubled(FIRST_PAUSE, self.failures - 1, LONGEST_PAUSE)

    @property
    def forgotten_at(self) -> float:
        """From when on nothing of this counts, if it does not fail again."""
        return max(self.until, self.last) + WINDOW

    def unavailable_for(self, now: float) -> float:
        """Return for how many seconds more the actor is unavailable."""
        return max(0.0, self.until - now)


def _doubled(first: float, times: int, most: float) -> float:
    return min(most, first * 2.0 ** min(times, MOST_DOUBLINGS))
