from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest
from hypothesis import given

from tests.protocol.wire_values import alike, values
from trivet.protocol import cbor
from trivet.protocol.cbor import NATIVE, TAGGED
from trivet.protocol.dialect import Dialect
from trivet.protocol.errors import DecodingError, EncodingError
from trivet.protocol.messages import UNDEFINED

BOTH = pytest.mark.parametrize("dialect", [TAGGED, NATIVE], ids=["tagged", "native"])


@BOTH
@given(values())
def test_values_survive(dialect: Dialect, value: object) -> None:
    assert alike(value, cbor.decode(cbor.encode(value, dialect), dialect))


# --------------------------------------------------------------------------- numbers (5.2)


@BOTH
@pytest.mark.parametrize("number", [2**32, -(2**32) - 1, 1_764_000_000_000, 2**53 - 1, 1 - 2**53])
def test_a_large_integer_is_a_float_since_javascript_would_read_a_bigint(
    dialect: Dialect, number: int
) -> None:
    data = cbor.encode(number, dialect)
    assert data == b"\xfb" + struct.pack(">d", number)
    assert cbor.decode(data, dialect) == number
    assert type(cbor.decode(data, dialect)) is int


def test_an_integer_that_javascript_cannot_tell_is_a_bigint() -> None:
    assert cbor.encode(2**53, TAGGED) == cbor2.dumps(["$BigInt", str(2**53)])
    assert cbor.encode(2**53, NATIVE) == b"\x1b" + (2**53).to_bytes(8)
    assert cbor.encode(2**64, NATIVE) == b"\xc2\x49" + (2**64).to_bytes(9)


@pytest.mark.parametrize("number", [5.0, 2.0**32 - 1, 1.5e15 + 0.5, 2.0**53 + 2, 1e300])
def test_other_floats_stay_floats(number: float) -> None:
    assert type(cbor.decode(cbor.encode(number, TAGGED), TAGGED)) is float


LARGE = b"\xfb" + struct.pack(">d", 2**40)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x81" + LARGE, [2**40]),
        (b"\xa1\x61a" + LARGE, {"a": 2**40}),
        (b"\xd9\x01\x02\x81" + LARGE, {2**40}),
        (b"\x81\xfa" + struct.pack(">f", 2**40), [2**40]),
    ],
)
def test_floats_that_were_integers_are_found_in_every_place_and_width(
    data: bytes, value: object
) -> None:
    assert repr(cbor.decode(data, NATIVE)) == repr(value)


@pytest.mark.parametrize("number", [2**4096, -(2**4096)])
@BOTH
def test_integers_have_an_end(dialect: Dialect, number: int) -> None:
    with pytest.raises(EncodingError, match="4096 bits"):
        cbor.encode([number], dialect)


def test_an_id_takes_8_bytes() -> None:
    assert cbor.integer8(0) == b"\x1b" + bytes(8)
    assert cbor.integer8(2**64 - 1) == b"\x1b" + b"\xff" * 8
    with pytest.raises(EncodingError):
        cbor.integer8(2**64)


# --------------------------------------------------------------- what JavaScript has (5.1)

NATIVE_VALUES = {
    "f7": UNDEFINED,
    "d84042abcd": b"\xab\xcd",
    "d84442abcd": b"\xab\xcd",
    "42abcd": b"\xab\xcd",
    "d9010282016161": {1, "a"},
    "d90103a1616101": {"a": 1},
    "c100": datetime(1970, 1, 1, tzinfo=UTC),
    "c11a5e0be100": datetime(2020, 1, 1, tzinfo=UTC),
    "c1fb3fe0000000000000": datetime(1970, 1, 1, 0, 0, 0, 500_000, UTC),
    # The last moment that a client can send: a float of seconds has its milliseconds still.
    "c1fb424d7ffa20bfffbe": datetime(9999, 12, 31, 23, 59, 59, 998_000, UTC),
    "c249010000000000000000": 2**64,
    "c349010000000000000000": -(2**64) - 1,
    "1bffffffffffffffff": 2**64 - 1,
    "3bffffffffffffffff": -(2**64),
    "d8454401000200": [1, 2],
    "d8464401000000": [1],
    "d8474802000000ffffffff": [0xFFFFFFFF00000002],
    "d84842ff01": [-1, 1],
    "d84d42feff": [-2],
    "d84e44fdffffff": [-3],
    "d84f48fcffffffffffffff": [-4],
    "d855440000c03f": [1.5],
    "d85648000000000000f83f": [1.5],
    "f93e00": 1.5,
    "fa3fc00000": 1.5,
    "b90001616101": {"a": 1},
    "b801616101": {"a": 1},
}


