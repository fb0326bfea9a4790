"""Loading a union: the structure hook that finds the member a wire value belongs to.

That there is one, and only one, was made sure of when the annotation was read (``unions.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trivet.declare.values.leaves import StructureHook, literal_hook
from trivet.declare.values.mismatch import Mismatch, class_of, in_attribute, wrong_type
from trivet.declare.values.nodes import (
    LiteralOf,
    Node,
    ObjectOf,
    UnionOf,
    is_nullable,
    name_of,
    wire_types,
)
from trivet.declare.values.undefined import UNDEFINED

__all__ = ["union_hook"]


def union_hook(
    node: UnionOf, hook_of: Callable[[Node], StructureHook], tag_on_wire: str | None
) -> StructureHook:
    """Make the hook for a union.

    Args:
        node: The union.
        hook_of: Gives the hook of a member.
        tag_on_wire: The name on the wire of the attribute that tells its attrs classes apart.
    """
    hooks: dict[type, StructureHook] = {}
    for member in node.members:
        for kind in wire_types(member):
            hook = hook_of(member)
            if kind in hooks and isinstance(member, LiteralOf):
                hooks[kind] = _first_of(hook, hooks[kind])
            elif not (isinstance(member, ObjectOf) and node.tag is not None):
                hooks[kind] = hook
    if node.tag is not None and tag_on_wire is not None:
        hooks[dict] = _by_tag(node, node.tag, tag_on_wire, hook_of)
    if is_nullable(node):
        hooks[type(UNDEFINED)] = lambda _wire, _: None
    name = name_of(node)

    def structure(wire: Any, _: Any = None) -> Any:
        kind = class_of(wire)
        hook = hooks.get(kind)
        if hook is None:
            raise wrong_type(name, wire)
        return hook(wire, None)

    return structure


def _first_of(literal: StructureHook, other: StructureHook) -> StructureHook:
    """A literal takes its values, a member of the same kind takes the others."""

    def structure(wire: Any, _: Any = None) -> Any:
        try:
            return literal(wire, None)
        except Mismatch:
            return other(wire, None)

    return structure


def _by_tag(
    node: UnionOf, tag: str, key: str, hook_of: Callable[[Node], StructureHook]
) -> StructureHook:
    classes = [member for member in node.members if isinstance(member, ObjectOf)]
    values = [(value, member) for member in classes for value in member.tags[tag].values]
    every = LiteralOf(tuple(value for value, _ in values))
    find = literal_hook(name_of(every), every.values)
    by_value: dict[tuple[type[Any], Any], StructureHook] = {
        (type(value), value): hook_of(member) for value, member in values
    }

    def structure(wire: Any, _: Any = None) -> Any:
        try:
            if wire.get(key, UNDEFINED) is UNDEFINED:
                raise KeyError(tag)
            value = find(wire[key], None)
        except (KeyError, Mismatch) as error:
            failed = in_attribute(error, tag)
        else:
            return by_value[type(value), value](wire, None)
        raise failed

    return structure
