"""Strictness, from the wire and in process: which value is taken for which type."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest

from tests.declare.values.shapes import paths, wire
from trivet.declare.values import UNDEFINED

UTC_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
ID = UUID("12345678-1234-5678-1234-567812345678")


class Color(enum.Enum):
    RED = "red"
    NUMBER = 7
    HALF = 0.5
    NOTHING = None


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    HELLO = "hello"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class OpenRight(enum.IntFlag):
    READ = 1
    WRITE = 2


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class NoOffset(tzinfo):
    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return None

    dst = utcoffset

    def tzname(self, moment: datetime | None, /) -> str | None:
        return None


LOADED: list[tuple[Any, Any, Any]] = [
    (None, None, None),
    (None, UNDEFINED, None),
    (bool, True, True),
    (int, 5, 5),
    (int, 5.0, 5),
    (int, -0.0, 0),
    (int, 2.0**53, 2**53),
    (int, -(2.0**53), -(2**53)),
    (int, 10**40, 10**40),
    (float, 1.5, 1.5),
    (float, 3, 3.0),
    (str, "5", "5"),
    (bytes, b"\x00", b"\x00"),
    (datetime, UTC_NOON, UTC_NOON),
    (datetime, "2024-05-01T12:00:00Z", UTC_NOON),
    (datetime, "2024-05-01T14:00:00.000+02:00", UTC_NOON),
    (UUID, str(ID), ID),
    (UUID, str(ID).upper(), ID),
    (Decimal, "1.10", Decimal("1.10")),
    (Color, "red", Color.RED),
    (Color, 7, Color.NUMBER),
    (Color, 7.0, Color.NUMBER),
    (Color, 0.5, Color.HALF),
    (Color, None, Color.NOTHING),
    (Level, 1, Level.LOW),
    (Level, 1.0, Level.LOW),
    (Word, "hello", Word.HELLO),
    (Right, 3, Right.READ | Right.WRITE),
    (Right, 0, Right(0)),
    (OpenRight, 2.0, OpenRight.WRITE),
    (Literal["a", 1, None], "a", "a"),  # noqa: PYI061  the form to be tested
    (Literal["a", 1], 1.0, 1),
    (Literal["a", None], UNDEFINED, None),  # noqa: PYI061  the form to be tested
    (Literal[True], True, True),
    (Literal[Color.RED], "red", Color.RED),
    (Any, UNDEFINED, None),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), LOADED)
def test_load(annotation: Any, value: Any, expected: Any) -> None:
    loaded = wire(annotation).load(value)
    assert loaded == expected
    assert type(loaded) is type(expected)


REFUSED_BY_LOAD: list[tuple[Any, Any, str]] = [
    (None, False, "invalid type, expected None, got bool"),
    (bool, 1, "invalid type, expected bool, got int"),
    (bool, None, "invalid type, expected bool, got None"),
    (int, True, "invalid type, expected int, got bool"),
    (int, "5", "invalid type, expected int, got str"),
    (int, 1.5, "invalid type, expected int, got float"),
    (int, 2.0**53 + 2, "invalid type, expected int, got float"),
    (int, float("nan"), "invalid type, expected int, got float"),
    (int, float("-inf"), "invalid type, expected int, got float"),
    (int, UNDEFINED, "invalid type, expected int, got undefined"),
    (float, True, "invalid type, expected float, got bool"),
    (float, "1.5", "invalid type, expected float, got str"),
    (float, 10**400, "invalid value, expected a number that fits a float"),
    (str, 42, "invalid type, expected str, got int"),
    (str, b"x", "invalid type, expected str, got bytes"),
    (str, Text("x"), "invalid type, expected str, got Text"),
    (bytes, "x", "invalid type, expected bytes, got str"),
    (bytes, bytearray(b"x"), "invalid type, expected bytes, got bytearray"),
    (bytes, [1], "invalid type, expected bytes, got list"),
    (datetime, datetime(2024, 5, 1), "invalid value, expected a datetime with a UTC offset"),
    (datetime, "2024-05-01T12:00:00", "invalid value, expected a datetime with a UTC offset"),
    (datetime, "2024-05-01", "invalid value, expected a datetime with a UTC offset"),
    (datetime, "noon", "invalid value, expected an ISO 8601 datetime"),
    (datetime, 1714564800, "invalid type, expected datetime, got int"),
    (datetime, date(2024, 5, 1), "invalid type, expected datetime, got date"),
    (UUID, ID, "invalid type, expected UUID, got UUID"),
    (UUID, ID.hex, "invalid value, expected UUID"),
    (UUID, ID.urn, "invalid value, expected UUID"),
    (UUID, "x", "invalid value, expected UUID"),
    (Decimal, 1.5, "invalid type, expected Decimal, got float"),
    (Decimal, 1, "invalid type, expected Decimal, got int"),
    (Decimal, "one", "invalid value, expected Decimal"),
    (Decimal, " 1", "invalid value, expected Decimal"),
    (Decimal, "1_0", "invalid value, expected Decimal"),
    (Decimal, "\u0661", "invalid value, expected Decimal"),
    (Color, "RED", "invalid value, expected Color"),
    (Color, 8, "invalid value, expected Color"),
    (Color, 10**400, "invalid value, expected Color"),
    (Color, True, "invalid type, expected Color, got bool"),
    (Color, ["red"], "invalid type, expected Color, got list"),
    (Level, True, "invalid type, expected Level, got bool"),
    (Level, UNDEFINED, "invalid type, expected Level, got undefined"),
    (Right, 4, "invalid value, expected Right"),
    (Right, -1, "invalid value, expected Right"),
    (Right, "READ", "invalid type, expected int, got str"),
    (OpenRight, 4, "invalid value, expected OpenRight"),
    (Literal["a", 1], "b", "invalid value, expected Literal['a', 1]"),
    (Literal["a", 1], True, "invalid type, expected Literal['a', 1], got bool"),
    (Literal["a"], {"a": 1}, "invalid type, expected Literal['a'], got dict"),
    (Literal["a"], UNDEFINED, "invalid type, expected Literal['a'], got undefined"),
]


@pytest.mark.parametrize(("annotation", "value", "fault"), REFUSED_BY_LOAD)
def test_load_refuses(annotation: Any, value: Any, fault: str) -> None:
    assert paths(wire(annotation).load, value) == [f"{fault} @ $"]


def test_an_open_flag_keeps_no_member_for_a_number_from_outside() -> None:
    known = len(OpenRight._value2member_map_)
    paths(wire(OpenRight).load, 1 << 20)
    assert len(OpenRight._value2member_map_) == known


COPIED: list[tuple[Any, Any]] = [
    (None, None),
    (bool, False),
    (int, -(10**30)),
    (float, float("inf")),
    (str, "text"),
    (bytes, b"bytes"),
    (datetime, UTC_NOON),
    (UUID, ID),
    (Decimal, Decimal("NaN")),
    (Color, Color.RED),
    (Right, Right.READ | Right.WRITE),
    (Literal["a", Color.RED], Color.RED),
    (str | None, None),
]


@pytest.mark.parametrize(("annotation", "value"), COPIED)
def test_what_cannot_change_passes_as_it_is(annotation: Any, value: Any) -> None:
    shape = wire(annotation)
    assert shape.copy(value) is value
    assert shape.immutable


def test_a_float_takes_an_int_and_makes_it_a_float() -> None:
    for convert in (wire(float).copy, wire(float).load, wire(float).dump):
        assert convert(3) == 3.0
        assert type(convert(3)) is float


REFUSED_BY_COPY: list[tuple[Any, Any, str]] = [
    (None, UNDEFINED, "invalid type, expected None, got undefined"),
    (int, True, "invalid type, expected int, got bool"),
    (int, 1.0, "invalid type, expected int, got float"),
    (int, Number(1), "invalid type, expected int, got Number"),
    (int, Level.LOW, "invalid type, expected int, got Level"),
    (float, True, "invalid type, expected float, got bool"),
    (float, 10**400, "invalid value, expected a number that fits a float"),
    (str, 42, "invalid type, expected str, got int"),
    (str, Text("x"), "invalid type, expected str, got Text"),
    (str, Word.HELLO, "invalid type, expected str, got Word"),
    (datetime, datetime(2024, 5, 1), "invalid value, expected a datetime with a UTC offset"),
    (
        datetime,
        datetime(2024, 5, 1, tzinfo=NoOffset()),
        "invalid value, expected a datetime with a UTC offset",
    ),
    (datetime, "2024-05-01T12:00:00Z", "invalid type, expected datetime, got str"),
    (UUID, str(ID), "invalid type, expected UUID, got str"),
    (Decimal, "1", "invalid type, expected Decimal, got str"),
    (Color, "red", "invalid type, expected Color, got str"),
    (Literal["a", 1], True, "invalid type, expected Literal['a', 1], got bool"),
    (Literal["a", 1], "b", "invalid value, expected Literal['a', 1]"),
    (Literal["a"], ["a"], "invalid type, expected Literal['a'], got list"),
    (Literal[Color.RED], "red", "invalid type, expected Literal[Color.RED], got str"),
]


@pytest.mark.parametrize(("annotation", "value", "fault"), REFUSED_BY_COPY)
def test_copy_and_dump_refuse(annotation: Any, value: Any, fault: str) -> None:
    shape = wire(annotation)
    assert paths(shape.copy, value) == [f"{fault} @ $"]
    assert paths(shape.dump, value) == [f"{fault} @ $"]
    assert paths(shape.encode, value) == [f"{fault} @ $"]


DUMPED: list[tuple[Any, Any, Any]] = [
    (datetime, UTC_NOON, UTC_NOON),
    (UUID, ID, str(ID)),
    (Decimal, Decimal("1.10"), "1.10"),
    (Color, Color.RED, "red"),
    (Level, Level.HIGH, 2),
    (Right, Right.READ | Right.WRITE, 3),
    (Literal["a", Color.NUMBER], Color.NUMBER, 7),
    (Literal["a", Color.NUMBER], "a", "a"),
    (bytes, b"\xff", b"\xff"),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), DUMPED)
def test_dump(annotation: Any, value: Any, expected: Any) -> None:
    dumped = wire(annotation).dump(value)
    assert dumped == expected
    assert type(dumped) is type(expected)
