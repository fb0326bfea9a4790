"""What the runtime takes from its surroundings: the time of day, and chance."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Randomness", "WallClock"]

WallClock = Callable[[], float]
"""Seconds since the epoch."""

Randomness = Callable[[], str]
"""Makes unguessable ids."""
