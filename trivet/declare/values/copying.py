"""A function per type that checks a value strictly and copies what could change.

Rules this file keeps:

1. Generated source, exact classes. A scalar costs one comparison, an attrs class one call; nothing
   is looked up at run time. A subclass is not its base: it could hold more than its type says.
2. What fits comes back equal, and the very same object if nothing in it can change. The one thing
   that is put right is an int where a float is declared, since a wire would do so, too.
3. The copy of an attrs object is made by ``object.__new__`` and holds the attributes that the class
   declares. ``__init__`` is not run, and attributes are set past the class's own ``__setattr__``:
   converters and validators have had their say when the value was made, and one that is not
   idempotent, or looks at the clock, must not change or refuse a value because it is passed on.
   For the same reason private, aliased and ``init=False`` attributes need no special care here.
4. Levels are counted in every attrs class, as one may be reached from a class that contains
   itself: a circle is refused, and is never a ``RecursionError``.
5. A refusal says nothing: ``faults.py`` explains it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from operator import is_
from types import NoneType
from typing import Any, NoReturn

import attrs

from trivet.declare.values.anything import copy_anything
from trivet.declare.values.faults import copy_error
from trivet.declare.values.mismatch import Mismatch
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
    python_types,
)

__all__ = ["COPY_REFUSALS", "Source", "copier"]

COPY_REFUSALS = (Mismatch, AttributeError)
"""What generated code raises for a value that does not fit; the second, for an unset attribute."""


def copier(node: Node) -> Callable[[Any], Any]:
    """Generate the function that checks and copies values of a type.

    It raises ``ValidationError`` for a value that does not fit.
    """
    source = Source()
    names = {"node": node, "error": copy_error, "COPY_REFUSALS": COPY_REFUSALS}
    return source.function(
        "copy(value)",
        [
            "try:",
            f"    return {source.expression(node, 'value')}",
            "except COPY_REFUSALS:",
            "    fault = error(node, value)",
            "raise fault",
        ],
        names,
    )


class Source:
    """Source text for one generated function, and the objects that its names stand for.

    Args:
        level: What the generated text adds to its levels: ``"depth + "``, or nothing at the top.
    """

    def __init__(self, level: str = "") -> None:
        self._level = level
        self._names: dict[str, Any] = {
            "refuse": _refuse,
            "widened": _widened,
            "same": _same,
            "copy_anything": copy_anything,
        }

    def function(
        self, signature: str, lines: list[str], names: dict[str, Any]
    ) -> Callable[..., Any]:
        """Compile a function.

        Args:
            signature: Name and parameters, ``copy(value)``.
            lines: The body.
            names: What the body may use besides what the expressions use.
        """
        text = "\n    ".join([f"def {signature}:", *lines])
        namespace = self._names | names
        exec(compile(text, f"<trivet {signature}>", "exec"), namespace)
        made: Callable[..., Any] = namespace[signature.partition("(")[0]]
        return made

    def expression(self, node: Node, value: str, level: int = 1) -> str:
        """Write the expression that checks and copies a value.

        Args:
            node: Its type.
            value: An expression for it, cheap and without effect, as it may appear several times.
            level: Its level below this function's.
        """
        match node:
            case Scalar() | EnumOf() | LiteralOf():
                return self._leaf(node, value)
            case Anything():
                return f"copy_anything({value}, {self._level}{level})"
            case ListOf(item):
                return self._guarded(list, value, level, f"[{self._each(item, value, level)}]")
            case SetOf(item, kind) if kind is set:
                return self._guarded(set, value, level, f"{{{self._each(item, value, level)}}}")
            case SetOf(item):
                items = f"same(frozenset, {value}, [{self._each(item, value, level)}])"
                return self._guarded(frozenset, value, level, items)
            case TupleOf(item):
                items = f"same(tuple, {value}, [{self._each(item, value, level)}])"
                return self._guarded(tuple, value, level, items)
            case PositionsOf(nodes):
                return self._positions(nodes, value, level)
            case DictOf(key, inner):
                return self._dict(key, inner, value, level)
            case UnionOf(members):
                return self._union(members, value, level)
            case ObjectOf():
                name = self._named(object_copier(node), "copy")
                return f"{name}({value}, {self._level}{level})"

    def _named(self, thing: object, hint: str) -> str:
        name = f"{hint}_{len(self._names)}"
        self._names[name] = thing
        return name

    def _guarded(self, kind: type, value: str, level: int, expression: str) -> str:
        condition = f"type({value}) is {kind.__name__}"
        if self._level:
            condition += f" and {self._level}{level} <= {MAX_DEPTH}"
        return f"({expression} if {condition} else refuse())"

    def _leaf(self, node: Scalar | EnumOf | LiteralOf, value: str) -> str:
        match node:
            case Scalar(kind) if kind is NoneType:
                condition = f"{value} is None"
            case Scalar(kind) if kind is float:
                return f"({value} if type({value}) is float else widened({value}))"
            case Scalar(kind) if kind is datetime:
                known = self._named(datetime, "kind")
                condition = f"type({value}) is {known} and {value}.utcoffset() is not None"
            case Scalar(kind) | EnumOf(kind):
                known = self._named(kind, "kind")
                condition = f"type({value}) is {known}"
            case LiteralOf(values):
                kinds = self._named(python_types(node), "kinds")
                known = self._named({(type(known), known) for known in values}, "values")
                condition = f"type({value}) in {kinds} and (type({value}), {value}) in {known}"
        return f"({value} if {condition} else refuse())"

    def _each(self, item: Node, value: str, level: int) -> str:
        name = self._named(None, "item")
        return f"{self.expression(item, name, level + 1)} for {name} in {value}"

    def _positions(self, nodes: tuple[Node, ...], value: str, level: int) -> str:
        items = "".join(
            f"{self.expression(node, f'{value}[{index}]', level + 1)}, "
            for index, node in enumerate(nodes)
        )
        sized = f"(same(tuple, {value}, ({items})) if len({value}) == {len(nodes)} else refuse())"
        return self._guarded(tuple, value, level, sized)

    def _dict(self, key: type, inner: Node, value: str, level: int) -> str:
        name, item = self._named(None, "key"), self._named(None, "item")
        checked = self.expression(Scalar(key), name)
        entry = f"{checked}: {self.expression(inner, item, level + 1)}"
        entries = f"{{{entry} for {name}, {item} in {value}.items()}}"
        return self._guarded(dict, value, level, entries)

    def _union(self, members: tuple[Node, ...], value: str, level: int) -> str:
        choices = "".join(
            f"{self.expression(member, value, level)} if {self._is_one_of(member, value)} else "
            for member in members
        )
        return f"({choices}refuse())"

    def _is_one_of(self, member: Node, value: str) -> str:
        kinds = python_types(member)
        if kinds <= {NoneType}:
            return f"{value} is None"
        return f"type({value}) in {self._named(kinds, 'kinds')}"


_objects: dict[ObjectOf, Callable[[Any, int], Any]] = {}


def object_copier(node: ObjectOf) -> Callable[[Any, int], Any]:
    """Return the function that copies the instances of an attrs class, generated once."""
    if node not in _objects:
        _objects[node] = lambda value, depth: _objects[node](value, depth)  # while it is made
        _objects[node] = _generate(node)
    return _objects[node]


def _generate(node: ObjectOf) -> Callable[[Any, int], Any]:
    source = Source("depth + ")
    lines = [f"if type(value) is not cls or depth > {MAX_DEPTH}:", "    refuse()"]
    for index, field in enumerate(node.fields):
        lines += [
            f"old{index} = value.{field.name}",
            f"new{index} = {source.expression(field.node, f'old{index}')}",
        ]
    changeable = _changeable(node)
    if node.frozen and changeable:
        same = " and ".join(f"new{index} is old{index}" for index in changeable)
        lines += [f"if {same}:", "    return value"]
    lines += ["return value"] if node.frozen and not changeable else _construction(node)
    names = {"cls": node.cls, "new": object.__new__, "set_attribute": object.__setattr__}
    return source.function("copy(value, depth)", lines, names)


def _construction(node: ObjectOf) -> list[str]:
    """The lines that make an object of the values ``new0``, ``new1`` …"""
    attributes = [(field.name, f"new{index}") for index, field in enumerate(node.fields)]
    if attrs.inspect(node.cls).hashability is attrs.ClassProps.Hashability.HASHABLE_CACHED:
        attributes.append(("_attrs_cached_hash", "None"))  # as its __init__ would
    setter: Any = node.cls.__setattr__
    plain = setter is object.__setattr__
    form = "copy.{} = {}" if plain else "set_attribute(copy, {!r}, {})"
    return ["copy = new(cls)", *(form.format(*pair) for pair in attributes), "return copy"]


def _changeable(node: ObjectOf) -> list[int]:
    """The fields whose copy may be another object."""
    return [
        index
        for index, field in enumerate(node.fields)
        if not isinstance(field.node, EnumOf | LiteralOf)
        and not (isinstance(field.node, Scalar) and field.node.kind is not float)
    ]


def _refuse() -> NoReturn:
    raise Mismatch


def _widened(value: Any) -> float:
    """Take an int where a float is declared."""
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
    raise Mismatch


def _same(kind: type, old: Collection[Any], new: Collection[Any]) -> Any:
    """Keep an immutable collection whose elements all came back as they were."""
    return old if all(map(is_, old, new)) else kind(new)
