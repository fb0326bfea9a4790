"""Reading an annotation: which types there are, and a clear refusal of all others.

Rules this file keeps:

1. What it accepts, every later step can do: copying, the wire, the stored format. Nothing is left
   to be found out when the first value arrives.
2. A refusal names the path inside the type, ``dict[str, Foo.bar]``, and the reason.
3. One attrs class (or ``Page[int]``) is one node per place. The classes met on the way to a
   refusal are forgotten, also those that were fine: their nodes may hold one that is not.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, NewType, Union, get_args, get_origin

import attrs
import typing_extensions

from trivet.declare.values.classes import Member, NotUsable, members_of, object_of, substitute
from trivet.declare.values.mismatch import class_of
from trivet.declare.values.nodes import (
    SCALARS,
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
)
from trivet.declare.values.refusal import Unsupported, shown, unsupported
from trivet.declare.values.unions import Indistinct, join, wire_value

__all__ = ["Place", "node_of"]


class Place(Enum):
    """Where the values of a type go."""

    STATE = "state"
    """The store alone."""
    WIRE = "wire"
    """Clients, too: an object of JavaScript has text keys only."""


def node_of(annotation: Any, place: Place, namespace: Mapping[str, Any]) -> Node:
    """Read an annotation.

    Args:
        annotation: The annotation, with its names resolved.
        place: Where the values go.
        namespace: Names for the string annotations of attrs classes, besides their modules'.

    Raises:
        Unsupported: If it, or anything inside it, is not supported.
    """
    reader = _Reader(place, namespace)
    node = reader.read(annotation)
    _known[place].update(reader.fresh)
    return node


_known: dict[Place, dict[Any, ObjectOf]] = {place: {} for place in Place}

_ALIASES = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)
_SELF: frozenset[Any] = frozenset(module.Self for module in (typing, typing_extensions))
_WITHOUT_ARGUMENTS: Mapping[Any, Any] = {
    list: list[Any],
    set: set[Any],
    frozenset: frozenset[Any],
    dict: dict[str, Any],
    tuple: tuple[Any, ...],
    typing.List: list[Any],  # noqa: UP006  the old spellings are what is looked for here
    typing.Set: set[Any],  # noqa: UP006
    typing.FrozenSet: frozenset[Any],  # noqa: UP006
    typing.Dict: dict[str, Any],  # noqa: UP006
    typing.Tuple: tuple[Any, ...],  # noqa: UP006
}
_ENUM_VALUES = {NoneType, bool, int, float, str, bytes}


class _Reader:
    """Reads one annotation; ``fresh`` are the nodes of the classes that nobody had met."""

    def __init__(self, place: Place, namespace: Mapping[str, Any]) -> None:
        self._place = place
        self._namespace = namespace
        self.fresh: dict[Any, ObjectOf] = {}
        self._unfinished: list[Any] = []
        self._aliases: list[Any] = []
        self._composites: Mapping[Any, Callable[[Any], Node]] = {
            list: self._list,
            tuple: self._tuple,
            set: self._set,
            frozenset: self._set,
            dict: self._dict,
            Union: self._union,
            UnionType: self._union,
            Literal: self._literal,
        }

    def read(self, annotation: Any) -> Node:
        annotation = _plain(annotation)
        try:
            hash(annotation)
        except TypeError:
            raise unsupported(annotation, "holds something that is not hashable") from None
        if not get_args(annotation):
            annotation = _WITHOUT_ARGUMENTS.get(annotation, annotation)
        origin = get_origin(annotation)
        if isinstance(origin or annotation, _ALIASES):
            return self._alias(annotation)
        if origin in self._composites:
            return self._composites[origin](annotation)
        if attrs.has(origin or annotation):
            return self._object(annotation)
        if annotation in _SELF and self._unfinished:
            return self._object(self._unfinished[-1])
        return _leaf(annotation)

    def _inside(self, form: str, annotation: Any) -> Node:
        try:
            return self.read(annotation)
        except Unsupported as error:
            raise error.inside(form.replace("…", error.path)) from None

    def _alias(self, annotation: Any) -> Node:
        if annotation in self._aliases:
            raise unsupported(annotation, "contains itself; use an attrs class, or Any")
        alias = get_origin(annotation) or annotation
        variables = dict(zip(alias.__type_params__, get_args(annotation), strict=False))
        self._aliases.append(annotation)
        node = self.read(substitute(alias.__value__, variables))
        self._aliases.pop()
        return node

    def _list(self, annotation: Any) -> Node:
        return ListOf(self._inside("list[…]", *get_args(annotation)))

    def _tuple(self, annotation: Any) -> Node:
        items = get_args(annotation)
        if items[1:] == (Ellipsis,):
            return TupleOf(self._inside("tuple[…, ...]", items[0]))
        return PositionsOf(tuple(self._inside("tuple[…]", item) for item in items))

    def _set(self, annotation: Any) -> Node:
        kind = get_origin(annotation)
        node = self._inside(f"{kind.__name__}[…]", *get_args(annotation))
        if not _is_hashable(node):
            raise unsupported(annotation, "has elements that are not hashable")
        return SetOf(node, kind)

    def _dict(self, annotation: Any) -> Node:
        key, value = get_args(annotation)
        kind = self._inside("dict[…]", key)
        if not isinstance(kind, Scalar) or kind.kind not in (str, int):
            raise unsupported(annotation, "needs keys that are str, or int in state")
        if kind.kind is int and self._place is Place.WIRE:
            raise unsupported(
                annotation, "has int keys, which are for state: JavaScript has text keys only"
            )
        return DictOf(kind.kind, self._inside(f"dict[{shown(key)}, …]", value))

    def _union(self, annotation: Any) -> Node:
        try:
            return join([self.read(member) for member in get_args(annotation)])
        except Indistinct as error:
            raise unsupported(annotation, str(error)) from None

    def _literal(self, annotation: Any) -> Node:
        values = get_args(annotation)
        if len({(class_of(v), v) for v in map(wire_value, values)}) < len(values):
            raise unsupported(annotation, "has two values that look the same on the wire")
        return LiteralOf(values)

    def _object(self, annotation: Any) -> Node:
        known = _known[self._place].get(annotation)
        if known is not None:
            return known
        if annotation in self.fresh:
            self.fresh[annotation].recursive |= annotation in self._unfinished
            return self.fresh[annotation]
        try:
            node = self.fresh[annotation] = object_of(annotation)
            members = members_of(annotation, self._namespace)
        except NotUsable as error:
            raise unsupported(annotation, str(error)) from None
        self._unfinished.append(annotation)
        # Tags first: a union further down may have to tell this class from others.
        node.tags = {m.attribute.name: tag for m in members if (tag := self._tag(m)) is not None}
        node.fields = tuple(Field(m.attribute, self._field(node, m)) for m in members)
        self._unfinished.pop()
        return node

    def _tag(self, member: Member) -> LiteralOf | None:
        plain = _plain(member.annotation)
        node = self._literal(plain) if get_origin(plain) is Literal else None
        return node if isinstance(node, LiteralOf) else None

    def _field(self, node: ObjectOf, member: Member) -> Node:
        path = f"{node.cls.__name__}.{member.attribute.name}"
        try:
            return self.read(member.annotation)
        except Unsupported as error:
            whole = error.path == error.subject
            raise error.inside(path if whole else f"{path}: {error.path}") from None


def _plain(annotation: Any) -> Any:
    """Take off what says nothing about a value: NewType, Annotated, Final."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif get_origin(annotation) in (typing.Annotated, Final):
            annotation = get_args(annotation)[0]
        else:
            return NoneType if annotation is None else annotation


def _leaf(annotation: Any) -> Node:
    if annotation is Any:
        return Anything()
    if isinstance(annotation, type) and annotation in SCALARS:
        return Scalar(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        kinds: set[type[Any]] = {type(member.value) for member in annotation}
        if not kinds or not kinds <= _ENUM_VALUES:
            reason = "needs members whose values are None, bool, int, float, str or bytes"
            raise unsupported(annotation, reason)
        return EnumOf(annotation)
    raise unsupported(annotation)


def _is_hashable(node: Node) -> bool:
    match node:
        case ListOf() | DictOf():
            return False
        case SetOf(kind=kind):
            return kind is frozenset
        case ObjectOf(cls):
            return cls.__hash__ is not None
        case TupleOf(item):
            return _is_hashable(item)
        case PositionsOf(nodes) | UnionOf(nodes):
            return all(map(_is_hashable, nodes))
        case _:
            return True
