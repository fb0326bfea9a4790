"""Arguments in process: matched as Python does, checked, copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from tests.declare.values.shapes import paths
from trivet.declare.binder import Binder


@attrs.define
class Point:
    x: int
    y: float = 0.0


class Room:
    def nothing(self) -> None: ...

    def count(self, by: int = 1) -> int:
        return by

    def send(self, text: str, *, urgent: bool = False) -> None: ...

    def place(self, point: Point, tags: list[str]) -> None: ...

    def defaults(self, a: int = 1, b: int = 2, c: int = 3) -> None: ...

    def positions(self, a: int, b: int = 2, /, c: int = 3) -> None: ...

    def rest(self, first: str, *numbers: float, last: bool = True) -> None: ...

    def named(self, *, one: int, two: int = 2) -> None: ...

    def shadow(self, type: int, refuse: str, absent: list[int], len: int = 0) -> None: ...  # noqa: A002


def untyped(self: object, value: object, other: object = None) -> None: ...


untyped.__annotations__.clear()


def bind(function: Callable[..., object]) -> Callable[..., tuple[Any, Any]]:
    made = Binder.of(function, where="Room.f", namespace={}).bind
    return lambda *args, **kwargs: made(args, kwargs)


BOUND: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any], tuple[Any, Any]]] = [
    (Room.nothing, (), {}, ((), None)),
    (Room.count, (), {}, ((), None)),
    (Room.count, (3,), {}, ((3,), None)),
    (Room.count, (), {"by": 3}, ((3,), None)),
    (Room.send, ("hi",), {}, (("hi",), None)),
    (Room.send, (), {"text": "hi", "urgent": True}, (("hi",), {"urgent": True})),
    (Room.defaults, (5,), {}, ((5,), None)),
    (Room.defaults, (5,), {"c": 7}, ((5,), {"c": 7})),
    (Room.defaults, (), {"c": 7, "b": 6}, ((), {"b": 6, "c": 7})),
    (Room.defaults, (), {"c": 7, "a": 5}, ((5,), {"c": 7})),
    (Room.defaults, (), {"c": 7, "b": 6, "a": 5}, ((5, 6, 7), None)),
    (Room.positions, (1,), {"c": 7}, ((1,), {"c": 7})),
    (Room.positions, (1, 2, 3), {}, ((1, 2, 3), None)),
    (Room.rest, ("a",), {}, (("a",), None)),
    (Room.rest, ("a", 1, 2.5), {"last": False}, (("a", 1.0, 2.5), {"last": False})),
    (Room.named, (), {"one": 1}, ((), {"one": 1})),
    (untyped, ([1],), {}, (([1],), None)),
    (Room.shadow, (1, "a", [2]), {"len": 3}, ((1, "a", [2], 3), None)),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "expected"), BOUND)
def test_bind(
    function: Callable[..., object], args: Any, kwargs: Any, expected: tuple[Any, Any]
) -> None:
    assert bind(function)(*args, **kwargs) == expected


REFUSED: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any], list[str]]] = [
    (Room.nothing, (1,), {}, ["too many arguments, expected at most 0, got 1 @ $"]),
    (Room.count, (1, 2), {}, ["too many arguments, expected at most 1, got 2 @ $"]),
    (Room.count, (1,), {"by": 2}, ["argument `by` given twice @ $"]),
    (Room.count, (), {"loud": True}, ["unexpected argument `loud` @ $"]),
    (Room.send, (), {}, ["missing argument `text` @ $"]),
    (
        Room.send,
        (),
        {"loud": True},
        ["unexpected argument `loud` @ $", "missing argument `text` @ $"],
    ),
    (Room.positions, (), {"a": 1}, ["unexpected argument `a` @ $", "missing argument `a` @ $"]),
    (Room.positions, (1,), {"b": 1}, ["unexpected argument `b` @ $"]),
    (Room.named, (), {}, ["missing argument `one` @ $"]),
    (Room.named, (1,), {"one": 1}, ["too many arguments, expected at most 0, got 1 @ $"]),
    (
        Room.rest,
        (),
        {"numbers": 1},
        ["unexpected argument `numbers` @ $", "missing argument `first` @ $"],
    ),
    (Room.count, ("1",), {}, ["invalid type, expected int, got str @ $.by"]),
    (Room.count, (True,), {}, ["invalid type, expected int, got bool @ $.by"]),
    (
        Room.send,
        (1,),
        {"urgent": 1},
        [
            "invalid type, expected str, got int @ $.text",
            "invalid type, expected bool, got int @ $.urgent",
        ],
    ),
    (
        Room.place,
        (Point.__new__(Point), ["a", 1]),
        {},
        [
            "attribute is not set @ $.point.x",
            "attribute is not set @ $.point.y",
            "invalid type, expected str, got int @ $.tags[1]",
        ],
    ),
    (Room.rest, ("a", 1, "b"), {}, ["invalid type, expected float, got str @ $.numbers[1]"]),
    (
        untyped,
        (object(),),
        {},
        ["invalid type, expected a value that the wire can carry, got object @ $.value"],
    ),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "faults"), REFUSED)
def test_bind_refuses(
    function: Callable[..., object], args: Any, kwargs: Any, faults: list[str]
) -> None:
    assert paths(bind(function), *args, **kwargs) == faults


def test_arguments_are_copied() -> None:
    point, tags = Point(1), ["a"]
    (copied, copied_tags), _ = bind(Room.place)(point, tags=tags)
    assert (copied, copied_tags) == (point, tags)
    assert copied is not point
    assert copied_tags is not tags


def test_an_error_of_a_users_own_code_is_not_taken_for_a_wrong_call() -> None:
    class Odd:
        def __hash__(self) -> int:
            raise TypeError("my own")

    assert paths(bind(untyped), Odd())[0].startswith("invalid type")


@given(
    args=st.lists(st.integers(), max_size=4),
    kwargs=st.dictionaries(st.sampled_from("abcd"), st.integers(), max_size=4),
)
@pytest.mark.parametrize("function", [Room.defaults, Room.positions])
def test_it_matches_as_python_does(
    function: Callable[..., object], args: list[int], kwargs: dict[str, int]
) -> None:
    def received(function: Callable[..., object], *args: Any, **kwargs: Any) -> object:
        names: dict[str, Any] = {}
        exec(f"def called({SIGNATURES[function.__name__]}): return (a, b, c)", names)
        return names["called"](*args, **kwargs)

    try:
        expected = received(function, *args, **kwargs)
    except TypeError:
        assert paths(bind(function), *args, **kwargs)
    else:
        positional, named = bind(function)(*args, **kwargs)
        assert received(function, *positional, **(named or {})) == expected


SIGNATURES = {"defaults": "a=1, b=2, c=3", "positions": "a, b=2, /, c=3"}
