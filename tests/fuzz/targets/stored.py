"""Stored states: what a damaged, an old or a foreign record is taken for.

Property: bytes are decoded to a value of the type, which is stored again as the same, or refused
with `ValidationError`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal
from uuid import UUID

import attrs

from tests.fuzz.sameness import same
from trivet.declare.errors import ValidationError
from trivet.declare.values import Place, Shape, shape_of
from trivet.declare.values.mismatch import Mismatch
from trivet.declare.values.stored import unpack


class Colour(Enum):
    RED = "red"
    BLUE = 2


@attrs.frozen
class Card:
    """A bit of everything."""

    title: str
    at: datetime | None = None
    colour: Colour = Colour.RED
    weight: float = 1.0
    tags: frozenset[str] = frozenset()


@attrs.define
class Table:
    """A state with containers of containers."""

    cards: dict[int, list[Card]] = attrs.Factory(dict[int, list[Card]])
    owner: UUID | None = None
    price: Decimal = Decimal(0)
    kind: Literal["a", "b"] = "a"
    pair: tuple[int, str] | None = None
    rest: Any = None


def _shape(annotation: object) -> Shape[Any]:
    return shape_of(annotation, place=Place.STATE, where="fuzz")


SHAPES: Final = [
    _shape(annotation)
    for annotation in (
        Any,
        Table,
        list[Card],
        dict[int, set[int]],
        set[datetime],
        int,
        float,
        str,
        bytes,
        datetime,
        tuple[int, ...],
        list[Any],
    )
]


def check(data: bytes) -> None:
    """Decode bytes as a value of the type that the first byte chooses."""
    if not data:
        return
    shape, record = SHAPES[data[0] % len(SHAPES)], data[1:]
    try:
        unpack(record)
    except Mismatch:
        pass
    try:
        value = shape.decode(record)
    except ValidationError:
        return
    assert same(shape.decode(shape.encode(value)), value)
