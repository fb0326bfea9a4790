"""What two owners of a value could share: the parts of it that can change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs


def mutable_parts(value: object) -> Iterator[object]:
    """Walk over everything in a value that could change."""
    whole: Any = value
    kind: Any = type(value)
    if kind is tuple:
        yield from _parts_of(whole)
    elif kind in {list, set}:
        yield value
        yield from _parts_of(whole)
    elif kind is dict:
        yield value
        yield from _parts_of(whole.values())
    elif attrs.has(kind):
        yield value
        yield from _parts_of(getattr(whole, field.name) for field in attrs.fields(kind))


def _parts_of(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        yield from mutable_parts(value)
