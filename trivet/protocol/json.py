"""One JSON text, strict, with the compat layer (client protocol, 5.1).

msgspec reads and writes: it is several times faster than the standard library and refuses by
itself what is not JSON (NaN, numbers beyond float, half surrogate pairs, invalid UTF-8). It says
nothing of the shape, which is checked here without a walk in Python:

1. Strings taken away, what is left of a JSON text is its structure: counting its commas, colons
   and brackets gives the number of values and the depth. Most messages are so short that an upper
   bound, counted in the raw text, is enough.
2. A member that repeats a key is lost when the object is built, so a text whose tree has fewer
   members than itself is refused. Counting colons tells: an escape cannot hide one except as
   ``\\u003a``, so texts without ``\\u`` are compared with their tree, encoded again, as they are.
3. Two kinds of numbers take msgspec long enough to be a weapon: integers of thousands of digits,
   which are refused, and floats with an exponent of three digits, which Python reads then.
"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import accumulate
from math import isfinite
from typing import Any

import msgspec

from trivet.protocol.cbor_scan import MAX_NODES
from trivet.protocol.dialect import (
    MAX_DEPTH,
    SAFE_INTEGER,
    Dialect,
    lone_surrogate,
    lower_big_int,
)
from trivet.protocol.errors import DecodingError, EncodingError

__all__ = ["TAGGED", "decode", "encode", "may_be_tagged", "parse", "write"]


def _read_float(text: str) -> float:
    number = float(text)
    if isfinite(number):
        return number
    raise DecodingError("A number is out of range")


_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder().decode
_from_json_slowly = msgspec.json.Decoder(float_hook=_read_float).decode

# A string that never ends is one to the end, too: else every quote in it would be tried again.
_replace_strings = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL).sub
_has_far_exponent = re.compile(rb"[eE][+-]?[0-9]{3}").search
# One digit more than dialect.MAX_INTEGER_BITS may have, to be found at the speed of C.
_HUGE_NUMBER = b"0" * 1_235
_ALL_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
# Up to here no number can take long.
_HARMLESS = 1_234
_SPACE = b" \t\r\n"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def encode(value: object) -> bytes:
    """Encode a wire value.

    Raises:
        EncodingError: If the value, or a part of it, is no wire value, or no finite number.
    """
    return write(TAGGED.lower(value))


def write(tree: object) -> bytes:
    """Encode a tree that is lowered already.

    Raises:
        EncodingError: If a text in it is no Unicode.
    """
    try:
        return _to_json(tree)
    except UnicodeEncodeError:
        raise lone_surrogate(tree) from None


def decode(data: bytes, *, levels: int = 0, counted: bool = True) -> Any:
    """Decode a text to a wire value; the arguments and errors are those of ``parse``."""
    tree = parse(data, levels=levels, counted=counted)
    return TAGGED.revive(tree) if may_be_tagged(data) else tree


def parse(data: bytes, *, levels: int = 0, counted: bool = True) -> Any:
    """Decode a text to a tree, in which tags are still lists.

    Args:
        levels: How many containers stand around the values, beyond the depth that they may have.
        counted: Whether it may consist of ``MAX_NODES`` values and keys at most; otherwise only
            its length limits it.

    Raises:
        DecodingError: If it is anything but one strict JSON text within the limits.
    """
    depth = MAX_DEPTH + levels
    structure = None
    # A level takes a bracket, and a value a byte at least.
    if data.count(b"[") + data.count(b"{") > depth or (counted and len(data) > MAX_NODES):
        structure = _structure(data)
        _check_shape(structure, depth, counted=counted)
    try:
        tree = _from_json(data) if len(data) <= _HARMLESS else _decode_long(data, structure)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise DecodingError("The JSON is malformed") from None
    if data.count(b":") != _to_json(tree).count(b":") or b"\\u" in data:
        _check_members(structure or _structure(data), tree)
    return tree


def may_be_tagged(data: bytes) -> bool:
    """Return whether a text may hold a list that starts with a ``$`` text."""
    return b'"$' in data or b"\\u" in data


def _decode_long(data: bytes, structure: bytes | None) -> Any:
    # What looks like a number may stand in a string, so a second look comes before a refusal.
    numbers = data if structure is None else structure
    if _has_huge_number(numbers) and _has_huge_number(structure or _structure(data)):
        raise DecodingError("A number may have 1234 digits at most")
    return _from_json_slowly(data) if _has_far_exponent(numbers) else _from_json(data)


def _has_huge_number(text: bytes) -> bool:
    return _HUGE_NUMBER in text.translate(_ALL_DIGITS_ALIKE)


def _structure(data: bytes) -> bytes:
    return _replace_strings(b'"', data).translate(None, _SPACE)


def _check_shape(structure: bytes, depth: int, *, counted: bool) -> None:
    filled = structure.replace(b"[]", b"0").replace(b"{}", b"0")
    # Every mark but the closing ones stands before a value or a key, and the first has none.
    marks = sum(map(filled.count, (b"[", b"{", b",", b":")))
    if counted and marks >= MAX_NODES:
        raise DecodingError(f"A message may consist of {MAX_NODES} values at most")
    brackets = filled.translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > depth:
        raise DecodingError(f"Containers may nest {MAX_DEPTH} deep at most")


def _check_members(structure: bytes, tree: object) -> None:
    if structure.count(b":") != _structure(_to_json(tree)).count(b":"):
        raise DecodingError("An object repeats a key")


def _lower_integer(number: int, depth: int) -> int | list[str]:
    if -SAFE_INTEGER <= number <= SAFE_INTEGER:
        return number
    return lower_big_int(number, depth)


def _lower_float(number: float, _depth: int) -> float:
    if isfinite(number):
        return number
    raise EncodingError((), "a number that is not finite")


def _lower_date(value: datetime, _depth: int) -> str:
    if value.tzinfo is None:
        raise EncodingError((), "a datetime without a timezone")
    return value.isoformat()


TAGGED = Dialect(
    tagged=True, rules={int: _lower_integer, float: _lower_float, datetime: _lower_date}
)
"""JSON with the compat layer, in both directions."""
