from __future__ import annotations

from typing import Any, ClassVar

import cbor2
import pytest
from hypothesis import example, given, strategies as st

from tests.protocol.wire_values import alike, values
from trivet.protocol import cbor
from trivet.protocol.cbor import NATIVE, TAGGED
from trivet.protocol.cbor_scan import MAX_NODES, TYPED_ARRAYS, scan
from trivet.protocol.errors import DecodingError
from trivet.protocol.messages import UNDEFINED


@pytest.mark.parametrize(
    "unit", ["00", "80", "40", "60", "f7", "f90000", "6161", "1b" + "00" * 8, "7818" + "61" * 24]
)
def test_the_number_of_items_is_limited(unit: str) -> None:
    def items(count: int) -> bytes:
        return b"\x99" + count.to_bytes(2) + bytes.fromhex(unit) * count

    cbor.decode(items(MAX_NODES - 1), NATIVE)
    with pytest.raises(DecodingError, match="16384 values"):
        cbor.decode(items(MAX_NODES), NATIVE)
    assert len(cbor.decode(items(MAX_NODES), NATIVE, counted=False)) == MAX_NODES


def test_a_tag_counts_for_four() -> None:
    def dates(count: int) -> bytes:
        return b"\x99" + count.to_bytes(2) + b"\xc1\x00" * count

    cbor.decode(dates((MAX_NODES - 1) // 5), NATIVE)
    with pytest.raises(DecodingError, match="16384 values"):
        cbor.decode(dates(MAX_NODES // 5 + 1), NATIVE)


AFTER_TAG = {
    1: {"number"},
    2: {"bytes"},
    3: {"bytes"},
    **{number: {"bytes"} for number in (64, 68, *TYPED_ARRAYS)},
    258: {"list"},
    259: {"map"},
}
CONTENTS = {
    "number": b"\x00",
    "text": b"\x60",
    "bytes": b"\x40",
    "list": b"\x80",
    "map": b"\xa0",
    "tag": b"\xc1\x00",
    "null": b"\xf6",
}


def let_through(data: bytes) -> bool:
    try:
        scan(data, counted=False)
    except DecodingError:
        return False
    return True


def test_only_the_tags_that_clients_need_are_let_through() -> None:
    for number in range(400):
        head = cbor2.dumps(cbor2.CBORTag(number, 0))[:-1]
        kinds = {kind for kind, content in CONTENTS.items() if let_through(head + content)}
        assert kinds == AFTER_TAG.get(number, set()), number


@pytest.mark.parametrize(
    "digits",
    [
        "6261",
        "7818" + "61" * 23,
        "7a00010000" + "61" * 100,
        "5affffffff",
        "9affffffff",
        "baffffffff",
        "990100" * 4 + "00" * 600,
        "b90100" * 2 + "00" * 400,
        "19ff",
        "d84158",
        "c1",
    ],
)
def test_what_is_cut_off_is_refused_before_anything_is_built(digits: str) -> None:
    with pytest.raises(DecodingError, match="cut off"):
        scan(bytes.fromhex(digits), counted=False)


def test_a_plain_tree_needs_no_second_look() -> None:
    plain: list[Any] = [1, "a", None, True, [1.5, {"a": [-1]}], "x" * 300, {"a" * 30: 1}, [1] * 300]
    for value in plain:
        assert scan(cbor2.dumps(value), counted=False), value
    others: list[Any] = [
        2.0**40,
        UNDEFINED,
        b"a",
        {1},
        ["$BigInt", "1"],
        2**64,
        ["$" + "x" * 30, 1],
    ]
    for value in others:
        assert not scan(cbor.encode(value, NATIVE), counted=False), value


TREES = st.recursive(
    st.integers(-(2**64), 2**64 - 1)
    | st.text(max_size=30)
    | st.sampled_from(["$a", "$Set", None, True, 2.0**33, -(2.0**52), 0.1, 2.0**32, 2.0**53])
    | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(TREES)
def test_what_the_scan_calls_plain_would_not_change(tree: object) -> None:
    data = cbor2.dumps(tree)
    if scan(data, counted=False):
        assert alike(cbor2.loads(data), TAGGED.revive(cbor2.loads(data)))


@given(
    st.builds(
        cbor.encode,
        values(),
        st.sampled_from([TAGGED, NATIVE]),
    ),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=3),
)
@example(b"\x80", [])
def test_whatever_is_accepted_keeps_the_rules(item: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(item)
    for position, byte in changes:
        data[position % len(data)] = byte
    try:
        cbor.decode(bytes(data), NATIVE)
    except DecodingError:
        return
    heads = Heads(bytes(data))
    heads.item(0)
    assert heads.position == len(data)


class Heads:
    """Walks the heads of an item one by one and asserts what the rules say of each."""

    AFTER_TAG: ClassVar = {1: {0, 1, 7}, 2: {2}, 3: {2}, 258: {4}, 259: {5}}

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def item(self, depth: int) -> int:
        """Walk over an item and return its major type."""
        byte = self.data[self.position]
        major, info = byte >> 5, byte & 31
        assert info < 28, "a reserved or indefinite length"
        size = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
        start = self.position = self.position + 1 + size
        argument = int.from_bytes(self.data[start - size : start]) if size else info
        match major:
            case 2 | 3:
                self.position += argument
            case 4 | 5:
                assert depth < 64 or not argument
                self.members(major, argument, depth)
            case 6:
                assert self.item(depth + 1) in self.AFTER_TAG.get(argument, {2})
                assert argument in self.AFTER_TAG or 64 <= argument <= 86
            case 7:
                assert info in range(20, 24) or info in range(25, 28)
            case _:
                pass
        return major

    def members(self, major: int, size: int, depth: int) -> None:
        keys: list[str] = []
        for _ in range(size):
            if major == 5:
                start = self.position
                assert self.item(depth + 1) == 3, "a key that is no text"
                keys.append(cbor2.loads(self.data[start : self.position]))
            self.item(depth + 1)
        assert len(set(keys)) == len(keys)
