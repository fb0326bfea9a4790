"""Why the copier refused a value: a walk over type and value that names every fault.

The copier only knows that something does not fit; that keeps it fast. This walk is made after it
has failed, refuses exactly what it refuses, and says where.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from trivet.declare.errors import ValidationError
from trivet.declare.values.anything import TOO_DEEP, faults_of_anything
from trivet.declare.values.leaves import is_aware
from trivet.declare.values.mismatch import validation_error, wrong_type, wrong_value
from trivet.declare.values.nodes import (
    MAX_DEPTH,
    Anything,
    DictOf,
    EnumOf,
    ListOf,
    LiteralOf,
    Node,
    ObjectOf,
    PositionsOf,
    Scalar,
    SetOf,
    TupleOf,
    UnionOf,
    name_of,
    python_types,
)

__all__ = ["copy_error", "faults"]


def copy_error(node: Node, value: object) -> ValidationError:
    """Make the error for a value that the copier refused."""
    return validation_error(faults(node, value, "$"))


def faults(node: Node, value: Any, path: str, depth: int = 1) -> Iterator[str]:
    """Name what does not fit.

    Args:
        node: The type.
        value: What was given for it.
        path: Where it stands, ``$`` being the whole.
        depth: Its level; the outermost is 1.

    Yields:
        Lines like ``invalid type, expected str, got int @ $.text``.
    """
    if isinstance(node, Anything):
        yield from faults_of_anything(value, path, depth)
    elif type(value) not in python_types(node):
        yield f"{wrong_type(name_of(node), value)} @ {path}"
    elif isinstance(node, UnionOf):
        member = next(m for m in node.members if type(value) in python_types(m))
        yield from faults(member, value, path, depth)
    elif (expected := _expected(node, value)) is not None:
        yield f"{wrong_value(expected)} @ {path}"
    elif depth > MAX_DEPTH and not isinstance(node, Scalar | EnumOf | LiteralOf):
        yield f"{TOO_DEEP} @ {path}"
    else:
        for inner, part, where in _parts(node, value):
            if part is _UNSET:
                yield f"attribute is not set @ {path}{where}"
            else:
                yield from faults(inner, part, path + where, depth + 1)


def _expected(node: Node, value: Any) -> str | None:
    """What a value of the right class ought to have been, unless it fits."""
    match node:
        case Scalar(kind) if kind is datetime:
            return None if is_aware(value) else "a datetime with a UTC offset"
        case Scalar(kind) if kind is float:
            return None if _fits_float(value) else "a number that fits a float"
        case LiteralOf(values):
            known = {(type(known), known) for known in values}
            return None if (type(value), value) in known else name_of(node)
        case PositionsOf(items):
            return None if len(value) == len(items) else f"{len(items)} elements"
        case _:
            return None


def _fits_float(value: float) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


_UNSET = object()


def _parts(node: Node, value: Any) -> Iterator[tuple[Node, Any, str]]:
    match node:
        case ListOf(item) | TupleOf(item):
            for index, part in enumerate(value):
                yield item, part, f"[{index}]"
        case PositionsOf(items):
            for index, part in enumerate(value):
                yield items[index], part, f"[{index}]"
        case SetOf(item):
            for part in value:
                yield item, part, "[*]"
        case DictOf(key, inner):
            for name, part in value.items():
                yield Scalar(key), name, "[*]"
                yield inner, part, "[*]"
        case ObjectOf(fields=fields):
            for field in fields:
                yield field.node, getattr(value, field.name, _UNSET), f".{field.name}"
        case Scalar() | EnumOf() | LiteralOf() | Anything() | UnionOf():
            pass
