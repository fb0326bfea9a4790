"""The stored format: the wire form of a value in MessagePack, so that it comes back exactly.

Rules this file keeps:

1. Equal state gives equal bytes: a set is stored as the list of its elements in the order of their
   bytes. A dict keeps its order, which is part of what an application sees.
2. Where the type says what it is, no more is stored: a set is a list, a datetime is ISO 8601 text.
   Where it does not (``Any``), and for what MessagePack has no form for, there are extensions:

   == ================================================================================
   1  an integer beyond 64 bits, signed, big endian
   2  a set: its elements as a MessagePack array
   3  a datetime: ISO 8601 in ASCII
   4  a dict that has keys beyond 64 bits: its entries as an array of pairs
   == ================================================================================
3. The numbers above are for ever. msgspec is a dependency of the core, so that a store written
   with one set of extras is readable with any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from msgspec.msgpack import Decoder, Encoder, Ext

from trivet.declare.values.mismatch import Mismatch, class_of
from trivet.declare.values.unstructure import Form, UnstructureHooks

__all__ = ["pack", "stored_hooks", "unpack"]

BIG_INT, SET, DATETIME, BIG_KEYS = 1, 2, 3, 4

_encoder = Encoder()


def pack(plain: Any) -> bytes:
    """Encode what ``stored_hooks`` made.

    Raises:
        Mismatch: If a text in it is none that UTF-8 can carry.
    """
    try:
        try:
            return _encoder.encode(plain)
        except OverflowError:
            return _encoder.encode(_without_big_ints(plain))
    except UnicodeEncodeError:
        raise Mismatch("invalid value, expected text without lone surrogates") from None


def unpack(data: bytes) -> Any:
    """Decode stored bytes into wire values.

    Raises:
        Mismatch: If they are damaged.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError):
        raise Mismatch("the stored data is damaged") from None


@cache
def stored_hooks() -> UnstructureHooks:
    """Return the hooks that make what is stored."""
    return UnstructureHooks(Form(_iso_8601, lambda _item: _in_order, _marked, None))


def _iso_8601(value: datetime) -> str:
    offset = value.utcoffset()
    if offset is not None and offset.microseconds:
        # Python reads "+00:00:00.000001" back as UTC; the instant matters more than the offset.
        value = value.astimezone(UTC)
    return value.isoformat()


def _in_order(elements: Iterable[Any]) -> list[Any]:
    return sorted(elements, key=pack)


def _marked(value: Any) -> Any:
    """Bring a value of the type ``Any`` into a form that says what it is."""
    kind = class_of(value)
    if kind is datetime:
        return Ext(DATETIME, _iso_8601(value).encode())
    if kind is set:
        return Ext(SET, pack(_in_order(_marked(item) for item in value)))
    if kind is list:
        return [_marked(item) for item in value]
    if kind is dict:
        return {key: _marked(item) for key, item in value.items()}
    return value


def _without_big_ints(plain: Any) -> Any:
    kind = class_of(plain)
    if _is_big(plain):
        return Ext(BIG_INT, plain.to_bytes(plain.bit_length() // 8 + 1, signed=True))
    if kind is list:
        return [_without_big_ints(item) for item in plain]
    if kind is dict and any(map(_is_big, plain)):
        return Ext(BIG_KEYS, pack([[key, item] for key, item in plain.items()]))
    if kind is dict:
        return {key: _without_big_ints(item) for key, item in plain.items()}
    return plain


def _is_big(value: object) -> bool:
    return type(value) is int and value.bit_length() > 63


def _extension(code: int, data: memoryview) -> Any:
    if code == BIG_INT:
        return int.from_bytes(data, signed=True)
    if code == SET:
        return set(unpack(bytes(data)))
    if code == DATETIME:
        return datetime.fromisoformat(bytes(data).decode("ascii"))
    if code == BIG_KEYS:
        return dict(unpack(bytes(data)))
    raise Mismatch("the stored data is of a later version")


_decoder = Decoder(ext_hook=_extension)
