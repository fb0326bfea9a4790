"""The key-value store of an actor: rows whose keys are texts.

Rules this file keeps:

1. A key is stored as UTF-8: then the order of the bytes is that of the characters, and the keys
   with a prefix are those from its bytes to the same with the last raised by one, which UTF-8 allows.
2. What is too large is refused before anything of it is written.
3. Every method is a checkpoint. A write happens before anybody else runs, so that what the turn has
   changed just before is stored with it; cancelled it has not happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import trio

from trivet.declare.errors import ActionError
from trivet.declare.options import Limits
from trivet.ports.records import Write
from trivet.runtime.rows import Rows

__all__ = ["StoredKeyValue"]

Entries: TypeAlias = list[tuple[str, bytes]]


class StoredKeyValue:
    """``self.kv`` of an actor: ``KeyValue`` over its rows.

    Args:
        rows: The rows.
        limits: How large keys, values and batches may be.
    """

    def __init__(self, rows: Rows, limits: Limits) -> None:
        self._rows = rows
        self._limits = limits

    async def get(self, key: str, /) -> bytes | None:
        """Return the value of a key."""
        return (await self.get_many(key)).get(key)

    async def get_many(self, *keys: str) -> dict[str, bytes]:
        """Return the values of the keys that exist."""
        encoded = self._batch(keys)
        await trio.lowlevel.checkpoint()
        found = await self._rows.get("kv", *encoded.values())
        return {key: found[data] for key, data in encoded.items() if data in found}

    async def put(self, key: str, value: bytes, /) -> None:
        """Set a key."""
        await self.put_many({key: value})

    async def put_many(self, values: Mapping[str, bytes], /) -> None:
        """Set several keys, all or none."""
        encoded = self._batch(values)
        writes = [Write("kv", data, self._value(values[key])) for key, data in encoded.items()]
        size = sum(len(key) + len(value or b"") for _, key, value in writes)
        _bound(
            "batch_too_large", "The entries of one batch are too large", size, self._limits.kv_batch
        )
        await self._write(*writes)

    async def delete(self, *keys: str) -> None:
        """Remove keys."""
        encoded = self._batch(keys)
        await self._write(*(Write("kv", data, None) for data in encoded.values()))

    async def delete_range(self, start: str, end: str, /) -> None:
        """Remove the keys from ``start`` up to, but not including, ``end``."""
        await trio.lowlevel.checkpoint()
        rows = await self._rows.scan("kv", _encoded(start), _encoded(end))
        self._rows.write(*(Write("kv", row.key, None) for row in rows))

    async def list(
        self, prefix: str = "", *, reverse: bool = False, limit: int | None = None
    ) -> Entries:
        """Return the entries whose key has a prefix."""
        start = _encoded(prefix)
        end = start[:-1] + bytes([start[-1] + 1]) if start else None
        return await self._scan(start, end, reverse, limit)

    async def list_range(
        self, start: str, end: str, /, *, reverse: bool = False, limit: int | None = None
    ) -> Entries:
        """Return the entries from ``start`` up to, but not including, ``end``."""
        return await self._scan(_encoded(start), _encoded(end), reverse, limit)

    async def _write(self, *writes: Write) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._rows.write(*writes)
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def _scan(
        self, start: bytes, end: bytes | None, reverse: bool, limit: int | None
    ) -> Entries:
        if limit is not None and limit < 0:
            raise ValueError(f"limit must be zero or more, not {limit!r}")
        await trio.lowlevel.checkpoint()
        rows = await self._rows.scan("kv", start, end, reverse=reverse, limit=limit)
        return [(key.decode(), value) for key, value in rows]

    def _batch(self, keys: Iterable[str]) -> dict[str, bytes]:
        encoded = {key: _encoded(key) for key in keys}
        _bound(
            "too_many_keys", "Too many keys in one batch", len(encoded), self._limits.kv_batch_keys
        )
        for data in encoded.values():
            _bound("key_too_large", "A key is too large", len(data), self._limits.kv_key)
        return encoded

    def _value(self, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise TypeError(f"a value must be bytes, not {type(value).__name__}")
        _bound("value_too_large", "A value is too large", len(value), self._limits.kv_value)
        return value


def _encoded(key: object) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"a key must be a text, not {type(key).__name__}")
    try:
        return key.encode()
    except UnicodeEncodeError as error:
        text = "A key is no Unicode text"
        raise ActionError(text, group="kv", code="invalid_key") from error


def _bound(code: str, text: str, size: int, limit: int) -> None:
    if size > limit:
        metadata = {"size": size, "limit": limit}
        raise ActionError(text, group="kv", code=code, metadata=metadata)
