"""Which annotations there are, and what is said about those that are not supported."""

from __future__ import annotations

import dataclasses
import enum
import typing
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, ForwardRef, Literal, NamedTuple, NewType, TypeVar

import attrs
import pytest
from typing_extensions import TypeAliasType, TypedDict

from tests.declare.values.shapes import refusal, state, wire
from trivet.declare.values import Place, shape_of
from trivet.declare.values.refusal import UnsupportedTypeError

T = TypeVar("T")

UserId = NewType("UserId", str)
Score = NewType("Score", int)
Names = TypeAliasType("Names", list[UserId])
Pairs = TypeAliasType("Pairs", list[tuple[str, T]], type_params=(T,))
Endless = TypeAliasType("Endless", int)
Written = TypeAliasType("Written", "list[int]")


class Color(enum.Enum):
    RED = "red"


class Empty(enum.Enum):
    pass


class Planet(enum.Enum):
    EARTH = (1.0, 2.0)


class Row(NamedTuple):
    x: int


class Options(TypedDict):
    x: int


@dataclasses.dataclass
class Old:
    x: int


@attrs.define
class Foo:
    bar: complex


@attrs.define
class Baz:
    foos: dict[str, list[Foo]]


@attrs.define
class Scores:
    by_player: dict[int, int]


@attrs.define
class Good:
    tree: Tree


@attrs.define
class Tree:
    good: Good
    bad: complex


@attrs.define
class Lost:
    x: Nowhere  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]  the mistake to be named


@attrs.define
class Constant:
    x: Final[int] = 1


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (UserId, "ann"),
        (Annotated[int, "positive"], 1),
        (Annotated[UserId, "x"], "ann"),
        (Names, ["ann"]),
        (Pairs[int], [("a", 1)]),
        (list[Annotated[Names, "x"]], [["ann"]]),
        (dict[UserId, Score], {"ann": 1}),
        (typing.List[int], [1]),  # noqa: UP006  the old spelling
        (typing.List, [1, "a"]),  # noqa: UP006
        (typing.Dict[str, int], {"a": 1}),  # noqa: UP006
        (typing.Dict, {"a": 1}),  # noqa: UP006
        (typing.Tuple, (1, "a")),  # noqa: UP006
        (typing.Set, {1}),  # noqa: UP006
        (typing.FrozenSet[int], frozenset({1})),  # noqa: UP006
        (typing.Optional[int], None),  # noqa: UP045
        (typing.Union[int, str], "a"),  # noqa: UP007
        (tuple, (1, "a")),
        (set, {1, "a"}),
        (Color, Color.RED),
        (type(None), None),
        (Constant, Constant(2)),
        (Any, {"a": [1, 2.5, None, True, b"x"]}),
    ],
)
def test_supported(annotation: Any, value: Any) -> None:
    shape = wire(annotation)
    assert shape.annotation is annotation
    assert shape.copy(value) == value
    assert shape.load(shape.dump(value)) == value
    assert shape.decode(shape.encode(value)) == value


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (complex, "Room.send(text: complex): complex is not supported"),
        (object, "Room.send(text: object): object is not supported; use Any"),
        (Old, "Room.send(text: Old): Old is a dataclass; use an attrs class"),
        (list[Foo], "Room.send(text: list[Foo.bar]): complex is not supported"),
        (
            Baz,
            "Room.send(text: Baz.foos: dict[str, list[Foo.bar]]): complex is not supported",
        ),
        (
            tuple[int, set[bytearray]],
            "Room.send(text: tuple[set[bytearray]]): bytearray is not supported",
        ),
        (
            tuple[timedelta, ...],
            "Room.send(text: tuple[timedelta, ...]): timedelta is not supported",
        ),
        (dict[str, date], "Room.send(text: dict[str, date]): date is not supported"),
        (str | complex, "Room.send(text: complex): complex is not supported"),
        (
            dict[int, str],
            "Room.send(text: dict[int, str]): dict[int, str] has int keys, which are for state: "
            "JavaScript has text keys only",
        ),
        (
            Scores,
            "Room.send(text: Scores.by_player): dict[int, int] has int keys, which are for state: "
            "JavaScript has text keys only",
        ),
        (
            dict[Color, int],
            "Room.send(text: dict[Color, int]): dict[Color, int] needs keys that are str, or int "
            "in state",
        ),
        (
            set[list[int]],
            "Room.send(text: set[list[int]]): set[list[int]] has elements that are not hashable",
        ),
        (
            set[tuple[int, set[int]]],
            "Room.send(text: set[tuple[int, set[int]]]): set[tuple[int, set[int]]] has elements "
            "that are not hashable",
        ),
        (
            frozenset[Baz | None],
            "Room.send(text: frozenset[Baz.foos: dict[str, list[Foo.bar]]]): complex is not "
            "supported",
        ),
        (T, "Room.send(text: T): T is a type variable that has no argument here"),
        (Pairs, "Room.send(text: list[tuple[T]]): T is a type variable that has no argument here"),
        ("Foo", "Room.send(text: 'Foo'): 'Foo' is a name that is not resolved"),
        (
            list["Foo"],
            "Room.send(text: list['Foo']): 'Foo' is a name that is not resolved",
        ),
        (
            ForwardRef("Foo"),
            "Room.send(text: ForwardRef('Foo')): ForwardRef('Foo') is a name that is not resolved",
        ),
        (
            Lost,
            "Room.send(text: Lost): Lost has annotations that cannot be resolved: name 'Nowhere' "
            "is not defined",
        ),
        (
            Planet,
            "Room.send(text: Planet): Planet needs members whose values are None, bool, int, "
            "float, str or bytes",
        ),
        (
            Empty,
            "Room.send(text: Empty): Empty needs members whose values are None, bool, int, float, "
            "str or bytes",
        ),
        (
            Literal[Color.RED, "red"],
            "Room.send(text: Literal[<RED: 'red'>, 'red']): Literal[<RED: 'red'>, "
            "'red'] has two values that look the same on the wire",
        ),
        (
            list[Annotated[int, []]],
            "Room.send(text: list[Annotated[int, []]]): list[Annotated[int, []]] holds something "
            "that is not hashable",
        ),
    ],
)
def test_refused(annotation: Any, message: str) -> None:
    assert refusal(annotation) == message


