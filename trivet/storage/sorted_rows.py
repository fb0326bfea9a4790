"""Rows in memory, in the order of their keys."""

from __future__ import annotations

from bisect import bisect_left, insort

from trivet.ports.records import Row

__all__ = ["SortedRows"]


class SortedRows:
    """The rows of one actor in one space."""

    __slots__ = ("_keys", "_values")

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key, or remove it with ``None``."""
        if value is not None:
            if key not in self._values:
                insort(self._keys, key)
            self._values[key] = value
        elif self._values.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def scan(
        self, start: bytes, end: bytes | None, *, reverse: bool, limit: int | None
    ) -> list[Row]:
        """Return the rows whose keys are in a range, as ``Storage.scan`` says."""
        first = bisect_left(self._keys, start)
        last = len(self._keys) if end is None else bisect_left(self._keys, end)
        keys = self._keys[first:last]
        if reverse:
            keys.reverse()
        return [Row(key, self._values[key]) for key in keys[:limit]]
