"""Dialects: how wire values become what a format can write, and back.

Rules:

1. A dialect belongs to one direction of one encoding: ``cbor.TAGGED``, ``cbor.NATIVE``,
   ``json.TAGGED``. ``lower`` turns a wire value into the tree that the format writes, ``revive``
   turns a decoded tree back, in place.
2. Everything is checked in the one walk that lowers: types, depth, the size of integers.
3. What is refused when reading is refused when writing, so whatever is written can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, cast

from trivet.protocol.compat import (
    escape,
    read_tag,
    set_of,
    write_big_int,
    write_bytes,
    write_undefined,
)
from trivet.protocol.errors import DecodingError, EncodingError
from trivet.protocol.messages import Undefined

__all__ = [
    "MAX_DEPTH",
    "MAX_INTEGER_BITS",
    "SAFE_INTEGER",
    "Dialect",
    "bounded",
    "elements_of",
    "lone_surrogate",
    "lower_big_int",
    "opened",
]

MAX_DEPTH = 64
"""How deep containers of a value may nest on the wire; an empty one does not count."""

MAX_INTEGER_BITS = 4096
"""The largest integer in either direction: turning one into decimal digits takes quadratic time."""

SAFE_INTEGER = 2**53 - 1
"""The largest integer that JavaScript's numbers tell from its neighbours."""

Rule = Callable[[Any, int], Any]
"""Lowers a value of one type, given the number of levels that it may still open."""

Reviver = Callable[[Any], Any]
"""Replaces one decoded value that the format has and the value domain has not."""

# What a member of a StrEnum, an IntEnum and the like is underneath.
_EXACT: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: bytes.__bytes__,
}
# A set is made of elements that are revived already.
_REVIVED = frozenset({str, int, bool, NoneType, bytes, datetime, set})


