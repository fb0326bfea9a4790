"""Loading lists, tuples, sets and dicts: the structure hooks for values with elements.

The way of what fits is one comprehension. Only when it has failed, the elements are gone through
again, to note which they are, and only up to ``MAX_PATHS`` faults: a list with a thousand must not
cost its receiver more than its sender.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count, repeat
from typing import Any

from cattrs import IterableValidationError

from trivet.declare.values.leaves import StructureHook
from trivet.declare.values.mismatch import (
    ANY_KEY,
    MAX_PATHS,
    Mismatch,
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
    build: Callable[[list[Any]], Any] | None = None if kind is list else kind
    accepted = (list, set) if issubclass(kind, set | frozenset) else (list,)

    def structure(wire: Any, _: Any = None) -> Any:
        given = class_of(wire)
        if given not in accepted:
            raise wrong_type(kind.__name__, wire)
        try:
            values = [item(element, None) for element in wire]
            return values if build is None else build(values)
        except Exception as error:
            parts = ((index, item, element) for index, element in _numbered(wire))
            failed = _faults(parts, error)
        raise failed

    return structure


def positions_hook(items: Sequence[StructureHook]) -> StructureHook:
    """Make the hook for ``tuple[A, B]``, from the hooks of its positions."""

    def structure(wire: Any, _: Any = None) -> tuple[Any, ...]:
        kind = class_of(wire)
        if kind is not list:
            raise wrong_type("tuple", wire)
        if len(wire) != len(items):
            raise wrong_value(f"{len(items)} elements")
        parts: list[tuple[Any, StructureHook, Any]] = [
            (index, item, element)
            for index, (item, element) in enumerate(zip(items, wire, strict=True))
        ]
        try:
            return tuple([item(element, None) for _, item, element in parts])
        except Exception as error:
            failed = _faults(parts, error)
        raise failed

    return structure


def dict_hook(key: type, item: StructureHook) -> StructureHook:
    """Make the hook for ``dict[K, V]``.

    Args:
        key: The class of its keys, ``str`` or ``int``.
        item: The hook of its values.
    """

    def check(name: Any, _: Any = None) -> Any:
        if type(name) is key:
            return name
        raise wrong_type(key.__name__, name)

    def structure(wire: Any, _: Any = None) -> dict[Any, Any]:
        kind = class_of(wire)
        if kind is not dict:
            raise wrong_type("dict", wire)
        entries = [(name, value) for name, value in wire.items() if value is not UNDEFINED]
        try:
            return {check(name): item(value, None) for name, value in entries}
        except Exception as error:
            keys = ((ANY_KEY, check, name) for name, _ in entries)
            values = ((ANY_KEY, item, value) for _, value in entries)
            failed = _faults(chain(keys, values), error)
        raise failed

    return structure


def _numbered(wire: Any) -> Iterable[tuple[Any, Any]]:
    """The elements of a list with their indices; those of a set have none."""
    indices = count() if class_of(wire) is list else repeat(ANY_KEY)
    return zip(indices, wire, strict=False)


def _faults(parts: Iterable[tuple[Any, StructureHook, Any]], error: Exception) -> Exception:
    """Convert again, part by part, what has failed as a whole."""
    faults: list[Exception] = []
    for index, hook, part in parts:
        try:
            hook(part, None)
        except Exception as fault:
            faults.append(in_element(fault, index))
        if len(faults) == MAX_PATHS:
            break
    if not faults:  # each of them fits, but they cannot be in one collection: a hash is missing
        return error if isinstance(error, Mismatch) else wrong_value("hashable elements")
    return IterableValidationError("", faults, object)  # pyright: ignore[reportCallIssue]  so it is
