"""What a type is, as a tree: the one thing that reading an annotation produces.

Everything else about values is a walk over this tree: the copier, the hooks of the converter, the
explanation of a fault. A node is compared by identity; one class (or ``Page[int]``) has one node,
which is how a recursive class closes its circle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

import attrs

__all__ = [
    "MAX_DEPTH",
    "SCALARS",
    "Anything",
    "DictOf",
    "EnumOf",
    "Field",
    "ListOf",
    "LiteralOf",
    "Node",
    "ObjectOf",
    "PositionsOf",
    "Scalar",
    "SetOf",
    "TupleOf",
    "UnionOf",
    "children",
    "is_immutable",
    "is_nullable",
    "is_unbounded",
    "name_of",
    "python_types",
    "wire_types",
]

MAX_DEPTH = 64
"""How many lists, dicts, sets and objects may stand inside each other."""

SCALARS: frozenset[type] = frozenset(
    {NoneType, bool, int, float, str, bytes, datetime, UUID, Decimal}
)


@attrs.frozen(eq=False)
class Scalar:
    """A value without parts, of exactly this class."""

    kind: type


@attrs.frozen(eq=False)
class EnumOf:
    """A member of an enumeration."""

    cls: type[Enum]


@attrs.frozen(eq=False)
class LiteralOf:
    """One of the listed values, each with its own type: ``True`` is not ``1``."""

    values: tuple[object, ...]


@attrs.frozen(eq=False)
class Anything:
    """Whatever the wire can carry."""


@attrs.frozen(eq=False)
class ListOf:
    """``list[T]``."""

    item: Node


@attrs.frozen(eq=False)
class TupleOf:
    """``tuple[T, ...]``."""

    item: Node


@attrs.frozen(eq=False)
class PositionsOf:
    """``tuple[A, B]``: a fixed number of positions."""

    items: tuple[Node, ...]


@attrs.frozen(eq=False)
class SetOf:
    """``set[T]`` or ``frozenset[T]``."""

    item: Node
    kind: type


@attrs.frozen(eq=False)
class DictOf:
    """``dict[K, V]`` with keys that are exactly ``str`` or exactly ``int``."""

    key: type
    value: Node


@attrs.frozen(eq=False)
class UnionOf:
    """One of several types, none of which takes a wire value of another.

    ``tag`` is the attribute by which several attrs classes are told apart.
    """

    members: tuple[Node, ...]
    tag: str | None = None


@attrs.frozen(eq=False)
class Field:
    """One attribute of an attrs class."""

    attribute: attrs.Attribute[Any]
    node: Node

    @property
    def name(self) -> str:
        """The attribute's name, which is its name on the wire, too."""
        return self.attribute.name


@attrs.define(eq=False)
class ObjectOf:
    """An attrs class. Its fields are filled in after it exists, since they may lead back to it."""

    cls: type[Any]
    frozen: bool
    tags: Mapping[str, LiteralOf] = attrs.field(factory=dict[str, LiteralOf])
    fields: tuple[Field, ...] = ()
    recursive: bool = False


Node: TypeAlias = (
    Scalar
    | EnumOf
    | LiteralOf
    | Anything
    | ListOf
    | TupleOf
    | PositionsOf
    | SetOf
    | DictOf
    | UnionOf
    | ObjectOf
)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside one."""
    match node:
        case Scalar() | EnumOf() | LiteralOf() | Anything():
            return ()
        case ListOf(item) | TupleOf(item) | SetOf(item):
            return (item,)
        case PositionsOf(items):
            return items
        case DictOf(value=value):
            return (value,)
        case UnionOf(members):
            return members
        case ObjectOf(fields=fields):
            return tuple(field.node for field in fields)


def _all_nodes(root: Node) -> Iterator[Node]:
    seen = {root}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        fresh = [child for child in children(node) if child not in seen]
        seen.update(fresh)
        waiting += fresh


def is_immutable(root: Node) -> bool:
    """Whether no value of this type can change, nor anything inside it."""
    return not any(
        isinstance(node, Anything | ListOf | DictOf)
        or (isinstance(node, SetOf) and node.kind is set)
        or (isinstance(node, ObjectOf) and not node.frozen)
        for node in _all_nodes(root)
    )


def is_unbounded(root: Node) -> bool:
    """Whether a value of this type may be nested without end."""
    return any(
        isinstance(node, Anything) or (isinstance(node, ObjectOf) and node.recursive)
        for node in _all_nodes(root)
    )


def is_nullable(node: Node) -> bool:
    """Whether ``None`` fits, so that what is absent is ``None``."""
    match node:
        case Scalar(kind):
            return kind is NoneType
        case LiteralOf(values):
            return None in values
        case UnionOf(members):
            return any(is_nullable(member) for member in members)
        case _:
            return isinstance(node, Anything)


_NUMBERS = frozenset({int, float})
_ANY_WIRE_TYPE = SCALARS - {UUID, Decimal} | {list, dict, set}


def _value_types(values: Iterator[object]) -> frozenset[type]:
    kinds = {type(value) for value in values}
    return frozenset(kinds | _NUMBERS if kinds & _NUMBERS else kinds)


def wire_types(node: Node) -> frozenset[type]:
    """The classes of the wire values from which a type can be loaded."""
    match node:
        case Scalar(kind) if kind in _NUMBERS:
            return _NUMBERS
        case Scalar(kind) if kind is datetime:
            return frozenset({datetime, str})
        case Scalar(kind):
            return frozenset({str if kind in (UUID, Decimal) else kind})
        case EnumOf(cls):
            return _value_types(member.value for member in cls)
        case LiteralOf(values):
            return _value_types(v.value if isinstance(v, Enum) else v for v in values)
        case Anything():
            return _ANY_WIRE_TYPE
        case ListOf() | TupleOf() | PositionsOf():
            return frozenset({list})
        case SetOf():
            return frozenset({set, list})
        case DictOf() | ObjectOf():
            return frozenset({dict})
        case UnionOf(members):
            return frozenset[type]().union(*(wire_types(member) for member in members))


def python_types(node: Node) -> frozenset[type]:
    """The classes of the values that an application may hand over for a type."""
    match node:
        case Scalar(kind):
            return _NUMBERS if kind is float else frozenset({kind})
        case EnumOf(cls) | ObjectOf(cls):
            return frozenset({cls})
        case LiteralOf(values):
            return frozenset(type(value) for value in values)
        case Anything():
            return _ANY_WIRE_TYPE
        case ListOf():
            return frozenset({list})
        case TupleOf() | PositionsOf():
            return frozenset({tuple})
        case SetOf(kind=kind):
            return frozenset({kind})
        case DictOf():
            return frozenset({dict})
        case UnionOf(members):
            return frozenset[type]().union(*(python_types(member) for member in members))


def name_of(node: Node) -> str:
    """What an error message calls the type."""
    match node:
        case Scalar(kind) | SetOf(kind=kind):
            return "None" if kind is NoneType else kind.__name__
        case EnumOf(cls) | ObjectOf(cls):
            return cls.__name__
        case LiteralOf(values):
            return f"Literal[{', '.join(map(_literal_name, values))}]"
        case Anything():
            return "Any"
        case ListOf():
            return "list"
        case TupleOf() | PositionsOf():
            return "tuple"
        case DictOf():
            return "dict"
        case UnionOf(members):
            return " | ".join(map(name_of, members))


def _literal_name(value: object) -> str:
    return str(value) if isinstance(value, Enum) else repr(value)
