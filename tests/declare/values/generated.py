"""Types with their values, for properties that hold for all of them."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Generic, Literal, Optional, TypeAlias, TypeVar
from uuid import UUID

import attrs
from hypothesis import strategies as st

__all__ = ["Typed", "anything", "mutable_parts", "types"]

T = TypeVar("T")

Typed: TypeAlias = tuple[Any, st.SearchStrategy[Any]]
"""An annotation, and a strategy for its values."""


class Color(enum.Enum):
    RED = "red"
    ONE = 1
    HALF = 0.5


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@attrs.frozen
class Frozen(Generic[T]):
    value: T
    _hidden: int = 0


@attrs.define
class Record(Generic[T]):
    value: T
    others: list[T] = attrs.field(kw_only=True)
    label: str | None = None
    late: T | None = attrs.field(init=False, default=None)


def text(value: Any) -> str:
    return str(value)


@attrs.define(slots=False)
class Converted(Generic[T]):
    name: str = attrs.field(converter=text, alias="called")
    value: T


# The arguments are chosen at run time, which is none of a type checker's business.
LIST: Any = list
TUPLE: Any = tuple
SET: Any = set
FROZENSET: Any = frozenset
DICT: Any = dict
OPTIONAL: Any = Optional
FROZEN: Any = Frozen
RECORD: Any = Record
CONVERTED: Any = Converted

offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
instants = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=offsets)
floats = st.floats(allow_nan=False)
plain = st.one_of(st.none(), st.booleans(), st.integers(), floats, st.text(), st.binary(), instants)
anything: st.SearchStrategy[Any] = st.recursive(
    plain,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.sets(plain),
    max_leaves=8,
)

HASHABLE: list[Typed] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, st.integers()),
    (float, floats),
    (str, st.text()),
    (bytes, st.binary()),
    (datetime, instants),
    (UUID, st.uuids()),
    (Decimal, st.decimals(allow_nan=False)),
    (Color, st.sampled_from(Color)),
    (Right, st.sampled_from([Right(0), Right.READ, Right.READ | Right.WRITE])),
    (Literal["a", 7, Color.RED], st.sampled_from(["a", 7, Color.RED])),
    (int | str | None, st.integers() | st.text() | st.none()),
    (bool | float | bytes, st.booleans() | floats | st.binary()),
]


def hashable_containers(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    def extend(typed: Typed, other: Typed) -> st.SearchStrategy[Typed]:
        (kind, values), (second, others) = typed, other
        made: list[Typed] = [
            (TUPLE[kind, ...], st.lists(values, max_size=3).map(tuple)),
            (TUPLE[kind, second], st.tuples(values, others)),
            (FROZENSET[kind], st.frozensets(values, max_size=3)),
            (FROZEN[kind], st.builds(Frozen, values)),
        ]
        return st.sampled_from(made)

    return st.tuples(inner, inner).flatmap(lambda pair: extend(*pair))


def containers(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    def extend(typed: Typed) -> st.SearchStrategy[Typed]:
        kind, values = typed
        many = st.lists(values, max_size=3)
        made: list[Typed] = [
            (LIST[kind], many),
            (TUPLE[kind, ...], many.map(tuple)),
            (TUPLE[kind, int], st.tuples(values, st.integers())),
            (DICT[str, kind], st.dictionaries(st.text(), values, max_size=3)),
            (DICT[int, kind], st.dictionaries(st.integers(), values, max_size=3)),
            (OPTIONAL[kind], values | st.none()),
            (FROZEN[kind], st.builds(Frozen, values)),
            (RECORD[kind], records(values)),
            (CONVERTED[kind], st.builds(Converted, st.text(), values)),
        ]
        return st.sampled_from(made)

    return inner.flatmap(extend)


def records(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Record[Any]]:
    def make(value: Any, others: list[Any], late: Any) -> Record[Any]:
        record = Record(value, others=others)
        record.late = late
        return record

    return st.builds(make, values, st.lists(values, max_size=2), st.none() | values)


hashable: st.SearchStrategy[Typed] = st.recursive(
    st.sampled_from(HASHABLE), hashable_containers, max_leaves=3
)
sets: st.SearchStrategy[Typed] = hashable.map(
    lambda typed: (SET[typed[0]], st.sets(typed[1], max_size=3))
)
types: st.SearchStrategy[Typed] = st.recursive(
    hashable | sets | st.just((Any, anything)), containers, max_leaves=4
)


def mutable_parts(value: Any) -> dict[int, Any]:
    """Every object in a value that could change, by its identity."""
    kind: Any = value.__class__
    inner: list[Any]
    if kind in (list, tuple, set, frozenset):
        inner = list(value)
    elif kind is dict:
        inner = list(value.values())
    elif attrs.has(kind):
        inner = [getattr(value, field.name) for field in attrs.fields(kind)]
    else:
        return {}
    found: dict[int, Any] = {} if kind in (tuple, frozenset, Frozen) else {id(value): value}
    for part in inner:
        found |= mutable_parts(part)
    return found
