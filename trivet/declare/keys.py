"""Keys: what an actor is found by, a tuple of texts, and the two ways of writing one as a text.

The manager's form (section 3.3 of the client protocol) tells all keys apart: parts are joined by
``/``, in a part ``/`` and the backslash get a backslash before them, an empty part is a backslash
and a zero, and the key without parts is ``/``. Only what ``serialize_key`` writes is read, so two
texts never name the same actor. The query form of gateway URLs joins the parts by commas and
escapes nothing: it cannot carry every key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias, cast

__all__ = [
    "MAX_KEY",
    "MAX_KEY_PART",
    "MAX_NAME",
    "InvalidKeyError",
    "Key",
    "check_key",
    "check_name",
    "key_from_query",
    "key_to_query",
    "parse_key",
    "serialize_key",
]

Key: TypeAlias = tuple[str, ...]

MAX_KEY_PART = 128
"""Bytes in a part of a key."""

MAX_KEY = 1_024
"""Bytes in a serialized key."""

MAX_NAME = 64
"""Characters in the name of an actor."""

_EMPTY_KEY, _EMPTY_PART = "/", "\\0"
_to_escape = re.compile(r"[\\/]")
_serialized_part = re.compile(r"\\0|(?:[^\\/]|\\[\\/])+")
_escaped = re.compile(r"\\(.)", re.DOTALL)


class InvalidKeyError(ValueError):
    """A key or a name that no actor can have; the text says why, without repeating it."""


def check_key(parts: Iterable[object]) -> Key:
    """Return the key of these parts.

    Raises:
        InvalidKeyError: If a part is no text, or a limit is broken.
    """
    key = tuple(_check_part(index, part) for index, part in enumerate(parts))
    if len(_join(key).encode()) > MAX_KEY:
        raise InvalidKeyError(f"the key is longer than {MAX_KEY} bytes")
    return key


def check_name(name: str) -> str:
    """Return an actor's name.

    Raises:
        InvalidKeyError: If it is empty, too long, no Unicode, or has a null character.
    """
    if not name:
        raise InvalidKeyError("the actor's name is empty")
    if len(name) > MAX_NAME:
        raise InvalidKeyError(f"the actor's name is longer than {MAX_NAME} characters")
    if "\0" in name:
        raise InvalidKeyError("the actor's name has a null character")
    _encoded(name, "the actor's name")
    return name


def serialize_key(key: Key) -> str:
    """Write a key as the manager does.

    Raises:
        InvalidKeyError: If it breaks a limit.
    """
    return _join(check_key(key))


def parse_key(text: str) -> Key:
    """Read what ``serialize_key`` writes.

    Raises:
        InvalidKeyError: If it is anything else, or breaks a limit.
    """
    if text == _EMPTY_KEY:
        return ()
    parts: list[str] = []
    position = 0
    while True:
        match = _serialized_part.match(text, position)
        if match is None:
            raise InvalidKeyError(f"the serialized key has no part at character {position}")
        parts.append("" if match[0] == _EMPTY_PART else _escaped.sub(r"\1", match[0]))
        position = match.end()
        if position == len(text):
            return check_key(parts)
        if text[position] != "/":
            raise InvalidKeyError(f"the serialized key is malformed at character {position}")
        position += 1


def key_to_query(key: Key) -> str:
    """Write a key as gateway URLs carry it, not yet percent-encoded.

    Raises:
        InvalidKeyError: If a part is empty or has a comma, which this form cannot tell apart.
    """
    for index, part in enumerate(check_key(key)):
        if not part:
            raise InvalidKeyError(f"part {index} of the key is empty: a gateway URL cannot tell")
        if "," in part:
            raise InvalidKeyError(f"part {index} of the key has a comma: a gateway URL cannot tell")
    return ",".join(key)


def key_from_query(text: str) -> Key:
    """Read a key from a gateway URL; every comma parts.

    Raises:
        InvalidKeyError: If it breaks a limit.
    """
    return check_key(text.split(",")) if text else ()


def _check_part(index: int, part: object) -> str:
    if not isinstance(part, str):
        raise InvalidKeyError(f"part {index} of the key is no text but {_instead(part)}")
    if len(_encoded(part, f"part {index} of the key")) > MAX_KEY_PART:
        raise InvalidKeyError(f"part {index} of the key is longer than {MAX_KEY_PART} bytes")
    return part


def _instead(part: object) -> str:
    """Say what a part is that is no text, and how it is written; such come from no network."""
    what = type(part).__name__
    if isinstance(part, list | tuple):
        texts = [inner for inner in cast("Iterable[object]", part) if isinstance(inner, str)]
        shown = ", ".join(f'"{text}"' for text in texts) or "..."
        return f"{what}: write its parts one by one, get(A, {shown})"
    how = f", str({part})" if isinstance(part, int) else ""
    return f"{what}: the parts of a key are texts{how}"


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidKeyError(f"{what} has half of a surrogate pair") from None


def _join(key: Key) -> str:
    escaped = (_to_escape.sub(r"\\\g<0>", part) or _EMPTY_PART for part in key)
    return "/".join(escaped) or _EMPTY_KEY
