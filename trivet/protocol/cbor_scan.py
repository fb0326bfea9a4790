"""A strict look at CBOR before anything is built from it.

cbor2 is a general decoder: it knows dozens of tags, indefinite lengths and simple values, and
some of them cost seconds for a few kilobytes. This scan lets through only what the official
clients write, so that cbor2 is never asked to do anything dear.

Rules:

1. CBOR is a row of *heads*, each followed by its content or, for a container and a tag, by more
   heads. The row is regular although the nesting is not, so one regular expression reads it at
   the speed of C. It is possessive: it never goes back, so its time is linear.
2. A head that is not in the expression is refused: indefinite lengths, lengths of 8 bytes, simple
   values other than false, true, null and undefined, and tags other than those of 5.1 of the
   client protocol.
3. A tag stands directly before the type of content that it is for, so tags never nest.
4. A length is compared with the bytes that are left before anything is allocated; containers of
   256 items and more share one budget, since all of them together hold no more items than bytes.
5. The nesting, its depth, repeated keys and the end of the item are cbor2's part (see ``cbor``).
"""

from __future__ import annotations

import re

from trivet.protocol.errors import DecodingError

__all__ = ["BYTE_ARRAYS", "MAX_NODES", "TYPED_ARRAYS", "scan"]

MAX_NODES = 16_384
"""How many items, keys included, a message from a client may consist of."""

_TAG_WEIGHT = 4
"""How many items a tag counts for: it takes as long to read as so many others."""

BYTE_ARRAYS = (64, 68)
"""Tags of JavaScript's Uint8Array and Uint8ClampedArray."""

TYPED_ARRAYS = {69: "H", 70: "I", 71: "Q", 72: "b", 77: "h", 78: "i", 79: "q", 85: "f", 86: "d"}
"""Tags of its other typed arrays, with the format of their little-endian elements."""


def _strings(first_head: int) -> str:
    return "|".join(rf"\x{first_head + size:02x}.{{{size}}}" for size in range(24))


_INTEGER = r"[\x00-\x17\x20-\x37]|[\x18\x38].|[\x19\x39]..|[\x1a\x3a].{4}|[\x1b\x3b].{8}"
_TEXT, _BYTES = _strings(0x60), _strings(0x40)
_CONSTANT, _UNDEFINED = r"[\xf4-\xf6]", r"\xf7"
_FLOAT = r"\xf9..|\xfa.{4}|\xfb.{8}"
_SMALL_MAP = r"[\xa0-\xb7]|\xb8.|\xb9\x00."
_SMALL_LIST = r"(?:[\x80-\x97]|\x98.)"

# Each tag's head with the heads that may follow it.
_TAGS = {
    r"\xc1": r"[\x00-\x1a\x20-\x3a\xf9-\xfb]",  # Date, in seconds
    r"[\xc2\xc3]": r"(?:[\x40-\x57]|\x58.|\x59(?:[\x00-\x01].|\x02\x00))",  # MAX_INTEGER_BITS
    r"\xd9\x01\x02": r"[\x80-\x9a]",  # Set
    r"\xd9\x01\x03": r"[\xa0-\xba]",  # Map
    **{rf"\xd8\x{tag:02x}": r"[\x40-\x5a]" for tag in (*BYTE_ARRAYS, *TYPED_ARRAYS)},
}
_TAG = "|".join(f"{head}(?={content})" for head, content in _TAGS.items())

# Two things need a second look: a list that starts with a `$` text may be a tag of the compat
# layer, and a float from 2**32 to 2**53, which its exponent tells, may have been an integer.
_NO_DOLLAR = r"(?![\x61-\x77]\$|\x78.\$|\x79..\$|\x7a.{4}\$)"
_SMALL_FLOAT = r"\xf9..|\xfb(?:[\x00-\x40\x44-\xc0\xc4-\xff].|[\x41\xc1][\x00-\xef]).{6}"

