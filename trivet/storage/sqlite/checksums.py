"""Checksums: what each kind of record is covered by.

SQLite by itself returns whatever the disk returns. So each record carries a BLAKE2b-128 over every
field that is ever read, its own kind, and the id that it belongs to: a record that was altered, or
that turned up in another tree or under another id, does not match. What a damaged page returns can
be of any type; such a field makes these functions raise one of ``MISMATCHED``, and ``matches`` take
it for damage.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

__all__ = [
    "DIGEST",
    "combine",
    "digest_of_address",
    "digest_of_text",
    "matches",
    "number_of",
    "of_about",
    "of_actor",
    "of_alarm",
    "of_connection",
    "of_family",
    "of_first_head",
    "of_head",
    "of_name",
    "of_row",
    "of_state",
]

DIGEST: Final = 16
"""Bytes in a checksum."""

_MISMATCHED: Final = (TypeError, struct.error)

_about = blake2b(digest_size=DIGEST, person=b"about")
_actor = blake2b(digest_size=DIGEST, person=b"actor")
_alarm = blake2b(digest_size=DIGEST, person=b"alarm")
_child = blake2b(digest_size=DIGEST, person=b"child")
_connection = blake2b(digest_size=DIGEST, person=b"connection")
_family = blake2b(digest_size=DIGEST, person=b"family")
_first_head = blake2b(digest_size=DIGEST, person=b"head")
_head = blake2b(digest_size=DIGEST, person=b"head of a life")
_hibernating = blake2b(digest_size=DIGEST, person=b"hibernating")
_name = blake2b(digest_size=DIGEST, person=b"name")
_row = blake2b(digest_size=DIGEST, person=b"row")
_state = blake2b(digest_size=DIGEST, person=b"state")

# Texts of variable length are preceded by their lengths, so that no two records read the same.
_pack_actor = struct.Struct(">IIId").pack
_pack_alarm = struct.Struct(">Id").pack
_pack_connection = struct.Struct(">IIIq?").pack
_pack_first_head = struct.Struct(">Iqqq").pack
_pack_head = struct.Struct(">Iqqqqd").pack
_pack_length = struct.Struct(">I").pack
_pack_name = struct.Struct(">Iq").pack
_pack_row = struct.Struct(">IIb").pack
_pack_state = struct.Struct(">Iq?").pack
_pack_version = struct.Struct(">q").pack


def of_about(version: int, schema: bytes) -> bytes:
    """Cover what the file says of itself."""
    return _digest(_about, _pack_version(version) + schema)


def of_actor(
    actor: bytes,
    address: bytes,
    name: bytes,
    key: bytes,
    created_at: float,
    parent: bytes | None,
) -> bytes:
    """Cover who an actor is."""
    created_at += 0.0  # SQLite stores a negative zero as zero
    start = _pack_actor(len(actor), len(name), len(key), created_at)
    kind = _actor if parent is None else _child
    return _digest(kind, start + actor + name + key + address, parent)


def of_alarm(actor: bytes, when: float) -> bytes:
    """Cover when an actor wants to be woken."""
    return _digest(_alarm, _pack_alarm(len(actor), when) + actor)


def of_first_head(actor: bytes, version: int, position: int, count: int, combined: bytes) -> bytes:
    """Cover what version 1 of the file had in a head."""
    start = _pack_first_head(len(actor), version, position, count)
    return _digest(_first_head, start + actor + combined)


def of_head(
    actor: bytes,
    version: int,
    position: int,
    count: int,
    combined: bytes,
    generation: int,
    alarm: float,
) -> bytes:
    """Cover which state and which connections an actor has, its last life, and its alarm."""
    start = _pack_head(len(actor), version, position, count, generation, alarm)
    return _digest(_head, start + actor + combined)


def of_state(actor: bytes, version: int, state: bytes | None) -> bytes:
    """Cover a state."""
    start = _pack_state(len(actor), version, state is not None) + actor
    return _digest(_state, start, state)


def of_connection(
    actor: bytes,
    connection: bytes,
    kind: bytes,
    position: int,
    state: bytes | None,
    hibernation: bytes | None,
) -> bytes:
    """Cover a connection."""
    lengths = len(actor), len(connection), len(kind)
    start = _pack_connection(*lengths, position, state is not None)
    start += actor + connection + kind
    if hibernation is None:
        return _digest(_connection, start, state)
    start += _pack_length(len(hibernation)) + hibernation
    return _digest(_hibernating, start, state)


def of_row(actor: bytes, space: int, key: bytes, value: bytes) -> bytes:
    """Cover a row."""
    return _digest(_row, _pack_row(len(actor), len(key), space) + actor + key, value)


def of_name(name: bytes, count: int, combined: bytes) -> bytes:
    """Cover which actors have a name."""
    return _digest(_name, _pack_name(len(name), count) + name + combined)


def of_family(parent: bytes, count: int, combined: bytes) -> bytes:
    """Cover which actors have a parent."""
    return _digest(_family, _pack_name(len(parent), count) + parent + combined)


def combine(checksum: bytes, combined: int) -> int:
    """Add a record to a set of records, or take it out: the order does not matter."""
    return combined ^ int.from_bytes(checksum, "big")


def digest_of_address(name: bytes, key: bytes) -> bytes:
    """Return what actors are looked up by: names and keys are of any length."""
    return blake2b(_pack_name(len(name), 0) + name + key, digest_size=32).digest()


def number_of(actor: bytes) -> int:
    """Return what the state and the head of an actor are looked up by: 63 bits of its id's digest.

    Two ids with one number are not expected before there are billions of actors; the second is
    refused then, and a record that is found by the wrong number does not match its checksum.
    """
    return int.from_bytes(blake2b(actor, digest_size=8).digest(), "big") >> 1


def digest_of_text(text: bytes) -> bytes:
    """Return the digest of a text that is all there is."""
    return blake2b(text, digest_size=DIGEST).digest()


def matches(checksum: object, compute: Callable[..., bytes], *fields: object) -> bool:
    """Whether a record is as it was stored."""
    try:
        return compute(*fields) == checksum
    except _MISMATCHED:
        return False


def _digest(kind: blake2b, start: bytes, payload: bytes | None = None) -> bytes:
    hashing = kind.copy()
    hashing.update(start)
    if payload is not None:
        hashing.update(payload)
    return hashing.digest()
