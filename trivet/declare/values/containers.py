"""Loading lists, tuples, sets and dicts: the structure hooks for values with elements.

Each element is converted once, whatever comes of it: a hook that converted its elements again to
find out which of them failed would take twice as long for every level of a nested value. And one
with a thousand faults must not cost its receiver much more than its sender, so a hook stops at
``MAX_PATHS`` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count, repeat
from typing import Any

from cattrs import IterableValidationError

from trivet.declare.values.leaves import StructureHook
from trivet.declare.values.mismatch import (
    ANY_KEY,
    MAX_PATHS,
    REFUSALS,
    class_of,
    in_element,
    wrong_type,
    wrong_value,
)
from trivet.declare.values.undefined import UNDEFINED

__all__ = ["collection_hook", "dict_hook", "positions_hook"]


def collection_hook(kind: type, item: StructureHook) -> StructureHook:
    """Make the hook for ``list[T]``, ``tuple[T, ...]``, ``set[T]`` or ``frozenset[T]``.

    Args:
        kind: The class of the collection.
        item: The hook of its elements.
    """
    build: Callable[[list[Any]], Any] = kind
    accepted = (list, set) if issubclass(kind, set | frozenset) else (list,)

    def structure(wire: Any, _: Any = None) -> Any:
        given = class_of(wire)
        if given not in accepted:
            raise wrong_type(kind.__name__, wire)
        places = count() if given is list else repeat(ANY_KEY)
        values = _converted(zip(places, repeat(item), wire, strict=False))
        try:
            return values if kind is list else build(values)
        except TypeError:  # each of them fits, but a set cannot hold it
            raise wrong_value("hashable elements") from None

    return structure


def positions_hook(items: Sequence[StructureHook]) -> StructureHook:
    """Make the hook for ``tuple[A, B]``, from the hooks of its positions."""

    def structure(wire: Any, _: Any = None) -> tuple[Any, ...]:
        if class_of(wire) is not list:
            raise wrong_type("tuple", wire)
        if len(wire) != len(items):
            raise wrong_value(f"{len(items)} elements")
        return tuple(_converted(zip(count(), items, wire, strict=False)))

    return structure


def dict_hook(key: type, item: StructureHook) -> StructureHook:
    """Make the hook for ``dict[K, V]``.

    Args:
        key: The class of its keys, ``str`` or ``int``.
        item: The hook of its values.
    """

    def checked(name: Any, _: Any) -> Any:
        if type(name) is key:
            return name
        raise wrong_type(key.__name__, name)

    def structure(wire: Any, _: Any = None) -> dict[Any, Any]:
        if class_of(wire) is not dict:
            raise wrong_type("dict", wire)
        given = {name: value for name, value in wire.items() if value is not UNDEFINED}
        names = _converted(zip(repeat(ANY_KEY), repeat(checked), given, strict=False))
        values = _converted(zip(repeat(ANY_KEY), repeat(item), given.values(), strict=False))
        return dict(zip(names, values, strict=True))

    return structure


def _converted(parts: Iterable[tuple[Any, StructureHook, Any]]) -> list[Any]:
    values: list[Any] = []
    faults: list[Exception] = []
    for place, hook, part in parts:
        try:
            values.append(hook(part, None))
        except REFUSALS as fault:
            faults.append(in_element(fault, place))
            if len(faults) == MAX_PATHS:
                break
    if faults:
        raise IterableValidationError("", faults, object)  # pyright: ignore[reportCallIssue]  so it is
    return values
