"""The `$` tags: how a format writes the values that it lacks (client protocol, 5.1).

Such a value becomes a list of two, ``["$Tag", content]``; so every other list of two that starts
with a ``$`` text gets one more ``$``, which reading takes away again. A tag that nobody defined
stays a list: clients without this layer send such lists as they are.

Which direction uses them:

=========  ==================  ==================
encoding   client to server    server to client
=========  ==================  ==================
bare       all                 all
cbor       none                all
json       all                 all
=========  ==================  ==================

JavaScript clients send fewer tags in json than are read (they write a Set as ``{}``); trivet's own
client sends them all.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable
from datetime import datetime
from types import NoneType
from typing import Any

from trivet.protocol.errors import DecodingError
from trivet.protocol.messages import UNDEFINED, Undefined

__all__ = ["escape", "read_tag", "set_of", "write_big_int", "write_bytes", "write_undefined"]

_SET_ELEMENTS = frozenset({str, int, bool, NoneType, bytes, datetime, float})
_MAX_DIGITS = 1_234
"""As many as dialect.MAX_INTEGER_BITS has."""


def escape(items: list[Any]) -> list[Any]:
    """Protect a list of an application's from being read as a tag; it is changed in place."""
    if len(items) == 2 and type(items[0]) is str and items[0].startswith("$"):
        items[0] = "$" + items[0]
    return items


def write_undefined() -> list[Any]:
    """Write JavaScript's ``undefined``."""
    return ["$Undefined", 0]


def write_big_int(number: int) -> list[str]:
    """Write an integer that JavaScript needs a BigInt for."""
    return ["$BigInt", str(number)]


def write_bytes(data: bytes) -> list[str]:
    """Write bytes."""
    return ["$Uint8Array", b2a_base64(data, newline=False).decode("ascii")]


def read_tag(items: list[Any]) -> Any:
    """Return what a list of two means whose parts are read already: mostly itself.

    Raises:
        DecodingError: If it is a tag and holds what that tag cannot hold.
    """
    tag, content = items
    if type(tag) is not str:
        return items
    read = _TAGS.get(tag)
    if read is not None:
        return read(content)
    if tag.startswith("$$"):
        items[0] = tag[1:]
    return items


def set_of(elements: Iterable[object]) -> set[Any] | None:
    """Return a set of wire values, ``None`` if one of them cannot be in a set.

    Scalars only, and integers of 64 bits: others could be chosen to have equal hashes, which makes
    a large set quadratic.
    """
    result: set[Any] = set()
    for element in elements:
        if type(element) not in _SET_ELEMENTS:
            return None
        if type(element) is int and not -(2**64) <= element < 2**64:
            return None
        result.add(element)
    return result


def _read_undefined(_content: object) -> Undefined:
    return UNDEFINED


def _read_big_int(content: object) -> int:
    if type(content) is str:
        digits = content.removeprefix("-")
        if len(digits) <= _MAX_DIGITS and digits.isdigit() and digits.isascii():
            return int(content)
    raise DecodingError("A $BigInt must hold the digits of an integer")


def _read_bytes(content: object) -> bytes:
    try:
        if type(content) is str:
            return a2b_base64(content, strict_mode=True)
    except ValueError:
        pass
    raise DecodingError("A $Uint8Array must hold padded base64")


def _read_set(content: Any) -> set[Any]:
    if type(content) is list:
        items: list[object] = content  # pyright: ignore[reportUnknownVariableType]
        elements = set_of(items)
        if elements is not None:
            return elements
    raise DecodingError("A $Set must hold a list of scalars and integers of 64 bits")


_TAGS: dict[str, Callable[[Any], Any]] = {
    "$Undefined": _read_undefined,
    "$BigInt": _read_big_int,
    "$Uint8Array": _read_bytes,
    "$ArrayBuffer": _read_bytes,
    "$Set": _read_set,
}
