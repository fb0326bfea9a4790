"""Counts: how often a client has dropped anything, or has had to begin anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

__all__ = ["Counts"]


class Counts:
    """Counts by name.

    Args:
        whole: Where everything is counted, too: a connection is a part of its client.
    """

    def __init__(self, whole: Counts | None = None) -> None:
        self._counts: Counter[str] = Counter()
        self._whole = whole

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing happened, by name, as of now."""
        return dict(self._counts)

    def count(self, what: str, times: int = 1) -> None:
        """Count occurrences; none leaves no name behind."""
        if times:
            self._counts[what] += times
            if self._whole is not None:
                self._whole.count(what, times)
