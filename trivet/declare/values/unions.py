"""Telling the members of a union apart, when the class is created rather than at run time.

A wire value must lead to one member: by what kind of value it is (null, boolean, number, string,
bytes, array, object), by being one of the values of a literal, or, between attrs classes, by an
attribute that each of them declares as a ``Literal`` of its own (the tag).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import combinations
from types import NoneType
from typing import Any

from trivet.declare.values.leaves import SCALAR_HOOKS, StructureHook, enum_hook
from trivet.declare.values.mismatch import Mismatch
from trivet.declare.values.nodes import (
    Anything,
    EnumOf,
    LiteralOf,
    Node,
    ObjectOf,
    Scalar,
    UnionOf,
    name_of,
    wire_types,
)

__all__ = ["Indistinct", "join", "wire_value"]


class Indistinct(Exception):
    """Two members of a union cannot be told apart; the text goes on where its name ends."""


def join(nodes: Iterable[Node]) -> Node:
    """Make the node of a union.

    Raises:
        Indistinct: If a wire value may belong to two of its members.
    """
    members = list(_merged(list(_flat(nodes))))
    if any(isinstance(member, Anything) for member in members):
        members = [member for member in members if not _is_none(member)]
    if len(members) == 1:
        return members[0]
    classes = [member for member in members if isinstance(member, ObjectOf)]
    tag = _tag(classes) if len(classes) > 1 else None
    for one, other in combinations(members, 2):
        if not (isinstance(one, ObjectOf) and isinstance(other, ObjectOf)):
            _compare(one, other)
    return UnionOf(tuple(members), tag)


def wire_value(value: object) -> Any:
    """What stands on the wire for a value of a literal."""
    return value.value if isinstance(value, Enum) else value


def _flat(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, UnionOf):
            yield from node.members
        else:
            yield node


def _is_none(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind is NoneType


def _merged(members: list[Node]) -> Iterator[Node]:
    """Yield each member once, and all literals as one without what another member includes."""
    seen: set[object] = set()
    values: dict[tuple[type, object], object] = {}
    whole = {m.kind for m in members if isinstance(m, Scalar) and m.kind is not float}
    whole |= {m.cls for m in members if isinstance(m, EnumOf)}
    for member in members:
        if isinstance(member, LiteralOf):
            values |= {(type(v), v): v for v in member.values if type(v) not in whole}
            continue
        identity = _identity(member)
        if identity not in seen:
            seen.add(identity)
            yield member
    if values:
        yield LiteralOf(tuple(values.values()))


def _identity(node: Node) -> object:
    match node:
        case Scalar(kind) | EnumOf(kind):
            return kind
        case _:
            return node


def _compare(one: Node, other: Node) -> None:
    if isinstance(other, LiteralOf):
        one, other = other, one
    if isinstance(one, LiteralOf) and (hook := _leaf_hook(other)) is not None:
        if any(_accepts(hook, wire_value(value)) for value in one.values):
            raise Indistinct(
                f"may not be told apart: {name_of(one)} has a value of {name_of(other)}"
            )
    elif wire_types(one) & wire_types(other):
        names = sorted((name_of(one), name_of(other)), reverse=True)
        hint = "; a float takes integers, too" if names == ["int", "float"] else ""
        message = f"may not be told apart: {name_of(one)} and {name_of(other)} look alike{hint}"
        raise Indistinct(message)


def _leaf_hook(node: Node) -> StructureHook | None:
    match node:
        case Scalar(kind):
            return SCALAR_HOOKS[kind]
        case EnumOf(cls):
            return enum_hook(cls)
        case _:
            return None


def _accepts(hook: StructureHook, wire: Any) -> bool:
    try:
        hook(wire, None)
    except Mismatch:
        return False
    return True


def _tag(classes: list[ObjectOf]) -> str:
    """Find the attribute that tells attrs classes apart."""
    for name in classes[0].tags:
        literals = [cls.tags[name] for cls in classes if name in cls.tags]
        values: list[tuple[type[Any], Any]] = [
            (type(v), v) for literal in literals for v in map(wire_value, literal.values)
        ]
        if len(literals) == len(classes) and len(set(values)) == len(values):
            return name
    names = ", ".join(cls.cls.__name__ for cls in classes)
    message = (
        f"may not be told apart: {names} need an attribute that is a Literal of its own in each"
    )
    raise Indistinct(message)
