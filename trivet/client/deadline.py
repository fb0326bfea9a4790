"""Deadlines on the wire: what is left of them, in milliseconds."""

from __future__ import annotations

import math

import trio

__all__ = ["milliseconds_left"]

MOST = 10**12
"""Whoever waits longer than thirty years has no deadline."""


def milliseconds_left(deadline: float) -> int | None:
    """Return the milliseconds until a moment on Trio's clock, ``None`` if it never comes."""
    left = (deadline - trio.current_time()) * 1000
    return None if left > MOST else max(0, math.ceil(left))
