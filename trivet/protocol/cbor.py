"""One CBOR item, as the official clients write and read it (client protocol, 5.1 and 5.2).

Reading has three steps: ``scan`` refuses what clients do not send, cbor2 builds the tree under its
strictest options, and only a tree that the scan found to need it is walked once more. cbor2 does
not look behind the item, so it gets a list around it that only our own last byte closes: what
comes back must be a list of one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2

from trivet.protocol.cbor_scan import BYTE_ARRAYS, TYPED_ARRAYS, scan
from trivet.protocol.compat import set_of
from trivet.protocol.dialect import (
    MAX_DEPTH,
    SAFE_INTEGER,
    Dialect,
    bounded,
    elements_of,
    lone_surrogate,
    lower_big_int,
    opened,
)
from trivet.protocol.errors import DecodingError, EncodingError
from trivet.protocol.messages import UNDEFINED, Undefined

__all__ = ["NATIVE", "TAGGED", "decode", "encode", "integer8", "write"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_INTEGER = 2**32
# From here, in the year 2242, a float of seconds does not tell microseconds apart any more; the
# milliseconds of JavaScript it does.
_LAST_EXACT = 2.0**33
# Clients send integers from here to there as floats, and floats compare fastest with floats.
_LEAST_FLOAT, _LAST_FLOAT = 2.0**32, 2.0**53


def encode(value: object, dialect: Dialect) -> bytes:
    """Encode a wire value.

    Raises:
        EncodingError: If the value, or a part of it, is no wire value.
    """
    return write(dialect.lower(value))


def write(tree: object) -> bytes:
    """Encode a tree that is lowered already.

    Raises:
        EncodingError: If a text in it is no Unicode.
    """
    try:
        return cbor2.dumps(tree)
    except UnicodeEncodeError:
        raise lone_surrogate(tree) from None


def decode(data: bytes, dialect: Dialect, *, levels: int = 0, counted: bool = True) -> Any:
    """Decode exactly one item.

    Args:
        levels: How many containers stand around the values, beyond the depth that they may have.
        counted: Whether it may consist of ``MAX_NODES`` items at most; otherwise only its length
            limits it.

    Raises:
        DecodingError: If it is anything but one well-formed item within the limits.
    """
    plain = scan(data, counted=counted)
    try:
        items = cbor2.loads(
            b"\x9f" + data + b"\xff",
            max_depth=1 + MAX_DEPTH + levels,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
            semantic_decoders=_READ_TAGS,
        )
    except cbor2.CBORError as error:
        if isinstance(error.__cause__, DecodingError):
            raise error.__cause__ from None
        message = "The CBOR is malformed, nested too deep, or repeats a key"
        raise DecodingError(message) from error
    if len(items) != 1:
        raise DecodingError("There must be exactly one CBOR item")
    return items[0] if plain else dialect.revive(items[0])


def integer8(number: int) -> bytes:
    """Encode an id in the 8-byte form, which the official clients insist on (5.2).

    Raises:
        EncodingError: If it does not fit into 64 bits.
    """
    if not 0 <= number < 2**64:
        raise EncodingError((), "an id outside 64 bits")
    return b"\x1b" + number.to_bytes(8)


def _lower_integer(number: int, depth: int) -> int | float | list[str]:
    if -_LONG_INTEGER <= number < _LONG_INTEGER:
        return number
    if -SAFE_INTEGER <= number <= SAFE_INTEGER:
        return float(number)
    return lower_big_int(number, depth)


def _lower_integer_natively(number: int, depth: int) -> int | float:
    if -_LONG_INTEGER <= number < _LONG_INTEGER:
        return number
    if -SAFE_INTEGER <= number <= SAFE_INTEGER:
        return float(number)
    if not -(2**64) <= number < 2**64:
        opened(depth)
    return bounded(number)


def _lower_date(value: datetime, depth: int) -> cbor2.CBORTag:
    opened(depth)
    if value.tzinfo is None:
        raise EncodingError((), "a datetime without a timezone")
    seconds = (value - _EPOCH).total_seconds()
    short = seconds.is_integer() and 0 <= seconds < _LONG_INTEGER
    return cbor2.CBORTag(1, int(seconds) if short else seconds)


def _lower_bytes(value: bytes, depth: int) -> cbor2.CBORTag:
    opened(depth)
    return cbor2.CBORTag(64, value)


def _lower_set(value: set[Any] | frozenset[Any], depth: int) -> cbor2.CBORTag:
    return cbor2.CBORTag(258, NATIVE.lower(elements_of(value), opened(depth)))


def _lower_undefined(_value: Undefined, _depth: int) -> object:
    return cbor2.undefined


def _revive_float(number: float) -> int | float:
    if _LEAST_FLOAT <= number <= _LAST_FLOAT or -_LAST_FLOAT <= number <= -_LEAST_FLOAT:
        return int(number) if number.is_integer() else number
    return number


def _revive_undefined(_value: object) -> Undefined:
    return UNDEFINED


_REVIVERS: dict[type, Callable[[Any], Any]] = {
    float: _revive_float,
    type(cbor2.undefined): _revive_undefined,
}

TAGGED = Dialect(
    tagged=True, rules={int: _lower_integer, datetime: _lower_date}, revivers=_REVIVERS
)
"""CBOR with the compat layer: everything but what the cbor encoding's clients send."""

NATIVE = Dialect(
    tagged=False,
    rules={
        int: _lower_integer_natively,
        datetime: _lower_date,
        bytes: _lower_bytes,
        set: _lower_set,
        frozenset: _lower_set,
        Undefined: _lower_undefined,
    },
    revivers=_REVIVERS,
)
"""CBOR as cbor-x writes it: from client to server in the cbor encoding."""


def _read_date(seconds: float, _immutable: bool) -> datetime:
    try:
        if not -_LAST_EXACT < seconds < _LAST_EXACT:
            return _EPOCH + timedelta(milliseconds=round(seconds * 1000))
        # The same moment as adding a timedelta to the epoch, in half the time.
        return datetime.fromtimestamp(seconds, UTC)
    except (OSError, OverflowError, ValueError):
        raise DecodingError("A date is out of range") from None


def _read_set(elements: Iterable[object], _immutable: bool) -> set[Any]:
    revived = [_revive_float(item) if type(item) is float else item for item in elements]
    result = set_of(revived)
    if result is None:
        raise DecodingError("A set may hold scalars and integers of 64 bits")
    return result


def _read_as_it_is(value: object, _immutable: bool) -> object:
    return value


def _reader_of(element: str) -> Callable[[bytes, bool], list[Any]]:
    one = struct.Struct(f"<{element}")
    size = one.size

    def read(data: bytes, _immutable: bool) -> list[Any]:
        if len(data) == size:  # a message may be full of these
            return list(one.unpack(data))
        if len(data) % size:
            raise DecodingError("A typed array does not end with an element")
        return list(struct.unpack(f"<{len(data) // size}{element}", data))

    return read


_READ_TAGS: dict[int, Callable[[Any, bool], Any]] = {
    1: _read_date,
    258: _read_set,
    259: _read_as_it_is,
    **dict.fromkeys(BYTE_ARRAYS, _read_as_it_is),
    **{tag: _reader_of(element) for tag, element in TYPED_ARRAYS.items()},
}
