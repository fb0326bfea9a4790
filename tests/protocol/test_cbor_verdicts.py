"""The scan's verdict on every input is that of a reader that takes one head after the other.

Its rules are written down once more here, in the plainest way, since the scan itself reads by runs
and blocks: what it must not depend on is where those end.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import example, given, strategies as st

from trivet.protocol.cbor_scan import BYTE_ARRAYS, MAX_NODES, TYPED_ARRAYS, scan
from trivet.protocol.errors import DecodingError

TAG_WEIGHT: Final = 4
LEAST_LENGTHS: Final = {1: 24, 2: 256, 4: 65_536}
CONTENTS: Final = {
    1: range(0x1B),
    2: range(0x40, 0x5A),
    3: range(0x40, 0x5A),
    258: range(0x80, 0x9B),
    259: range(0xA0, 0xBB),
    **dict.fromkeys((*BYTE_ARRAYS, *TYPED_ARRAYS), range(0x40, 0x5B)),
}
NUMBERS: Final = {*range(0x1B), *range(0x20, 0x3B), 0xF9, 0xFA, 0xFB}


class Refused(Exception):
    """A head that is not let through."""


class Walk:
    """Reads heads one by one; knows nothing of how they nest."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.items = 0
        self.budget = len(data)

    def all(self) -> int:
        """Return how many items there are."""
        while self.position < len(self.data):
            self.items += 1
            self.head()
        return self.items

    def take(self, size: int) -> bytes:
        start, self.position = self.position, self.position + size
        if self.position > len(self.data):
            raise Refused
        return self.data[start : self.position]

    def head(self) -> None:
        (first,) = self.take(1)
        major, info = first >> 5, first & 31
        if info > 27:
            raise Refused
        size = 1 << info - 24 if info > 23 else 0
        argument = int.from_bytes(self.take(size)) if size else info
        match major:
            case 0 | 1:
                pass
            case 2 | 3:
                self.string(size, argument)
            case 4 | 5:
                self.container(major, size, argument)
            case 6:
                self.tag(argument, size)
            case _:
                if info not in {20, 21, 22, 23, 25, 26, 27}:
                    raise Refused

    def string(self, size: int, length: int) -> None:
        if size == 8 or length < LEAST_LENGTHS.get(size, 0):
            raise Refused
        self.take(length)
        if size:
            self.spend(1)

    def container(self, major: int, size: int, length: int) -> None:
        if size == 8 or (size == 4 and length < LEAST_LENGTHS[4]):
            raise Refused
        if size == 2 and length < LEAST_LENGTHS[2]:
            if major == 4:
                raise Refused  # a map may be so short: clients write all of them so
        elif size > 1:
            self.spend(length + 1)

    def spend(self, items: int) -> None:
        self.budget -= items
        if self.budget < 0:
            raise Refused

    def tag(self, number: int, size: int) -> None:
        shortest = 0 if number < 24 else 1 if number < 256 else 2
        if number not in CONTENTS or size != shortest or self.position == len(self.data):
            raise Refused
        content = self.data[self.position]
        if content not in (NUMBERS if number == 1 else CONTENTS[number]):
            raise Refused
        if number in {2, 3} and content in {0x58, 0x59}:
            self.bignum(content - 0x57)
        self.items += TAG_WEIGHT - 1

    def bignum(self, size: int) -> None:
        start = self.position + 1
        if int.from_bytes(self.data[start : start + size]) > 512:
            raise Refused


def verdict(data: bytes, *, counted: bool) -> bool:
    try:
        return Walk(data).all() <= MAX_NODES or not counted
    except Refused:
        return False


def scanned(data: bytes, *, counted: bool) -> bool:
    try:
        scan(data, counted=counted)
    except DecodingError:
        return False
    return True


UNITS: Final = [
    bytes.fromhex(digits)
    for digits in (
        "00 18ff 19ffff 1affffffff 1bffffffffffffffff 20 3800 3bffffffffffffffff"
        " 40 4161 57" + "61" * 23 + " 5818" + "61" * 24 + " 590100" + "61" * 256 + " 5817" + "61" * 23 + " 60 6161 6124"
        " 77" + "61" * 23 + " 7818" + "24" * 24 + " 80 81 82 8224 97 9802 9818 990100 9900ff a0 b7 b802 b90001 b900ff b90100"
        " f4 f5 f6 f7 f93c00 fa50000000 fb4200000000000000 fb3ff0000000000000 e0 f8ff ff 9f"
        " c100 c1fb0000000000000000 c160 c240 c2590200" + "61" * 512 + " c2590201" + "61" * 513 + " d84040 d84841ff d84100"
        " d9010280 d90103a0 d90103b90001 d9010000 82622461"
    ).split()
]  # fmt: skip
COUNTS: Final = st.integers(1, 5) | st.sampled_from([1022, 1023, 1024, 1025, 4096, 5000])
RUNS: Final = st.lists(st.tuples(st.sampled_from(UNITS), COUNTS), max_size=6)
EDITS: Final = st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=2)


@pytest.mark.slow
@given(RUNS, EDITS, st.booleans())
@example([(b"\x00", 1024), (b"\xb9\x00\x01", 1)], [], True)
@example([(b"\xf7", 1), (b"\x00", 1024), (b"\xb9\x00\x01", 1)], [], True)
@example([(b"\xf7", 1), (b"\x00", 1023), (b"\xc1\x00", 1), (b"\x00", 2000)], [], True)
@example([(b"\xf7", 1), (b"\xc2\x58\x18" + b"a" * 24, 700)], [], True)
@example([(b"\x40", 16_383), (b"\x58\x18" + b"a" * 24, 1)], [], True)
@example([(b"\x40", 16_384), (b"\x58\x18" + b"a" * 24, 1)], [], True)
def test_reading_by_blocks_decides_as_reading_one_by_one(
    runs: list[tuple[bytes, int]], edits: list[tuple[int, int]], counted: bool
) -> None:
    data = bytearray(b"".join(unit * count for unit, count in runs))
    for position, byte in edits:
        if data:
            data[position % len(data)] = byte
    assert scanned(bytes(data), counted=counted) is verdict(bytes(data), counted=counted)


@pytest.mark.parametrize("unit", UNITS, ids=[unit[:6].hex() for unit in UNITS])
@pytest.mark.parametrize("others", [0, 1, 1022, 1023, 1024, 4095])
def test_every_head_is_judged_alike_wherever_a_block_ends(unit: bytes, others: int) -> None:
    data = b"\xf7" + b"\x00" * others + unit + b"\x00" * 600
    for counted in (True, False):
        assert scanned(data, counted=counted) is verdict(data, counted=counted)
