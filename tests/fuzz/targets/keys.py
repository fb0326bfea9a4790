"""Keys, in the manager's form and in that of gateway URLs.

Property: a text is refused with `InvalidKeyError` or is the one text that its key is written as;
and every key that may exist survives both forms, or the second says that it cannot carry it.
"""

from __future__ import annotations

from trivet.declare.keys import (
    InvalidKeyError,
    check_key,
    check_name,
    key_from_query,
    key_to_query,
    parse_key,
    serialize_key,
)


def check(data: bytes) -> None:
    """Read the bytes as a key in either form, and as the parts of one between zero bytes."""
    # What is no UTF-8 becomes a lone surrogate, which a key must not have.
    text = data.decode("utf-8", "surrogateescape")
    _read_serialized(text)
    _read_query(text)
    _write(text.split("\0"))
    try:
        assert check_name(text) == text
    except InvalidKeyError:
        pass


def _read_serialized(text: str) -> None:
    try:
        key = parse_key(text)
    except InvalidKeyError:
        return
    assert serialize_key(key) == text


def _read_query(text: str) -> None:
    try:
        key = key_from_query(text)
    except InvalidKeyError:
        return
    assert ",".join(key) == text
    _write(list(key))


def _write(parts: list[str]) -> None:
    try:
        key = check_key(parts)
    except InvalidKeyError:
        return
    assert parse_key(serialize_key(key)) == key
    try:
        text = key_to_query(key)
    except InvalidKeyError:
        assert any(not part or "," in part for part in key)
        return
    assert key_from_query(text) == key
