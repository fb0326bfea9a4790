from __future__ import annotations

from collections import OrderedDict, defaultdict
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from trivet.protocol import cbor, json
from trivet.protocol.dialect import Dialect, lone_surrogate
from trivet.protocol.errors import DecodingError, EncodingError

EVERY = pytest.mark.parametrize(
    "dialect", [cbor.TAGGED, cbor.NATIVE, json.TAGGED], ids=["tagged", "native", "json"]
)


class Color(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: str


class Ratio(float):
    pass


SUBCLASSES: list[tuple[Any, Any]] = [
    (Color.RED, "red"),
    (Level.HIGH, 3),
    (Ratio(0.5), 0.5),
    (Point(1, "a"), [1, "a"]),
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(list, a=[Level.HIGH]), {"a": [3]}),
]

STRANGERS: list[Any] = [
    object(),
    Decimal(1),
    UUID(int=1),
    Enum("E", "A"),
    1j,
    bytearray(b"a"),
    memoryview(b"a"),
    range(3),
    {1: 2},
    {None: 2},
    {b"a": 2},
    {(1, 2)},
    frozenset({frozenset[int]()}),
    {2**64},
    datetime(2020, 1, 1),
]


@EVERY
@pytest.mark.parametrize(
    ("value", "tree"),
    SUBCLASSES,
)
def test_a_subclass_is_what_it_is_underneath(dialect: Dialect, value: object, tree: object) -> None:
    got = dialect.lower(value)
    assert (type(got), got) == (type(tree), tree)


@EVERY
@pytest.mark.parametrize(
    "value",
    STRANGERS,
    ids=repr,
)
def test_what_is_no_wire_value_is_refused_where_it_stands(dialect: Dialect, value: object) -> None:
    for outer, path in (([0, value], (1,)), ({"a": {"b": value}}, ("a", "b"))):
        with pytest.raises(EncodingError) as caught:
            dialect.lower(outer)
        assert caught.value.path == path


@EVERY
def test_lowering_changes_nothing_of_the_application(dialect: Dialect) -> None:
    value: dict[str, Any] = {"a": [["$Set", 1], {"b": 2**60}], "c": (1, {2})}
    before = repr(value)
    tree = dialect.lower(value)
    assert repr(value) == before
    assert tree is not value
    assert tree["a"] is not value["a"]


@pytest.mark.parametrize("dialect", [cbor.TAGGED, json.TAGGED], ids=["tagged", "json"])
def test_the_elements_of_a_set_are_not_taken_for_a_tag(dialect: Dialect) -> None:
    texts = {"$BigInt", "$x"}
    tag, elements = dialect.lower(texts)
    assert (tag, sorted(elements)) == ("$Set", ["$BigInt", "$x"])
    assert dialect.revive([tag, elements]) == texts


@EVERY
def test_shared_parts_are_no_cycle(dialect: Dialect) -> None:
    shared = [1]
    assert dialect.lower([shared, shared]) == [[1], [1]]


@EVERY
def test_reviving_refuses_keys_that_are_no_text(dialect: Dialect) -> None:
    with pytest.raises(DecodingError, match="must be text"):
        dialect.revive({"a": {b"b": 1}})


def test_the_place_of_a_broken_text_is_found() -> None:
    assert lone_surrogate({"a": [0, "\ud800"]}).path == ("a", 1)
    assert lone_surrogate({"a": {"\ud800": 1}}).path == ("a",)
    assert lone_surrogate("\ud800").path == ()
