from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import attrs
import pytest

from tests.declare.values.shapes import paths, state, wire
from trivet.declare.values import UNDEFINED
from trivet.declare.values.mismatch import MAX_PATHS


class Pair(NamedTuple):
    left: int
    right: int


class OwnList(list[int]):
    pass


@attrs.frozen
class Point:
    x: int


LOADED: list[tuple[Any, Any, Any]] = [
    (list[int], [1, 2.0], [1, 2]),
    (list[int | None], [1, UNDEFINED], [1, None]),
    (list, ["x", [1]], ["x", [1]]),
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[()], [], ()),
    (tuple, [1, "a"], (1, "a")),
    (set[int], {1, 2}, {1, 2}),
    (set[int], [1, 2, 1.0], {1, 2}),
    (set[tuple[int, int]], [[1, 2], [1, 2]], {(1, 2)}),
    (set[Point], [{"x": 1}], {Point(1)}),
    (frozenset[str], {"a"}, frozenset({"a"})),
    (frozenset[str], ["a"], frozenset({"a"})),
    (dict[str, int], {"a": 1.0}, {"a": 1}),
    (dict[str, int | None], {"a": None, "b": UNDEFINED}, {"a": None}),
    (dict, {"a": {"b": b""}}, {"a": {"b": b""}}),
    (Any, [UNDEFINED, {"a": UNDEFINED, "b": 1}], [None, {"b": 1}]),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), LOADED)
def test_load(annotation: Any, value: Any, expected: Any) -> None:
    loaded = wire(annotation).load(value)
    assert loaded == expected
    assert type(loaded) is type(expected)


REFUSED_BY_LOAD: list[tuple[Any, Any, list[str]]] = [
    (list[str], "abc", ["invalid type, expected list, got str @ $"]),
    (list[str], {"a": 1}, ["invalid type, expected list, got dict @ $"]),
    (list[str], {"a"}, ["invalid type, expected list, got set @ $"]),
    (list[str], None, ["invalid type, expected list, got None @ $"]),
    (
        list[list[int]],
        [[1], ["a", 2, None]],
        [
            "invalid type, expected int, got str @ $[1][0]",
            "invalid type, expected int, got None @ $[1][2]",
        ],
    ),
    (list[int], [UNDEFINED], ["invalid type, expected int, got undefined @ $[0]"]),
    (tuple[int, ...], {1}, ["invalid type, expected tuple, got set @ $"]),
    (tuple[int, ...], ["a"], ["invalid type, expected int, got str @ $[0]"]),
    (tuple[int, str], [1], ["invalid value, expected 2 elements @ $"]),
    (tuple[int, str], [1, "a", 2], ["invalid value, expected 2 elements @ $"]),
    (
        tuple[int, str],
        ["a", 1],
        [
            "invalid type, expected int, got str @ $[0]",
            "invalid type, expected str, got int @ $[1]",
        ],
    ),
    (set[int], "12", ["invalid type, expected set, got str @ $"]),
    (set[int], ["a"], ["invalid type, expected int, got str @ $[0]"]),
    (set[int], {"a"}, ["invalid type, expected int, got str @ $[*]"]),
    (set[Any], [[1]], ["invalid value, expected hashable elements @ $"]),
    (dict[str, int], [["a", 1]], ["invalid type, expected dict, got list @ $"]),
    (dict[str, int], {"a": "b"}, ["invalid type, expected int, got str @ $[*]"]),
    (dict[str, int], {1: 1}, ["invalid type, expected str, got int @ $[*]"]),
    (Any, (1,), ["invalid type, expected a value that the wire can carry, got tuple @ $"]),
    (Any, {1: 1}, ["invalid type, expected str, got int @ $"]),
]


@pytest.mark.parametrize(("annotation", "value", "faults"), REFUSED_BY_LOAD)
def test_load_refuses(annotation: Any, value: Any, faults: list[str]) -> None:
    assert paths(wire(annotation).load, value) == faults


def test_many_faults_are_named_up_to_a_bound() -> None:
    assert len(paths(wire(list[int]).load, ["x"] * 1000)) == MAX_PATHS
    assert len(paths(wire(dict[str, int]).load, {str(n): "x" for n in range(1000)})) == MAX_PATHS
    assert len(paths(wire(list[int]).copy, ["x"] * 1000)) == MAX_PATHS


