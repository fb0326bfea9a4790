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
from collections.abc import Iterable

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


def _any_of(heads: Iterable[int]) -> str:
    return "[" + "".join(rf"\x{head:02x}" for head in heads) + "]"


# How many bytes belong to a head and stand behind it.
_RESTS = {
    **{head + size: 0 for head in (0x00, 0x20, 0x80, 0xA0) for size in range(24)},
    **{head + step: 1 << step for head in (0x18, 0x38) for step in range(4)},
    **{head + size: size for head in (0x40, 0x60) for size in range(24)},
    **dict.fromkeys((0xF4, 0xF5, 0xF6, 0xF7), 0),
    0x98: 1,
    0xB8: 1,
    0xF9: 2,
    0xFA: 4,
    0xFB: 8,
}


def _heads(*without: int) -> list[str]:
    """Return one expression for each length of the rest; few of them are what makes it fast."""
    heads_by_rest: dict[int, list[int]] = {}
    for head in _RESTS.keys() - set(without):
        heads_by_rest.setdefault(_RESTS[head], []).append(head)
    return [
        f"{_any_of(sorted(heads))}.{{{rest}}}" if rest else _any_of(sorted(heads))
        for rest, heads in sorted(heads_by_rest.items())
    ]


# Clients give every map a length of 16 bits.
_SHORT_MAP, _CLIENTS_MAP = b"\xb9\x00", r"\xb9\x00."
_ANY = (*_heads(), _CLIENTS_MAP)

# Each tag's head with the heads that may follow it.
_TAGS = {
    r"\xc1": r"[\x00-\x1a\x20-\x3a\xf9-\xfb]",  # Date, in seconds
    r"[\xc2\xc3]": r"(?:[\x40-\x57]|\x58.|\x59(?:[\x00-\x01].|\x02\x00))",  # MAX_INTEGER_BITS
    r"\xd9\x01\x02": r"[\x80-\x9a]",  # Set
    r"\xd9\x01\x03": r"[\xa0-\xba]",  # Map
    rf"\xd8{_any_of((*BYTE_ARRAYS, *TYPED_ARRAYS))}": r"[\x40-\x5a]",
}
_TAG = "|".join(f"{head}(?={content})" for head, content in _TAGS.items())

# Two things need a second look: a list of two that starts with a `$` text may be a tag of the
# compat layer, and a float from 2**32 to 2**53, which its exponent tells, may have been an integer.
_NO_DOLLAR = r"(?![\x61-\x77]\$|\x78.\$|\x79..\$|\x7a.{4}\$)"
_PLAIN_LIST = rf"\x82{_NO_DOLLAR}|\x98(?:[^\x02]|\x02{_NO_DOLLAR})"
_SMALL_FLOAT = r"\xfb(?:[\x00-\x40\x44-\xc0\xc4-\xff].|[\x41\xc1][\x00-\xef]).{6}"

_UNDEFINED = 0xF7
_PLAIN = (
    *_heads(0x82, 0x98, _UNDEFINED, 0xFA, 0xFB, *range(0x40, 0x58)),
    _CLIENTS_MAP,
    _PLAIN_LIST,
    _SMALL_FLOAT,
)


def _one_of(*tokens: str, repeat: str = "") -> re.Pattern[bytes]:
    return re.compile(f"(?s:{'|'.join(tokens)}){repeat}".encode("ascii"))


# Runs are bounded, so that one that reaches the end needs no counting.
_plain_run = _one_of(*_PLAIN, repeat=f"{{0,{MAX_NODES}}}+").match
# To read a block is to count it; only one with a tag in it, or the last, is taken apart.
_BLOCK = 1_024
_block = _one_of(*_ANY, repeat=f"{{{_BLOCK}}}+").match
_any_run = _one_of(_TAG, *_ANY, repeat=f"{{0,{4 * _BLOCK}}}+").match
# Finds an empty text for each token, and for a tag its head.
_tokens = _one_of(f"({'|'.join(_TAGS)})", *_ANY).findall

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
    run = _plain_run(data)
    if run is not None and run.end() == size:
        return True
    # An item is a byte at least, so short messages need no counting.
    return _scan_by_runs(data, counted=counted and size > MAX_NODES // _TAG_WEIGHT)


def _scan_by_runs(data: bytes, *, counted: bool) -> bool:
    end = budget = len(data)
    position, nodes, plain = 0, 0, True
    while position < end:
        stop, items = (_read_plain if plain else _read_any)(data, position, counted=counted)
        is_long = stop < end and data[stop] in _LONG_HEADS and not data.startswith(_SHORT_MAP, stop)
        nodes += items + is_long
        if counted and nodes > MAX_NODES:
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


def _read_plain(data: bytes, position: int, *, counted: bool) -> tuple[int, int]:
    """Return where a run of plain items ends, and how many those are if they are to be counted."""
    run = _plain_run(data, position)
    stop, items = position if run is None else run.end(), 0
    if counted:
        while block := _block(data, position, stop):
            position, items = block.end(), items + _BLOCK
        items += len(_tokens(data, position, stop))
    return stop, items


def _read_any(data: bytes, position: int, *, counted: bool) -> tuple[int, int]:
    """Return where a part of a run ends, and how many items it has, each tag counted as four."""
    block = _block(data, position)
    if block is not None:
        return block.end(), _BLOCK
    run = _any_run(data, position)
    stop = position if run is None else run.end()
    tokens = _tokens(data, position, stop) if counted else []
    tags = len(tokens) - tokens.count(b"")
    return stop, len(tokens) + (_TAG_WEIGHT - 1) * tags


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