@pytest.mark.parametrize(("digits", "value"), NATIVE_VALUES.items())
@BOTH
def test_what_javascript_writes_is_read(dialect: Dialect, digits: str, value: object) -> None:
    assert alike(value, cbor.decode(bytes.fromhex(digits), dialect))


def test_only_the_tagged_dialect_has_tags() -> None:
    tag = cbor2.dumps(["$Undefined", 0])
    assert cbor.decode(tag, TAGGED) is UNDEFINED
    assert cbor.decode(tag, NATIVE) == ["$Undefined", 0]
    assert cbor.encode(["$Undefined", 0], NATIVE) == tag
    assert cbor.encode(["$Undefined", 0], TAGGED) == cbor2.dumps(["$$Undefined", 0])


@pytest.mark.parametrize("head", ["82", "9802"])
@pytest.mark.parametrize("text", ["6a24556e646566696e6564", "780a24556e646566696e6564"])
def test_a_tag_is_found_however_its_list_is_written(head: str, text: str) -> None:
    data = bytes.fromhex(head + text + "00")
    if text.startswith("78"):
        with pytest.raises(DecodingError, match="longer than it must be"):
            cbor.decode(data, TAGGED)
    else:
        assert cbor.decode(data, TAGGED) is UNDEFINED


def test_a_long_unknown_tag_stays_a_list() -> None:
    items = ["$" + "x" * 300, 0]
    assert cbor.decode(cbor2.dumps(items), TAGGED) == items
    assert cbor.decode(cbor.encode(items, TAGGED), TAGGED) == items


# ------------------------------------------------------------------------------- refused

REFUSED = {
    "nothing": "",
    "two items": "0000",
    "a break behind the item": "00ff",
    "a list cut off": "8100" + "81",
    "text cut off": "6261",
    "long text cut off": "7818" + "61" * 23,
    "a head cut off": "19ff",
    "a list that declares too much": "99ffff00",
    "a list that declares very much": "9affffffff",
    "a list that declares more than memory": "9bffffffffffffffff",
    "text that declares more than memory": "7bffffffffffffffff",
    "bytes that declare much": "5affffffff",
    "lists that together declare too much": "990100" * 4 + "00" * 600,
    "a list without end": "9f00ff",
    "text without end": "7f6161ff",
    "bytes without end": "5f4161ff",
    "a map without end": "bf616100ff",
    "a number as key": "a10000",
    "bytes as key": "a1416100",
    "long bytes as key": "a15818" + "61" * 24 + "00",
    "a list as key": "a18000",
    "null as key": "a1f600",
    "a date as key": "a1c10000",
    "a key twice": "a2616100616101",
    "a key twice, unequal lengths": "b90002" + "6161" + "f7" + "6161" + "00",
    "invalid UTF-8": "61ff",
    "half a surrogate pair": "63eda080",
    "overlong UTF-8": "62c080",
    "another simple value": "e0",
    "the one before false": "f3",
    "another simple value in two bytes": "f8ff",
    "a reserved head": "1c",
    "a date as text": "c074323032302d30312d30315430303a30303a30305a",
    "a decimal fraction": "c48221196ab3",
    "a big float": "c5822003",
    "a rational": "d81e820102",
    "a regular expression": "d823612e",
    "a uuid": "d82550" + "00" * 16,
    "mime": "d8246161",
    "an address": "d9010444c0a80001",
    "a shared value": "d81c80",
    "a reference to one": "d81d00",
    "self-described": "d9d9f700",
    "a tag that names itself longer": "d80100",
    "a tag in a tag": "c1c100",
    "a date of text": "c16161",
    "a date in a map": "c1a0",
    "an endless date": "c1fb7ff0000000000000",
    "no date": "c1f97e00",
    "a date before all": "c1fb" + struct.pack(">d", -1e15).hex(),
    "a huge integer": "c2590201" + "ff" * 513,
    "a set of a number": "d9010200",
    "a set of bytes": "d901024161",
    "a map of bytes": "d901034161",
    "a set of lists": "d901028180",
    "a set of big integers": "d9010281c249010000000000000000",
    "a set of undefined": "d9010281f7",
    "a map of a list": "d9010380",
    "half an element": "d84541ff",
    "text of 3 with a long length": "7803616161",
    "a list of 1 with a long length": "99000100",
}