class Dialect:
    """One direction of one encoding.

    Args:
        tagged: Whether what the format lacks becomes ``["$Tag", …]``.
        rules: How each type that needs it is lowered; they come before the tags.
        revivers: Replacements by type of decoded value.
    """

    def __init__(
        self,
        *,
        tagged: bool,
        rules: Mapping[type, Rule],
        revivers: Mapping[type, Reviver] | None = None,
    ) -> None:
        self._tagged = tagged
        # What the format takes as it is, so that most leaves cost one lookup and no call.
        self._plain = frozenset({str, bool, NoneType, float} - rules.keys())
        tags: dict[type, Rule] = {
            Undefined: _lower_undefined,
            bytes: _lower_bytes,
            set: self._lower_set,
            frozenset: self._lower_set,
        }
        self._rules: dict[type, Rule] = {
            list: self._lower_list,
            tuple: self._lower_list,
            dict: self._lower_dict,
            **(tags if tagged else {}),
            **rules,
        }
        self._revivers: dict[type, Reviver] = {
            list: self._revive_list,
            dict: self._revive_dict,
            float: float,
            **(revivers or {}),
        }

    def lower(self, value: object, depth: int = MAX_DEPTH) -> Any:
        """Return the tree that the format writes for a wire value.

        Args:
            depth: How many levels it may open.

        Raises:
            EncodingError: If the value, or a part of it, is no wire value or nested too deep.
        """
        kind = type(value)
        if kind in self._plain:
            return value
        rule = self._rules.get(kind)
        return self._lower_as_ancestor(value, depth) if rule is None else rule(value, depth)

    def revive(self, tree: object) -> Any:
        """Return the wire value of a decoded tree, whose containers are changed in place.

        Raises:
            DecodingError: If a tag holds what it cannot hold, or a key is not text.
        """
        return tree if type(tree) in _REVIVED else self._revivers[type(tree)](tree)

    def _lower_as_ancestor(self, value: object, depth: int) -> Any:
        for ancestor in type(value).__mro__[1:]:
            if ancestor in _EXACT:
                return self.lower(_EXACT[ancestor](value), depth)
            if ancestor in self._rules:
                return self._rules[ancestor](value, depth)
        raise EncodingError((), f"a value of type {type(value).__name__}")

    def _lower_list(self, value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        if not value:
            return []
        inner, plain = opened(depth), self._plain
        result: list[Any] = []
        try:
            # Its length so far is the index of what fails, so it is not a comprehension.
            for item in value:
                result.append(item if type(item) in plain else self.lower(item, inner))  # noqa: PERF401
        except EncodingError as error:
            raise error.inside(len(result)) from None
        return escape(result) if self._tagged else result

    def _lower_dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        inner, plain = opened(depth) if value else depth, self._plain
        result: dict[str, Any] = {}
        key: Any = None
        try:
            for key, item in value.items():
                if type(key) is not str:
                    raise EncodingError((), f"a key of type {type(key).__name__}")
                result[key] = item if type(item) in plain else self.lower(item, inner)
        except EncodingError as error:
            raise (error.inside(key) if type(key) is str else error) from None
        return result

    def _lower_set(self, value: set[Any] | frozenset[Any], depth: int) -> list[Any]:
        # The elements are no list of their own: two that look like a tag are not escaped.
        inner = opened(opened(depth)) if value else opened(depth)
        return ["$Set", [self.lower(element, inner) for element in elements_of(value)]]

    def _revive_list(self, items: list[Any]) -> Any:
        revivers = self._revivers
        if len(items) == 2:
            # A message may be full of these, and a loop over two takes twice as long as this.
            tag, content = items
            if type(tag) not in _REVIVED:
                items[0] = revivers[type(tag)](tag)
            if self._tagged and tag == "$Set" and type(content) is list:
                self._revive_items(items[1])
            elif type(content) not in _REVIVED and content != []:
                items[1] = revivers[type(content)](content)
            return read_tag(items) if self._tagged else items
        self._revive_items(items)
        return items

    def _revive_items(self, items: list[Any]) -> None:
        revivers = self._revivers
        for index, item in enumerate(items):
            if type(item) not in _REVIVED:
                items[index] = revivers[type(item)](item)

    def _revive_dict(self, members: dict[Any, Any]) -> dict[str, Any]:
        revivers = self._revivers
        for key, item in members.items():
            if type(key) is not str:
                raise DecodingError("The key of an object must be text")
            if type(item) not in _REVIVED:
                members[key] = revivers[type(item)](item)
        return members


def opened(depth: int) -> int:
    """Return how many levels are left inside a container.

    Raises:
        EncodingError: If it may not be opened, as a container inside itself.
    """
    if not depth:
        raise EncodingError((), f"containers nested deeper than {MAX_DEPTH}")
    return depth - 1


def bounded(number: int) -> int:
    """Return an integer unless it is too large for the wire.

    Raises:
        EncodingError: If it has more than 4,096 bits.
    """
    if number.bit_length() > MAX_INTEGER_BITS:
        raise EncodingError((), f"an integer of more than {MAX_INTEGER_BITS} bits")
    return number


def lower_big_int(number: int, depth: int) -> list[str]:
    """Write an integer that JavaScript needs a BigInt for."""
    opened(depth)
    return write_big_int(bounded(number))


def elements_of(value: set[Any] | frozenset[Any]) -> list[Any]:
    """Return a set's elements as a list.

    Raises:
        EncodingError: If one of them cannot be in a set on the wire.
    """
    if set_of(value) is None:
        raise EncodingError((), "a set of anything but scalars and integers of 64 bits")
    return list(value)


def lone_surrogate(tree: object) -> EncodingError:
    """Return the error for a lowered tree in which a text is no Unicode, naming the text."""
    return EncodingError(_path_to_surrogate(tree) or (), "text with half of a surrogate pair")


def _path_to_surrogate(tree: object) -> tuple[str | int, ...] | None:
    if type(tree) is str:
        return None if _is_unicode(tree) else ()
    steps: Iterable[tuple[str | int, object]] = ()
    if type(tree) is list:
        steps = enumerate(cast("list[object]", tree))
    elif type(tree) is dict:
        steps = cast("dict[str, object]", tree).items()
    for step, item in steps:
        if type(step) is str and not _is_unicode(step):
            return ()
        below = _path_to_surrogate(item)
        if below is not None:
            return (step, *below)
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _lower_undefined(_value: Undefined, depth: int) -> list[Any]:
    opened(depth)
    return write_undefined()


def _lower_bytes(value: bytes, depth: int) -> list[str]:
    opened(depth)
    return write_bytes(value)
