from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from tests.declare.values.shapes import paths, wire
from trivet.declare.values.nodes import MAX_DEPTH


@attrs.frozen
class Point:
    x: float
    y: float
    name: str = ""


@attrs.frozen
class Bag:
    items: list[int]


@attrs.define
class Tree:
    children: list[Tree] = attrs.Factory(list["Tree"])
    parent: Tree | None = None
    note: Any = None


@attrs.frozen
class Chain:
    rest: Chain | None = None


@attrs.define
class Wrapped:
    inner: Leaf


@attrs.define
class Leaf:
    rows: list[list[Wrapped]]


def test_mutable_values_are_copied_at_every_depth() -> None:
    value: dict[str, list[set[int]]] = {"a": [{1}, {2}]}
    copied = wire(dict[str, list[set[int]]]).copy(value)
    assert copied == value
    assert copied is not value
    assert copied["a"] is not value["a"]
    assert copied["a"][0] is not value["a"][0]


def test_any_is_copied_at_every_depth() -> None:
    value = {"a": [{"b": {1}}]}
    copied = wire(Any).copy(value)
    assert copied == value
    assert copied["a"] is not value["a"]
    assert copied["a"][0] is not value["a"][0]
    assert copied["a"][0]["b"] is not value["a"][0]["b"]


def test_what_cannot_change_stays_the_same_object() -> None:
    point = Point(1.0, 2.0)
    assert wire(Point).copy(point) is point
    assert wire(tuple[Point, ...]).copy(points := (point,)) is points
    assert wire(tuple[int, str]).copy(pair := (1, "a")) is pair
    assert wire(frozenset[int]).copy(numbers := frozenset({1})) is numbers
    assert wire(Point).immutable
    assert wire(tuple[Point, ...]).immutable
    assert wire(Chain).immutable


def test_a_frozen_class_with_a_mutable_attribute_is_copied() -> None:
    bag = Bag([1])
    copied = wire(Bag).copy(bag)
    assert copied == bag
    assert copied is not bag
    assert copied.items is not bag.items
    assert not wire(Bag).immutable
    assert not wire(tuple[Bag, ...]).immutable
    assert not wire(Any).immutable


def test_an_int_in_a_float_is_put_right_inside_what_cannot_change() -> None:
    point: Any = Point(1, 2.5)
    copied = wire(tuple[Point, ...]).copy((point,))
    assert [type(copied[0].x), type(copied[0].y)] == [float, float]
    numbers = wire(frozenset[float]).copy(frozenset({1}))
    assert [type(number) for number in numbers] == [float]


def test_a_subclass_is_not_its_base() -> None:
    @attrs.frozen
    class Point3(Point):
        z: float = 0.0

    fault = "invalid type, expected Point, got Point3 @ $"
    assert paths(wire(Point).copy, Point3(1.0, 2.0)) == [fault]


def test_every_fault_is_named() -> None:
    values: list[Any] = ["1", True, None]
    assert paths(wire(dict[str, Point]).copy, {"a": Point(*values)}) == [
        "invalid type, expected float, got str @ $[*].x",
        "invalid type, expected float, got bool @ $[*].y",
        "invalid type, expected str, got None @ $[*].name",
    ]


def test_an_attribute_that_is_not_set() -> None:
    point = Point.__new__(Point)
    assert paths(wire(Point).copy, point) == [
        "attribute is not set @ $.x",
        "attribute is not set @ $.y",
        "attribute is not set @ $.name",
    ]


def circle_of_lists() -> Any:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def circle_of_objects() -> Any:
    tree = Tree()
    tree.children.append(Tree(parent=tree))
    return tree


@pytest.mark.parametrize(
    ("annotation", "make"), [(Any, circle_of_lists), (Tree, circle_of_objects)]
)
def test_a_circle_is_refused(annotation: Any, make: Callable[[], Any]) -> None:
    shape = wire(annotation)
    for refused in (shape.copy, shape.dump, shape.encode):
        (fault, *_) = paths(refused, make())
        assert fault.startswith("nested too deeply, more than 64 levels @ $")


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def chained(levels: int) -> Chain:
    value = Chain()
    for _ in range(levels - 1):
        value = Chain(value)
    return value


def tree_of(levels: int) -> Tree:
    return Tree(note=nested(levels - 1))


@pytest.mark.parametrize(
    ("annotation", "make"),
    [(Any, nested), (Chain, chained), (Tree, tree_of)],
)
def test_the_last_level_fits_and_one_more_does_not(
    annotation: Any, make: Callable[[int], Any]
) -> None:
    shape = wire(annotation)
    deepest = make(MAX_DEPTH)
    assert shape.copy(deepest) == deepest
    assert shape.load(shape.dump(deepest)) == deepest
    assert shape.decode(shape.encode(deepest)) == deepest
    assert len(paths(shape.copy, make(MAX_DEPTH + 1))) == 1


def test_a_list_below_the_last_level_does_not_fit() -> None:
    tree = Tree()  # its own list is a second level
    for _ in range(MAX_DEPTH // 2 - 1):
        tree = Tree(children=[tree])
    shape = wire(Tree)
    assert shape.load(shape.dump(tree)) == tree
    below = "$[0]" + ".children[0]" * (MAX_DEPTH // 2 - 1) + ".children"
    fault = f"nested too deeply, more than 64 levels @ {below}"
    assert paths(wire(list[Tree]).copy, [tree]) == [fault]


def test_two_classes_that_contain_each_other() -> None:
    value = Wrapped(Leaf([[Wrapped(Leaf([]))]]))
    shape = wire(Wrapped)
    copied = shape.copy(value)
    assert copied == value
    assert copied.inner.rows[0][0] is not value.inner.rows[0][0]
    assert shape.load(shape.dump(value)) == value


def test_the_wire_is_not_loaded_deeper_than_the_limit() -> None:
    assert paths(wire(Any).load, nested(MAX_DEPTH + 1)) == [
        "nested too deeply, more than 64 levels @ $"
    ]
    assert wire(Any).load(nested(MAX_DEPTH)) == nested(MAX_DEPTH)


def test_an_annotation_names_no_attribute_of_the_generated_code() -> None:
    made = attrs.make_class(
        "value", {name: attrs.field(type=int) for name in ("depth", "cls", "refuse")}
    )
    shape = wire(made)
    value = made(1, 2, 3)
    assert shape.copy(value) == value
    assert shape.load(shape.dump(value)) == value
