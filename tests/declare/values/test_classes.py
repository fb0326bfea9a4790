from __future__ import annotations

import abc
import functools
from typing import Any, Generic, Self, TypeVar

import attrs
import pytest
from attrs import validators

from tests.declare.values.shapes import paths, refusal, state, wire
from trivet.declare.values import UNDEFINED, Place, shape_of
from trivet.declare.wire_names import camel_case

T = TypeVar("T")
S = TypeVar("S")


def stripped(text: str) -> str:
    return text.strip()


@attrs.define
class Member:
    _token: str
    user_id: int = attrs.field(alias="id")
    name: str = attrs.field(converter=stripped, kw_only=True)
    age: int = attrs.field(default=18, validator=validators.ge(0))
    tags: list[str] = attrs.Factory(list[str])
    label: str = attrs.field(init=False)
    count: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self.label = self.name.upper()


@attrs.frozen
class Sealed:
    a: int
    b: int = attrs.field(init=False, default=1)


@attrs.frozen(cache_hash=True)
class Cached:
    items: tuple[list[int], ...] = attrs.field(hash=False)
    name: str = "x"


@attrs.define
class Maybe:
    required: int | None
    anything: Any
    defaulted: int | None = 5


@attrs.define
class Page(Generic[T]):
    items: list[T]
    cursor: str | None = None
    next: Page[T] | None = None


@attrs.define
class IntPage(Page[int]):
    total: int = 0


@attrs.define
class Swapped(Page[list[T]], Generic[T, S]):
    """Uses the name of its base's variable for something else."""

    own: T = attrs.field(kw_only=True)
    other: S = attrs.field(kw_only=True)


@attrs.define
class Node:
    children: list[Self] = attrs.field(factory=list[Any])


Untyped: Any = attrs.make_class("Untyped", ["x"])


@attrs.define(slots=False)
class WithDict:
    x: list[int]

    @functools.cached_property
    def total(self) -> int:
        return sum(self.x)


@attrs.define
class OwnInit:
    x: int

    def __init__(self, y: int) -> None:
        self.x = y


class InheritedInit(Sealed):
    """Not decorated itself, so it may have more than its base."""


class Abstract(abc.ABC):
    @abc.abstractmethod
    def speak(self) -> None: ...


@attrs.define
class StillAbstract(Abstract):
    x: int


@attrs.define
class Oops(Exception):
    x: int


class TestPrivateAliasedConvertedInitFalse:
    member = Member("token", 7, name=" ann ", age=30)

    def test_the_wire_form_has_every_attribute_by_its_name(self) -> None:
        assert wire(Member).dump(self.member) == {
            "_token": "token",
            "user_id": 7,
            "name": "ann",
            "age": 30,
            "tags": [],
            "label": "ANN",
            "count": 0,
        }

    def test_round_trips(self) -> None:
        member = Member("token", 7, name="ann", tags=["a"])
        member.count, member.label = 5, "changed"
        shape = state(Member)
        for again in (
            shape.copy(member),
            shape.load(shape.dump(member)),
            shape.decode(shape.encode(member)),
        ):
            assert again == member
            assert again.tags is not member.tags

    def test_what_is_missing_is_a_default_or_left_to_the_class(self) -> None:
        loaded = wire(Member).load({"_token": "t", "user_id": 1, "name": " bob "})
        assert loaded == Member("t", 1, name="bob")
        assert (loaded.label, loaded.count) == ("BOB", 0)

    def test_converters_and_validators_see_what_comes_from_the_wire(self) -> None:
        fields = {"_token": "t", "user_id": 1, "name": "x", "age": -1}
        assert paths(wire(Member).load, fields) == ["invalid value @ $"]

    def test_faults_of_all_attributes_are_named(self) -> None:
        fields = {"_token": 1, "name": None, "age": "x"}
        assert paths(wire(Member).load, fields) == [
            "invalid type, expected str, got int @ $._token",
            "required field missing @ $.user_id",
            "invalid type, expected str, got None @ $.name",
            "invalid type, expected int, got str @ $.age",
        ]

    def test_a_fault_of_an_init_false_attribute_is_named(self) -> None:
        fields = {"_token": "t", "user_id": 1, "name": "x", "count": "many"}
        assert paths(wire(Member).load, fields) == ["invalid type, expected int, got str @ $.count"]
        assert paths(wire(Sealed).load, {"a": 1, "b": "x"}) == [
            "invalid type, expected int, got str @ $.b"
        ]

    def test_an_init_false_attribute_of_a_frozen_class(self) -> None:
        assert wire(Sealed).load({"a": 1, "b": 7}).b == 7
        assert wire(Sealed).load({"a": 1}).b == 1


