"""The clock on the wall: what time it is, for what is to come at a time of day.

A clock on the wall can jump: it is set, or the machine was suspended. So whoever waits for a time
looks at it again and again (``LOOK``). Under a clock of Trio that is none of the system's, the time
goes as that goes, so that tests are over at once and say what is exactly when.
"""

from __future__ import annotations

import time
from typing import Final

import trio

from trivet.ports.surroundings import WallClock

__all__ = ["LOOK", "wall_clock_of_trio"]

LOOK: Final = 1.0
"""Seconds after which a clock that may have jumped is looked at again."""


def wall_clock_of_trio() -> WallClock:
    """Return the system's clock, or one that goes as Trio's, if that is a test's."""
    clock = trio.lowlevel.current_clock()
    if type(clock).__module__.startswith("trio._core."):
        return time.time
    began, now = time.time(), clock.current_time
    offset = began - now()
    return lambda: offset + now()
