"""Unions: told apart by JSON kind, by a literal, or by a tag; refused otherwise."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import attrs
import pytest
from typing_extensions import TypeAliasType

from tests.declare.values.shapes import paths, refusal, wire
from trivet.declare.values import UNDEFINED, Place, shape_of
from trivet.declare.wire_names import camel_case

ID = UUID(int=1)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Color(enum.Enum):
    RED = "red"


class Kind(enum.Enum):
    CIRCLE = "circle"
    SQUARE = "square"


@attrs.frozen
class Circle:
    radius: float
    shape_kind: Literal["circle"] = "circle"


@attrs.frozen
class Square:
    side: float
    shape_kind: Literal["square", "box"] = "square"


@attrs.define
class Group:
    members: list[Circle | Group]
    shape_kind: Literal["group"] = "group"


@attrs.frozen
class ByEnum:
    shape_kind: Literal[Kind.SQUARE]


@attrs.frozen
class ByNumber:
    version: Literal[1]


@attrs.frozen
class ByOtherNumber:
    version: Literal[2]


@attrs.frozen
class NoTag:
    x: int


IntOrText = TypeAliasType("IntOrText", int | str)
Shapes = TypeAliasType("Shapes", Circle | Square)

TOLD_APART: list[tuple[Any, list[Any]]] = [
    (int | None, [1, None]),
    (bool | int | str | None, [True, 1, "1", None]),
    (float | str, [1.5, "x"]),
    (bytes | str, [b"x", "x"]),
    (list[int] | dict[str, int] | int, [[1], {"a": 1}, 1]),
    (tuple[int, ...] | str, [(1,), "x"]),
    (set[int] | int, [{1}, 1]),
    (NoTag | str | list[NoTag], [NoTag(1), "x", [NoTag(1)]]),
    (UUID | int, [ID, 1]),
    (datetime | int, [NOON, 1]),
    (Color | int, [Color.RED, 1]),
    (Literal["auto"] | int, ["auto", 1]),
    (Literal["auto"] | UUID, ["auto", ID]),
    (Literal["auto"] | Decimal | None, ["auto", Decimal("1.5"), None]),
    (Literal["now"] | datetime, ["now", NOON]),
    (Literal["blue"] | Color, ["blue", Color.RED]),
    (IntOrText | int, [1, "a"]),
    (IntOrText | None, [1, "a", None]),
    (Literal["a"] | list[int], ["a", [1]]),
    (Literal["a", 1], ["a", 1]),
    (Literal["a"] | str, ["a", "b"]),  # noqa: PYI051  the literal says what is expected
    (Literal[Color.RED] | Color, [Color.RED]),
    (Circle | Square, [Circle(1.0), Square(1.0), Square(1.0, "box")]),
    (Circle | Square | None, [Circle(1.0), None]),
    (Shapes | Group, [Circle(1.0), Square(2.0), Group([Circle(1.0), Group([])])]),
    (Circle | ByEnum, [Circle(1.0), ByEnum(Kind.SQUARE)]),
    (ByNumber | ByOtherNumber, [ByNumber(1), ByOtherNumber(2)]),
    (Group, [Group([Group([Circle(1.0)])])]),
    (Any | None, [1, None]),
]


@pytest.mark.parametrize(("annotation", "values"), TOLD_APART)
def test_told_apart(annotation: Any, values: list[Any]) -> None:
    shape = wire(annotation)
    for value in values:
        for again in (
            shape.copy(value),
            shape.load(shape.dump(value)),
            shape.decode(shape.encode(value)),
        ):
            assert again == value
            assert type(again) is type(value)


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (int | float, "int and float look alike; a float takes integers, too"),
        (str | UUID, "str and UUID look alike"),
        (str | datetime, "str and datetime look alike"),
        (str | Color, "str and Color look alike"),
        (Decimal | UUID, "Decimal and UUID look alike"),
        (list[int] | tuple[int, ...], "list and tuple look alike"),
        (list[int] | set[int], "list and set look alike"),
        (list[int] | list[str], "list and list look alike"),
        (NoTag | dict[str, int], "NoTag and dict look alike"),
        (Any | int, "Any and int look alike"),
        (Color | Kind, "Color and Kind look alike"),
        (Literal["1"] | Decimal, "Literal['1'] has a value of Decimal"),
        (Literal["red"] | Color, "Literal['red'] has a value of Color"),
        (Literal[1] | float, "Literal[1] has a value of float"),
        (
            Circle | NoTag,
            "Circle, NoTag need an attribute that is a Literal of its own in each",
        ),
        (
            Square | ByEnum,
            "Square, ByEnum need an attribute that is a Literal of its own in each",
        ),
    ],
)
def test_refused(annotation: Any, reason: str) -> None:
    assert refusal(annotation).endswith(f" may not be told apart: {reason}")


@pytest.mark.parametrize(
    ("annotation", "value", "faults"),
    [
        (int | None, "x", ["invalid type, expected int | None, got str @ $"]),
        (int | str, UNDEFINED, ["invalid type, expected int | str, got undefined @ $"]),
        (int | str, True, ["invalid type, expected int | str, got bool @ $"]),
        (int | str, 1.5, ["invalid type, expected int, got float @ $"]),
        (list[int] | None, ["x"], ["invalid type, expected int, got str @ $[0]"]),
        (Literal["auto"] | UUID, "x", ["invalid value, expected UUID @ $"]),
        (Circle | Square, {"side": 1.0}, ["required field missing @ $.shape_kind"]),
        (
            Circle | Square,
            {"shape_kind": UNDEFINED},
            ["required field missing @ $.shape_kind"],
        ),
        (
            Circle | Square,
            {"shape_kind": "triangle"},
            ["invalid value, expected Literal['circle', 'square', 'box'] @ $.shape_kind"],
        ),
        (
            Circle | Square,
            {"shape_kind": ["circle"]},
            ["invalid type, expected Literal['circle', 'square', 'box'], got list @ $.shape_kind"],
        ),
        (
            list[Circle | Square],
            [{"shape_kind": "circle"}],
            ["required field missing @ $[0].radius"],
        ),
    ],
)
def test_load_refuses(annotation: Any, value: Any, faults: list[str]) -> None:
    assert paths(wire(annotation).load, value) == faults


@pytest.mark.parametrize(
    ("annotation", "value", "faults"),
    [
        (int | None, True, ["invalid type, expected int | None, got bool @ $"]),
        (list[int] | None, [None], ["invalid type, expected int, got None @ $[0]"]),
        (Circle | Square, NoTag(1), ["invalid type, expected Circle | Square, got NoTag @ $"]),
        (Literal["auto"] | int, "x", ["invalid value, expected Literal['auto'] @ $"]),
    ],
)
def test_copy_refuses(annotation: Any, value: Any, faults: list[str]) -> None:
    assert paths(wire(annotation).copy, value) == faults


def test_undefined_is_none_where_none_is_a_member() -> None:
    assert wire(int | None).load(UNDEFINED) is None
    assert wire(int | None).nullable
    assert not wire(int | str).nullable


def test_a_number_of_a_tag_may_come_as_a_float() -> None:
    assert wire(ByNumber | ByOtherNumber).load({"version": 2.0}) == ByOtherNumber(2)


def test_a_tag_is_renamed_with_the_other_attributes() -> None:
    shape = shape_of(Circle | Square, place=Place.WIRE, where="", naming=camel_case)
    assert shape.dump(Circle(1.0)) == {"radius": 1.0, "shapeKind": "circle"}
    assert shape.load({"side": 1, "shapeKind": "box"}) == Square(1.0, "box")
    assert paths(shape.load, {"side": 1}) == ["required field missing @ $.shape_kind"]


def test_a_float_member_takes_an_int() -> None:
    assert type(wire(float | None).copy(1)) is float