_PLAIN = (_INTEGER, _TEXT, _CONSTANT, _SMALL_MAP, _SMALL_LIST + _NO_DOLLAR, _SMALL_FLOAT)
_ANY = (_INTEGER, _TEXT, _CONSTANT, _SMALL_MAP, _SMALL_LIST, _FLOAT, _UNDEFINED, _BYTES)


def _one_of(*tokens: str, repeat: str = "") -> re.Pattern[bytes]:
    return re.compile(f"(?s:{'|'.join(tokens)}){repeat}".encode("ascii"))


# Runs are bounded, so that counting one is bounded too.
_AS_MANY = f"{{0,{MAX_NODES + 1}}}+"
_plain_run = _one_of(*_PLAIN, repeat=_AS_MANY).match
_any_run = _one_of(*_ANY, _TAG, repeat=_AS_MANY).match
# Finds an empty text for each token, and for a tag its head.
_tokens = _one_of(*_ANY, f"({'|'.join(_TAGS)})").findall

# What the runs stop at: heads with a length that no expression can count, by the length's size.
_LONG_HEADS = {
    head + step: 1 << step
    for head, steps in ((0x58, (0, 1, 2)), (0x78, (0, 1, 2)), (0x98, (1, 2)), (0xB8, (1, 2)))
    for step in steps
}
_LEAST_LENGTHS = {1: 24, 2: 256, 4: 65_536}
_BYTES_HEADS, _FIRST_LIST = frozenset({0x58, 0x59, 0x5A}), 0x80


def scan(data: bytes, *, counted: bool = True) -> bool:
    """Check every head of an item, and find out whether its tree needs a second look.

    Args:
        counted: Whether it may consist of ``MAX_NODES`` items at most; otherwise only its length
            limits it.

    Returns:
        Whether it holds nothing but text, ``None``, booleans, containers and numbers that mean
        what they say, so that a decoder's result is final.

    Raises:
        DecodingError: If a head is not one that clients write, or its content is cut off.
    """
    size = len(data)
    # An item is a byte at least, so short messages need no counting.
    if not counted or size <= MAX_NODES:
        run = _plain_run(data)
        if run is not None and run.end() == size:
            return True
    return _scan_by_runs(data, counted=counted and size > MAX_NODES // _TAG_WEIGHT)


def _scan_by_runs(data: bytes, *, counted: bool) -> bool:
    end = budget = len(data)
    position, nodes, plain = 0, 0, True
    while position < end:
        run = (_plain_run if plain else _any_run)(data, position)
        stop = position if run is None else run.end()
        is_long = stop < end and data[stop] in _LONG_HEADS
        if counted:
            nodes += _weight(_tokens(data, position, stop)) + is_long
            if nodes > MAX_NODES:
                raise DecodingError(f"A message may consist of {MAX_NODES} values at most")
        if is_long:
            plain = plain and data[stop] not in _BYTES_HEADS
            position, items = _after_long_head(data, stop)
            budget -= items + 1
            if budget < 0:
                raise DecodingError("The CBOR is cut off")
        elif stop == position and not plain:
            raise DecodingError("The CBOR holds something that clients do not send, or is cut off")
        else:
            plain, position = plain and stop == end, stop
    return plain


def _weight(tokens: list[bytes]) -> int:
    tags = len(tokens) - tokens.count(b"")
    return len(tokens) + (_TAG_WEIGHT - 1) * tags


def _after_long_head(data: bytes, head: int) -> tuple[int, int]:
    """Return where the next head stands, and how many items a container declares."""
    size = _LONG_HEADS[data[head]]
    start = head + 1 + size
    length = int.from_bytes(data[head + 1 : start])
    # Lengths are as short as they can be, so every turn of the loop eats 24 bytes or budget.
    if length < _LEAST_LENGTHS[size]:
        raise DecodingError("The CBOR has a length that is longer than it must be")
    is_container = data[head] >= _FIRST_LIST
    after = start if is_container else start + length
    if after > len(data):
        raise DecodingError("The CBOR is cut off")
    return after, length if is_container else 0
