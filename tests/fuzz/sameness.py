"""Whether two values are the same all over: types, signs of zero, and NaN, too."""

from __future__ import annotations

from typing import Any, cast

import attrs

__all__ = ["same"]


def same(one: object, other: object) -> bool:
    """Return whether nobody could tell two decoded values apart."""
    return _form(one) == _form(other)


def _form(value: object) -> object:
    kind = type(value)
    name = kind.__qualname__
    if attrs.has(kind):
        fields = attrs.fields(cast("Any", kind))
        return name, [_form(getattr(value, field.name)) for field in fields]
    if isinstance(value, list | tuple):
        return name, [_form(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        return name, [(_form(key), _form(item)) for key, item in members.items()]
    if isinstance(value, set | frozenset):
        return name, sorted(map(repr, map(_form, cast("set[object]", value))))
    return name, repr(value)
