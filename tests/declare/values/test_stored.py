from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pytest

from tests.declare.values.shapes import paths, state

FAR_EAST = timezone(timedelta(hours=9, seconds=7))
NOON = datetime(2024, 5, 1, 12, 0, 0, 1, tzinfo=FAR_EAST)


@attrs.define
class First:
    a: int


@attrs.define
class Second:
    a: int
    b: str = "new"
    c: int | None = None


@attrs.define
class Third:
    d: int


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Any, {"set": {1, "a", None, 2.5}, "at": NOON, "big": 2**64, "small": -(2**63) - 1}),
        (Any, [{2**70, NOON}, b"\x00", "text"]),
        (Any, {"a": [1, {"b": 2**90}]}),
        (int, 2**64 - 1),
        (int, 2**64),
        (int, -(2**63)),
        (int, -(2**63) - 1),
        (int, -(2**200)),
        (list[int], [0, 1, -1, 2**100]),
        (dict[int, int], {2**64: -(2**64), 1: 2}),
        (dict[int, dict[str, int]], {2**64: {"a": 2**64}}),
        (set[datetime], {NOON}),
        (datetime, NOON),
        (Decimal, Decimal("-1.100E+5")),
        (UUID, UUID(int=5)),
        (frozenset[tuple[int, frozenset[str]]], frozenset({(1, frozenset({"a", "b"}))})),
        (bytes, bytes(range(256))),
        (float, -0.0),
        (float, math.inf),
        (str, "\x00 \U0001f600 é"),
    ],
)
def test_round_trip(annotation: Any, value: Any) -> None:
    shape = state(annotation)
    again = shape.decode(shape.encode(value))
    assert again == value
    assert repr(again) == repr(shape.copy(value)) or isinstance(
        value, set | frozenset | dict | list
    )


def test_the_offset_of_a_datetime_is_kept() -> None:
    for annotation in (datetime, Any):
        shape = state(annotation)
        assert shape.decode(shape.encode(NOON)).utcoffset() == NOON.utcoffset()


def test_the_sign_of_zero_is_kept() -> None:
    shape = state(float)
    assert math.copysign(1, shape.decode(shape.encode(-0.0))) == -1


def test_an_offset_that_iso_8601_has_no_form_for() -> None:
    odd = NOON.replace(tzinfo=timezone(timedelta(microseconds=1)))
    for annotation in (datetime, Any):
        shape = state(annotation)
        assert shape.decode(shape.encode(odd)) == odd


def test_not_a_number_is_kept() -> None:
    shape = state(float)
    assert math.isnan(shape.decode(shape.encode(math.nan)))


@pytest.mark.parametrize("annotation", [set[str], frozenset[str], set[Any], Any])
def test_equal_sets_give_equal_bytes(annotation: Any) -> None:
    names = [f"name {n}" for n in range(100)]
    kind: type[Any] = frozenset if annotation == frozenset[str] else set
    shape = state(annotation)
    assert shape.encode(kind(names)) == shape.encode(kind(reversed(names)))


def test_sets_of_objects_give_equal_bytes() -> None:
    @attrs.frozen(hash=False)
    class Clash:
        x: int

        def __hash__(self) -> int:
            return 0  # so that the order is the order of insertion

    shape = state(set[Clash])
    assert shape.encode({Clash(1), Clash(2)}) == shape.encode({Clash(2), Clash(1)})


def test_a_dict_keeps_its_order() -> None:
    shape = state(dict[str, int])
    assert list(shape.decode(shape.encode({"b": 1, "a": 2}))) == ["b", "a"]


def test_a_class_that_has_grown() -> None:
    data = state(First).encode(First(1))
    assert state(Second).decode(data) == Second(1, "new", None)
    assert state(First).decode(state(Second).encode(Second(2))) == First(2)


def test_what_no_longer_fits() -> None:
    data = state(First).encode(First(1))
    assert paths(state(Third).decode, data) == ["required field missing @ $.d"]
    assert paths(state(dict[str, str]).decode, data) == [
        "invalid type, expected str, got int @ $[*]"
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        b"\xa1\xff",
        b"\x91" * 100_000,
        msgspec.msgpack.encode(msgspec.msgpack.Ext(99, b"")),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(2, b"\x91\x90")),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(3, b"noon")),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(3, b"\xff")),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(4, b"\x01")),
    ],
)
def test_damaged_data(data: bytes) -> None:
    (fault,) = paths(state(Any).decode, data)
    assert fault.startswith("the stored data is ")


def test_text_that_utf8_cannot_carry() -> None:
    fault = "invalid value, expected text without lone surrogates @ $"
    assert paths(state(str).encode, "\ud800") == [fault]
    assert paths(state(Any).encode, {"\ud800": 2**70}) == [fault]
    assert paths(state(set[str]).encode, {"\ud800"}) == [fault]
    assert paths(state(Any).encode, {"\ud800"}) == [fault]
    assert paths(state(Any).encode, [2**70, "\ud800"]) == [fault]
    assert paths(state(dict[int, Any]).encode, {2**70: "\ud800"}) == [fault]


def test_nothing_is_stored_that_does_not_fit() -> None:
    text: Any = "x"
    assert paths(state(First).encode, First(text)) == ["invalid type, expected int, got str @ $.a"]


def test_the_format_is_for_ever() -> None:
    assert state(Second).encode(Second(1, "x")).hex() == "83a16101a162a178a163c0"
    value = {"set": {1}, "at": NOON, "big": 2**64}
    at = b"2024-05-01T12:00:00.000001+09:00:07"
    assert state(Any).encode(value) == b"".join(
        [
            b"\x83",
            b"\xa3set\xd5\x02\x91\x01",
            b"\xa2at\xc7" + bytes([len(at), 3]) + at,
            b"\xa3big\xc7\x09\x01\x01" + bytes(8),
        ]
    )
    assert state(dict[int, set[int]]).encode({2**64: {2, 1}}) == (
        b"\xc7\x11\x04\x91\x92\xc7\x09\x01\x01" + bytes(8) + b"\x92\x01\x02"
    )