@pytest.mark.parametrize(
    "annotation",
    [
        Row,
        Options,
        date,
        timedelta,
        bytearray,
        memoryview,
        Sequence[int],
        Mapping[str, int],
        Callable[[], None],
        defaultdict[str, int],
        deque[int],
        type[int],
        typing.Self,
        typing.Never,
        Written,
        42,
    ],
)
def test_nothing_else_is_supported(annotation: Any) -> None:
    refusal(annotation)


def test_an_alias_that_contains_itself() -> None:
    object.__setattr__(Endless, "__value__", list[Endless])  # as `type` does from Python 3.12
    assert refusal(Endless) == (
        "Room.send(text: list[Endless]): Endless contains itself; use an attrs class, or Any"
    )


def test_int_keys_are_for_state() -> None:
    assert state(Scores).copy(Scores({1: 2})) == Scores({1: 2})
    assert "has int keys" in refusal(Scores)


def test_the_message_without_a_parameter() -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        shape_of(list[complex], place=Place.STATE, where="Room: state")
    assert str(caught.value) == "Room: state: list[complex]: complex is not supported"
    with pytest.raises(UnsupportedTypeError) as caught:
        shape_of(complex, place=Place.STATE, where="Room: state")
    assert str(caught.value) == "Room: state: complex is not supported"


def test_a_class_met_on_the_way_to_a_refusal_is_looked_at_again() -> None:
    for annotation in (Tree, Good, Tree):
        assert "complex is not supported" in refusal(annotation)


def test_a_class_is_read_once() -> None:
    assert wire(Constant).node is wire(Constant).node
    assert wire(Constant).node is not state(Constant).node


def test_names_that_only_the_user_of_a_class_knows() -> None:
    @attrs.define
    class Local:
        color: Hidden
        rest: Local | None = None

    class Hidden(enum.Enum):
        A = "a"

    with pytest.raises(TypeError, match="name 'Hidden' is not defined"):
        shape_of(Local, place=Place.WIRE, where="")
    shape = shape_of(Local, place=Place.WIRE, where="", namespace={"Hidden": Hidden})
    value = Local(Hidden.A, Local(Hidden.A))
    assert shape.load(shape.dump(value)) == value


def test_a_naive_datetime_default_is_no_reason_to_refuse_a_class() -> None:
    @attrs.define
    class Naive:
        at: datetime = datetime(2024, 1, 1)

    assert wire(Naive).load({}) == Naive()
