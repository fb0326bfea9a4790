"""From Python values to wire values: the unstructure hooks of a cattrs converter.

They trust what they are given, because it has been through the copier: its classes are exact, and
its lists, sets and dicts are nobody else's, so what needs no change is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, TypeAlias
from uuid import UUID

import attrs
from cattrs import Converter, override
from cattrs.fns import identity
from cattrs.gen import (
    make_dict_unstructure_fn_from_attrs,  # pyright: ignore[reportUnknownVariableType]  half typed
)

from trivet.declare.values.nodes import (
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
    python_types,
    wire_types,
)
from trivet.declare.values.unions import wire_value
from trivet.declare.wire_names import Naming

__all__ = ["Form", "UnstructureHook", "UnstructureHooks", "wire_hooks"]

UnstructureHook: TypeAlias = Callable[[Any], Any]


@attrs.frozen
class Form:
    """What differs between the forms that values are brought into.

    Attributes:
        instant: For a datetime.
        collect: For the elements of a set; takes their type, and they are in this form already.
        anything: For a value of the type ``Any``.
        naming: For the names of attrs attributes.
    """

    instant: Callable[[datetime], Any]
    collect: Callable[[Node], UnstructureHook]
    anything: UnstructureHook
    naming: Naming | None


class UnstructureHooks:
    """The hooks of one form, each made once."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._made: dict[Node, UnstructureHook] = {}
        self._converter = Converter()
        self._converter.register_unstructure_hook_factory(
            lambda node: isinstance(node, Node), self.of
        )

    def of(self, node: Node) -> UnstructureHook:
        """Return the function that brings values of a type into the form."""
        if node not in self._made:
            self._made[node] = lambda value: self._made[node](value)  # while it is made
            self._made[node] = self._make(node)
        return self._made[node]

    def _make(self, node: Node) -> UnstructureHook:
        match node:
            case Scalar(kind):
                return self._scalar(kind)
            case EnumOf():
                return attrgetter("_value_")
            case LiteralOf(values):
                return wire_value if any(isinstance(v, Enum) for v in values) else identity
            case Anything():
                return self._form.anything
            case ListOf(item):
                return _elements(self.of(item), identity)
            case TupleOf(item):
                return _elements(self.of(item), list)
            case SetOf(item):
                return _elements(self.of(item), self._form.collect(item))
            case PositionsOf(items):
                hooks = [self.of(item) for item in items]
                return lambda value: [h(v) for h, v in zip(hooks, value, strict=True)]
            case DictOf(value=inner):
                return _entries(self.of(inner))
            case UnionOf(members):
                return self._union(members)
            case ObjectOf():
                return self._object(node)

    def _scalar(self, kind: type) -> UnstructureHook:
        if kind is datetime:
            return self._form.instant
        return str if kind in (UUID, Decimal) else identity

    def _union(self, members: tuple[Node, ...]) -> UnstructureHook:
        hooks = {kind: self.of(member) for member in members for kind in python_types(member)}
        if all(hook is identity for hook in hooks.values()):
            return identity
        return lambda value: hooks[type(value)](value)

    def _object(self, node: ObjectOf) -> UnstructureHook:
        naming = self._form.naming
        renamed: dict[str, Any] = {
            field.name: override(rename=naming(field.name))
            for field in node.fields
            if naming is not None and naming(field.name) != field.name
        }
        return make_dict_unstructure_fn_from_attrs(
            [field.attribute.evolve(type=field.node) for field in node.fields],
            node.cls,
            self._converter,
            _cattrs_include_init_false=True,
            **renamed,
        )


def _elements(item: UnstructureHook, build: UnstructureHook) -> UnstructureHook:
    if item is identity:
        return build
    if build is identity:
        return lambda value: [item(element) for element in value]
    return lambda value: build([item(element) for element in value])


def _entries(item: UnstructureHook) -> UnstructureHook:
    if item is identity:
        return identity
    return lambda value: {key: item(element) for key, element in value.items()}


def _collect_for_wire(item: Node) -> UnstructureHook:
    """Make a set, or a list where the wire form of the elements has no hash."""
    hashable = isinstance(item, Anything) or not wire_types(item) & {list, dict, set}
    return set if hashable else list


@cache
def wire_hooks(naming: Naming | None) -> UnstructureHooks:
    """Return the hooks that make wire values.

    Args:
        naming: Turns the names of attrs attributes into names on the wire.
    """
    return UnstructureHooks(Form(identity, _collect_for_wire, identity, naming))
