"""What a value was, to be brought back into the same objects.

Others may hold a value, or a part of it, while a change of it is undone: they would go on with an
object that nobody looks at any more if a new one took its place. So the contents of every part that
can change are remembered beside the part itself, one level each, and put back in place; a part that
has moved is found where it was. What has not changed is not touched, so that a walk over it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

import attrs

from trivet.declare.values.mismatch import class_of

__all__ = ["Kept"]

_ABSENT = object()


class Kept:
    """A value as it is now.

    Args:
        value: Of any type that a shape allows.
        is_immutable: Whether it has no parts that can change.

    Attributes:
        value: The same object.
    """

    __slots__ = ("_parts", "value")

    def __init__(self, value: Any, *, is_immutable: bool = False) -> None:
        self.value = value
        self._parts: list[_Part] = []
        if not is_immutable:
            self._look_at(value)

    def bring_back(self) -> None:
        """Let the value and all its parts be what they were."""
        for take, put, part, contents in self._parts:
            if not _are_the_same(take(part), contents):
                put(part, contents)

    def _look_at(self, value: Any) -> None:
        seen = set[int]()
        pending = [value]
        while pending:
            part = pending.pop()
            kind = class_of(part)
            if kind is tuple or kind is frozenset:
                pending += part
                continue
            way = _WAYS.get(kind) or (_ATTRIBUTES if attrs.has(kind) else None)
            if way is None or id(part) in seen:
                continue
            seen.add(id(part))
            take, put = way
            contents = take(part)
            self._parts.append((take, put, part, contents))
            pending += contents


def _are_the_same(these: list[Any], those: list[Any]) -> bool:
    return len(these) == len(those) and all(map(_is, these, those))


def _is(this: object, that: object) -> bool:
    return this is that


def _items(part: dict[Any, Any]) -> list[Any]:
    return [*part, *part.values()]


def _put_list(part: list[Any], contents: list[Any]) -> None:
    part[:] = contents


def _put_items(part: dict[Any, Any], contents: list[Any]) -> None:
    half = len(contents) // 2
    part.clear()
    part.update(zip(contents[:half], contents[half:], strict=True))


def _put_set(part: set[Any], contents: Iterable[Any]) -> None:
    part.clear()
    part.update(contents)


_SLOTS = WeakKeyDictionary[type[Any], tuple[str, ...]]()


def _slots_of(part: object) -> tuple[str, ...]:
    known = _SLOTS.get(type(part))
    if known is None:
        slots: list[str | Iterable[str]] = [
            cls.__dict__.get("__slots__", ()) for cls in type(part).__mro__
        ]
        names = {name for row in slots for name in ([row] if isinstance(row, str) else row)}
        known = _SLOTS[type(part)] = tuple(names - {"__dict__", "__weakref__"})
    return known


def _attributes(part: object) -> list[Any]:
    contents = [_slot(part, name) for name in _slots_of(part)]
    own: dict[str, Any] | None = getattr(part, "__dict__", None)
    return contents if own is None else contents + _items(own)


def _slot(part: object, name: str) -> Any:
    try:
        return object.__getattribute__(part, name)
    except AttributeError:
        return _ABSENT


def _put_attributes(part: object, contents: list[Any]) -> None:
    names = _slots_of(part)
    for name, content in zip(names, contents, strict=False):
        if content is not _ABSENT:
            object.__setattr__(part, name, content)
        elif _slot(part, name) is not _ABSENT:
            object.__delattr__(part, name)
    own: dict[str, Any] | None = getattr(part, "__dict__", None)
    if own is not None:
        _put_items(own, contents[len(names) :])


_Take = Callable[[Any], list[Any]]
_Put = Callable[[Any, list[Any]], None]
_Part = tuple[_Take, _Put, Any, list[Any]]

_ATTRIBUTES: tuple[_Take, _Put] = (_attributes, _put_attributes)

_WAYS: dict[type, tuple[_Take, _Put]] = {
    list: (list, _put_list),
    dict: (_items, _put_items),
    set: (list, _put_set),
}
