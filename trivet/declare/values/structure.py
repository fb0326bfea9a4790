"""From wire values to Python values, strictly: the hooks of a cattrs converter.

Rules this file keeps:

1. cattrs makes the objects of attrs classes and notes where a fault is. What it would guess is
   ours: the hooks of everything else (``leaves.py``, ``containers.py``, ``choices.py``) take exact
   classes only.
2. The converter dispatches on nodes, not on annotations: a type is read once.
3. What is undefined is absent. What is absent is the default where there is one, else ``None``
   where that fits, else a fault.
4. ``__init__`` runs, with converters and validators: a wire value is new here. An ``init=False``
   attribute is set afterwards, if it was sent. (cattrs would drop the faults of those, and cannot
   set one of a frozen class.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import attrs
from cattrs import Converter, override
from cattrs.gen import (
    make_dict_structure_fn_from_attrs,  # pyright: ignore[reportUnknownVariableType]  half typed
)

from trivet.declare.values.anything import load_anything
from trivet.declare.values.choices import union_hook
from trivet.declare.values.containers import collection_hook, dict_hook, positions_hook
from trivet.declare.values.leaves import SCALAR_HOOKS, StructureHook, enum_hook, literal_hook
from trivet.declare.values.mismatch import class_of, in_attribute, wrong_type
from trivet.declare.values.nodes import (
    Anything,
    DictOf,
    EnumOf,
    Field,
    ListOf,
    LiteralOf,
    Node,
    ObjectOf,
    PositionsOf,
    Scalar,
    SetOf,
    TupleOf,
    UnionOf,
    is_nullable,
    name_of,
)
from trivet.declare.values.undefined import UNDEFINED
from trivet.declare.wire_names import Naming

__all__ = ["structure_hook"]


def structure_hook(node: Node, naming: Naming | None) -> StructureHook:
    """Return the function that loads wire values of a type; it raises what cattrs raises.

    Args:
        node: The type.
        naming: Turns the names of attrs attributes into names on the wire.
    """
    return _hooks(naming).of(node)


@cache
def _hooks(naming: Naming | None) -> _StructureHooks:
    return _StructureHooks(naming)


class _StructureHooks:
    def __init__(self, naming: Naming | None) -> None:
        self._naming = naming
        self._made: dict[Node, StructureHook] = {}
        self._converter = Converter(detailed_validation=True)
        self._converter.register_structure_hook_factory(
            lambda node: isinstance(node, Node), self.of
        )

    def of(self, node: Node) -> StructureHook:
        if node not in self._made:
            self._made[node] = lambda wire, _: self._made[node](wire, _)  # while it is made
            self._made[node] = self._make(node)
        return self._made[node]

    def _make(self, node: Node) -> StructureHook:
        match node:
            case Scalar(kind):
                return SCALAR_HOOKS[kind]
            case EnumOf(cls):
                return enum_hook(cls)
            case LiteralOf(values):
                return literal_hook(name_of(node), values)
            case Anything():
                return load_anything
            case ListOf(item):
                return collection_hook(list, self.of(item))
            case TupleOf(item):
                return collection_hook(tuple, self.of(item))
            case SetOf(item, kind):
                return collection_hook(kind, self.of(item))
            case PositionsOf(items):
                return positions_hook([self.of(item) for item in items])
            case DictOf(key, value):
                return dict_hook(key, self.of(value))
            case UnionOf(tag=tag):
                return union_hook(node, self.of, tag and self._wire_name(tag))
            case ObjectOf():
                return self._object(node)

    def _wire_name(self, name: str) -> str:
        return name if self._naming is None else self._naming(name)

    def _object(self, node: ObjectOf) -> StructureHook:
        build = self._constructor(node)
        set_late = self._late_setter(node)
        absent = {self._wire_name(f.name): None for f in node.fields if _is_none_if_absent(f)}

        def structure(wire: Any, _: Any = None) -> Any:
            if class_of(wire) is not dict:
                raise wrong_type(node.cls.__name__, wire)
            entries: dict[str, Any] = wire
            if UNDEFINED in entries.values():
                entries = {key: v for key, v in entries.items() if v is not UNDEFINED}
            instance = build(absent | entries if absent else entries, None)
            if set_late is not None:
                set_late(instance, entries)
            return instance

        return structure

    def _constructor(self, node: ObjectOf) -> StructureHook:
        fields = [field for field in node.fields if field.attribute.init]
        renamed: dict[str, Any] = {
            field.name: override(rename=self._wire_name(field.name))
            for field in fields
            if self._wire_name(field.name) != field.name
        }
        # Nodes stand for the types of the attributes, and the variables of a generic class are
        # replaced in them already; cattrs only asks that each of them has been given something.
        variables = {v.__name__: object for v in getattr(node.cls, "__parameters__", ())}
        return make_dict_structure_fn_from_attrs(
            [field.attribute.evolve(type=field.node) for field in fields],
            node.cls,
            self._converter,
            variables,
            **renamed,
        )

    def _late_setter(self, node: ObjectOf) -> Callable[[Any, dict[str, Any]], None] | None:
        late = [
            (field.name, self._wire_name(field.name), self.of(field.node))
            for field in node.fields
            if not field.attribute.init
        ]
        assign: Callable[[Any, str, Any], None] = object.__setattr__ if node.frozen else setattr

        def set_late(instance: Any, wire: dict[str, Any]) -> None:
            for name, key, hook in late:
                if key in wire:
                    try:
                        assign(instance, name, hook(wire[key], None))
                    except Exception as error:
                        raise in_attribute(error, name) from None

        return set_late if late else None


def _is_none_if_absent(field: Field) -> bool:
    attribute = field.attribute
    return attribute.init and attribute.default is attrs.NOTHING and is_nullable(field.node)