@pytest.mark.parametrize("digits", REFUSED.values(), ids=REFUSED)
@BOTH
def test_what_clients_do_not_send_is_refused(dialect: Dialect, digits: str) -> None:
    with pytest.raises(DecodingError):
        cbor.decode(bytes.fromhex(digits), dialect)


@pytest.mark.parametrize(
    "digits",
    [
        "826724426967496e746178",
        "826724426967496e7405",
        "826b2455696e7438417272617961ff",
        "826b2455696e743841727261796141",
        "826c24417272617942756666657200",
        "82642453657400",
        "8264245365748180",
    ],
)
def test_a_tag_holds_what_it_is_for(digits: str) -> None:
    with pytest.raises(DecodingError):
        cbor.decode(bytes.fromhex(digits), TAGGED)


def test_the_reason_is_named_and_nothing_is_repeated() -> None:
    for data in (b"\xa2\x66secret\x00\x66secret\x00", b"\xa1\x46secret\x00", b"\x46secre"):
        with pytest.raises(DecodingError) as caught:
            cbor.decode(data, NATIVE)
        assert "secre" not in str(caught.value)


# -------------------------------------------------------------------------------- limits


def nested(depth: int) -> bytes:
    return b"\x81" * depth + b"\x00"


def test_depth() -> None:
    cbor.decode(nested(64), NATIVE)
    with pytest.raises(DecodingError):
        cbor.decode(nested(65), NATIVE)
    cbor.decode(nested(67), NATIVE, levels=3)
    with pytest.raises(DecodingError):
        cbor.decode(nested(68), NATIVE, levels=3)


def nest(value: object, depth: int) -> object:
    for _ in range(depth):
        value = [value]
    return value


@BOTH
@pytest.mark.parametrize(
    ("leaf", "depth"), [(0, 64), (b"a", 63), ({1}, 62), (datetime.now(UTC), 63), ([], 64)]
)
def test_whatever_can_be_written_can_be_read(dialect: Dialect, leaf: object, depth: int) -> None:
    data = cbor.encode(nest(leaf, depth), dialect)
    cbor.decode(data, dialect)
    with pytest.raises(EncodingError, match="nested deeper"):
        cbor.encode(nest(leaf, depth + 1), dialect)


def test_a_list_inside_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodingError, match="nested deeper"):
        cbor.encode(loop, TAGGED)


def every_prefix(data: bytes) -> Iterator[bytes]:
    return (data[:size] for size in range(len(data)))


@given(values())
def test_no_prefix_of_an_item_is_one(value: object) -> None:
    for prefix in every_prefix(cbor.encode(value, NATIVE)):
        with pytest.raises(DecodingError):
            cbor.decode(prefix, NATIVE)