DUMPED: list[tuple[Any, Any, Any]] = [
    (list[Decimal], [Decimal(1)], ["1"]),
    (tuple[int, ...], (1, 2), [1, 2]),
    (tuple[int, Decimal], (1, Decimal(2)), [1, "2"]),
    (set[int], {1}, {1}),
    (set[Decimal], {Decimal(1)}, {"1"}),
    (frozenset[int], frozenset({1}), {1}),
    (set[tuple[int, int]], {(1, 2)}, [[1, 2]]),
    (set[Point], {Point(1)}, [{"x": 1}]),
    (set[frozenset[int]], {frozenset({1})}, [{1}]),
    (set[Any], {1, "a"}, {1, "a"}),
    (dict[str, Decimal], {"a": Decimal(1)}, {"a": "1"}),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), DUMPED)
def test_dump(annotation: Any, value: Any, expected: Any) -> None:
    dumped = wire(annotation).dump(value)
    assert dumped == expected
    assert type(dumped) is type(expected)


REFUSED_BY_COPY: list[tuple[Any, Any, list[str]]] = [
    (list[int], (1,), ["invalid type, expected list, got tuple @ $"]),
    (list[int], OwnList([1]), ["invalid type, expected list, got OwnList @ $"]),
    (list[int], [1, True], ["invalid type, expected int, got bool @ $[1]"]),
    (tuple[int, ...], [1], ["invalid type, expected tuple, got list @ $"]),
    (tuple[int, int], Pair(1, 2), ["invalid type, expected tuple, got Pair @ $"]),
    (tuple[int, int], (1,), ["invalid value, expected 2 elements @ $"]),
    (tuple[int, int], (1, "a"), ["invalid type, expected int, got str @ $[1]"]),
    (set[int], frozenset({1}), ["invalid type, expected set, got frozenset @ $"]),
    (set[int], {"a"}, ["invalid type, expected int, got str @ $[*]"]),
    (dict[str, int], OrderedDict(a=1), ["invalid type, expected dict, got OrderedDict @ $"]),
    (
        dict[str, int],
        {1: "a"},
        [
            "invalid type, expected str, got int @ $[*]",
            "invalid type, expected int, got str @ $[*]",
        ],
    ),
    (
        Any,
        [object()],
        ["invalid type, expected a value that the wire can carry, got object @ $[0]"],
    ),
    (Any, (1,), ["invalid type, expected a value that the wire can carry, got tuple @ $"]),
    (Any, [datetime(2024, 5, 1)], ["invalid value, expected a datetime with a UTC offset @ $[0]"]),
    (Any, {"a": {1: 2}}, ["invalid type, expected str, got int @ $[*][*]"]),
    (Any, {(1,)}, ["invalid type, expected a value that the wire can carry, got tuple @ $[*]"]),
    (
        Any,
        UNDEFINED,
        ["invalid type, expected a value that the wire can carry, got undefined @ $"],
    ),
]


@pytest.mark.parametrize(("annotation", "value", "faults"), REFUSED_BY_COPY)
def test_copy_refuses(annotation: Any, value: Any, faults: list[str]) -> None:
    assert paths(wire(annotation).copy, value) == faults
    assert paths(wire(annotation).dump, value) == faults


made: list[int] = []


def note(_instance: object, _attribute: object, value: int) -> None:
    made.append(value)


@attrs.define
class Tree:
    level: int = attrs.field(validator=note)
    children: dict[str, list[tuple[Tree, ...]]] = attrs.field(factory=dict[str, Any])


def test_a_fault_far_inside_is_found_in_one_pass() -> None:
    made.clear()
    tree: dict[str, Any] = {"level": "not a number"}
    for level in range(1, 15):
        tree = {"level": level, "children": {"x": [[{"level": 0}, tree]]}}
    path = ".children[*][0][1]" * 14
    assert paths(wire(Tree).load, tree) == [f"invalid type, expected int, got str @ ${path}.level"]
    assert made == [0] * 14


def test_what_comes_after_too_many_faults_is_not_looked_at() -> None:
    made.clear()
    paths(wire(list[Tree]).load, [None] * MAX_PATHS + [{"level": 1}])
    assert made == []


def test_int_keys_are_kept_in_state() -> None:
    shape = state(dict[int, str])
    value = {1: "a", 2**70: "b"}
    assert shape.copy(value) == value
    assert shape.decode(shape.encode(value)) == value
    assert paths(shape.copy, {True: "a"}) == ["invalid type, expected int, got bool @ $[*]"]
    assert paths(shape.load, {"1": "a"}) == ["invalid type, expected int, got str @ $[*]"]


def test_no_error_shows_a_key_or_a_value() -> None:
    shape = wire(dict[str, list[int]])
    for fault in (
        *paths(shape.load, {"my secret": ["my password"]}),
        *paths(shape.copy, {"my secret": ["my password"]}),
    ):
        assert "my" not in fault
