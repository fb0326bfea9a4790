"""Texts as the file has them, and where an actor is found: the address of its name and key."""

from __future__ import annotations

import attrs

from trivet.declare.keys import Key, serialize_key
from trivet.storage.sqlite import checksums

__all__ = ["Address", "address_of", "from_text", "to_text"]


@attrs.frozen
class Address:
    """A name and a key.

    Attributes:
        name: The name, encoded.
        key: The key, serialized so that no two keys read the same, and encoded.
        digest: Of both; of fixed length, whatever the key.
        parts: The key as it was given.
        shown: For messages.
    """

    name: bytes
    key: bytes
    digest: bytes
    parts: Key
    shown: str


def address_of(name: str, key: Key) -> Address:
    """Return the address of a name and a key.

    Raises:
        InvalidKeyError: If no actor can have this key.
    """
    text = serialize_key(key)
    encoded = from_text(name), from_text(text)
    return Address(*encoded, checksums.digest_of_address(*encoded), key, f"{name} {text}")


def from_text(text: str) -> bytes:
    """Encode any text, also one that is no Unicode: nothing with it is found, then."""
    return text.encode(errors="surrogatepass")


def to_text(data: bytes) -> str:
    """Decode what ``from_text`` has encoded, or what damage has made of it."""
    try:
        return data.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return data.decode(errors="replace")