def test_copying_runs_no_converter_and_no_validator() -> None:
    calls: list[Any] = []

    def doubled(value: int) -> int:
        calls.append(value)
        return value * 2

    @attrs.define
    class Doubled:
        x: int = attrs.field(converter=doubled, validator=validators.lt(100))
        y: list[int] = attrs.Factory(list[int])

    value = Doubled(3)
    calls.clear()
    copied = shape_of(Doubled, place=Place.WIRE, where="").copy(value)
    assert copied == value
    assert copied is not value
    assert calls == []


def test_a_cached_hash_is_made_anew() -> None:
    value = Cached(([1],))
    copied = wire(Cached).copy(value)
    assert copied == value
    assert copied is not value
    assert hash(copied) == hash(value)


def test_what_is_no_attribute_is_no_part_of_the_value() -> None:
    value = WithDict([1, 2])
    assert value.total == 3
    copied = wire(WithDict).copy(value)
    assert vars(copied) == {"x": [1, 2]}


def test_unknown_keys_are_ignored() -> None:
    assert wire(Sealed).load({"a": 1, "zzz": object()}) == Sealed(1)


def test_no_object() -> None:
    assert paths(wire(Sealed).load, [1]) == ["invalid type, expected Sealed, got list @ $"]
    assert paths(wire(Sealed).load, UNDEFINED) == [
        "invalid type, expected Sealed, got undefined @ $"
    ]


@pytest.mark.parametrize(
    "fields", [{}, {"required": UNDEFINED, "anything": UNDEFINED, "defaulted": UNDEFINED}]
)
def test_undefined_is_absent(fields: dict[str, Any]) -> None:
    assert wire(Maybe).load(fields) == Maybe(None, None, 5)


def test_undefined_is_a_missing_field() -> None:
    assert paths(wire(Sealed).load, {"a": UNDEFINED}) == ["required field missing @ $.a"]


def test_generic_classes() -> None:
    page = Page([1], "c", Page([2]))
    shape = wire(Page[int])
    assert shape.copy(page) == page
    assert shape.load(shape.dump(page)) == page
    assert paths(shape.copy, Page(["x"])) == ["invalid type, expected int, got str @ $.items[0]"]
    assert wire(Page[str]).copy(Page(["x"])) == Page(["x"])


def test_a_class_that_gives_its_base_an_argument() -> None:
    shape = wire(IntPage)
    assert shape.load({"items": [1], "total": 2}) == IntPage([1], total=2)
    assert paths(shape.load, {"items": ["x"]}) == [
        "invalid type, expected int, got str @ $.items[0]"
    ]


def test_each_class_has_its_own_type_variables() -> None:
    shape = wire(Swapped[int, str])
    value = Swapped([[1]], own=2, other="x")
    assert shape.load(shape.dump(value)) == value
    assert paths(shape.load, {"items": [1], "own": "x", "other": 1}) == [
        "invalid type, expected list, got int @ $.items[0]",
        "invalid type, expected int, got str @ $.own",
        "invalid type, expected str, got int @ $.other",
    ]


def test_self_is_the_class() -> None:
    value = Node()
    value.children.append(Node())
    assert wire(Node).load(wire(Node).dump(value)) == value


def test_an_attribute_without_a_type_takes_anything() -> None:
    assert wire(Untyped).load({"x": [1]}) == Untyped([1])


def test_names_on_the_wire_can_be_converted() -> None:
    shape = shape_of(Member, place=Place.WIRE, where="", naming=camel_case)
    member = Member("t", 7, name="ann")
    dumped = shape.dump(member)
    assert dumped["userId"] == 7
    assert "user_id" not in dumped
    assert shape.load(dumped) == member
    assert shape.decode(shape.encode(member)) == member
    assert shape.encode(member) == wire(Member).encode(member)


def test_an_attribute_may_have_any_name() -> None:
    names = ["attrs", "cl", "converter", "self_", "o", "res", "errors", "instance"]
    made = attrs.make_class("Names", {name: attrs.field(type=int) for name in names})
    value = made(*range(len(names)))
    for naming in (None, camel_case):
        shape = shape_of(made, place=Place.WIRE, where="", naming=naming)
        assert shape.copy(value) == value
        assert shape.load(shape.dump(value)) == value


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (InheritedInit, "InheritedInit is no attrs class itself, only a base of it is"),
        (OwnInit, "OwnInit has an __init__ that attrs has not made"),
        (StillAbstract, "StillAbstract cannot be made without its __init__: "),
        (Oops, "Oops cannot be made without its __init__: "),
        (Page, "T is a type variable that has no argument here"),
    ],
)
def test_refused_classes(cls: Any, reason: str) -> None:
    assert reason in refusal(cls)
