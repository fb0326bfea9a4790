"""Queued messages as a store keeps them: one row each, in the order of their numbers."""

from __future__ import annotations

from typing import Final

import attrs

from trivet.declare.definition import QueueBinding
from trivet.declare.values import Place, shape_of

__all__ = [
    "QueuedMessage",
    "StoredMessage",
    "decode_message",
    "encode_message",
    "key_of",
    "number_of",
]

KEY_SIZE: Final = 8


@attrs.frozen(kw_only=True)
class StoredMessage:
    """A message in its stored form.

    Attributes:
        queue: The name of its queue on the wire.
        body: What it says, encoded.
        created: When it was put in, in seconds since the epoch.
    """

    queue: str
    body: bytes
    created: float


_stored = shape_of(StoredMessage, place=Place.STATE, where="a queue")


def encode_message(message: StoredMessage) -> bytes:
    """Bring a message into its stored form."""
    return _stored.encode(message)


def decode_message(data: bytes) -> StoredMessage:
    """Read the stored form.

    Raises:
        ValidationError: If it is another version's.
    """
    message: StoredMessage = _stored.decode(data)
    return message


def key_of(number: int) -> bytes:
    """Return the key of a message's row."""
    return number.to_bytes(KEY_SIZE)


def number_of(key: bytes) -> int:
    """Return the number of the message that a row is of."""
    return int.from_bytes(key)


@attrs.define(eq=False)
class QueuedMessage:
    """A message that nobody has completed.

    Attributes:
        number: Its place among all messages of its actor.
        binding: Its queue.
        data: Its body, encoded.
    """

    number: int
    binding: QueueBinding
    data: bytes
