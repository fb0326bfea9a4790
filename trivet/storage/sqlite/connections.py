"""Connections that hibernate, or whose ``on_disconnect`` is still owed, each a record of its own."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable
from typing import Final, get_args

from trivet.declare.interfaces import ConnKind
from trivet.ports.errors import RecordDamaged
from trivet.ports.records import StoredConnection
from trivet.storage.sqlite import checksums, faults
from trivet.storage.sqlite.address import from_text, to_text
from trivet.storage.sqlite.heads import Head

__all__ = ["Connections"]

_PUT: Final = (
    "insert or replace into connections (actor, id, kind, position, state, hibernation, checksum)"
    " values (?, ?, ?, ?, ?, ?, ?)"
)
_DELETE: Final = "delete from connections where actor = ? and id = ?"
_SELECT: Final = "select position, checksum from connections where actor = ? and id = ?"
_DELETE_ALL: Final = "delete from connections where actor = ?"
_OF_ACTOR: Final = (
    "select id, kind, position, state, hibernation, checksum from connections where actor = ?"
)

_COUNT: Final = struct.Struct(">I?")
_LENGTH: Final = struct.Struct(">I")

_KINDS: Final[dict[bytes, ConnKind]] = {from_text(kind): kind for kind in get_args(ConnKind)}


class Connections:
    """The connections in an open file; an actor's head vouches for them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, actor_id: bytes, head: Head) -> tuple[StoredConnection, ...]:
        """Read an actor's connections, oldest first."""
        if not head.connections:
            return ()
        found: list[tuple[int, StoredConnection]] = []
        combined = 0
        row: tuple[bytes, bytes, int, bytes | None, bytes | None, bytes]
        for row in self._connection.execute(_OF_ACTOR, (actor_id,)):
            connection_id, stored_kind, position, state, hibernation, checksum = row
            kind = _KINDS.get(stored_kind)
            covered = actor_id, connection_id, stored_kind, position, state, hibernation
            if kind is None or not checksums.matches(checksum, checksums.of_connection, *covered):
                raise RecordDamaged(f"actor {to_text(actor_id)} is damaged: a connection")
            combined = checksums.combine(checksum, combined)
            subscriptions, link = _unpacked(hibernation)
            stored = StoredConnection(
                id=to_text(connection_id),
                state=state,
                kind=kind,
                subscriptions=subscriptions,
                link=link,
            )
            found.append((position, stored))
        if (len(found), combined) != (head.connections, head.combined):
            raise RecordDamaged(f"actor {to_text(actor_id)} is damaged: its connections")
        found.sort(key=lambda pair: pair[0])
        return tuple(stored for _, stored in found)

    def put(self, actor_id: bytes, head: Head, connections: Iterable[StoredConnection]) -> Head:
        """Write connections; return the head that vouches for them, too."""
        for connection in connections:
            connection_id = from_text(connection.id)
            before = self._stored(actor_id, connection_id)
            if before is None:
                position = head.position
                head = head._replace(position=position + 1, connections=head.connections + 1)
            else:
                position = before[0]
                head = _combined(head, before[1])
            kind = from_text(connection.kind)
            hibernation = _packed(connection)
            row = actor_id, connection_id, kind, position, connection.state, hibernation
            checksum = checksums.of_connection(*row)
            self._connection.execute(_PUT, (*row, checksum))
            head = _combined(head, checksum)
        return head

    def end(self, actor_id: bytes, head: Head, ended: Iterable[str]) -> Head:
        """Remove connections; return the head that no longer vouches for them."""
        for connection in ended:
            connection_id = from_text(connection)
            before = self._stored(actor_id, connection_id)
            if before is not None:
                self._connection.execute(_DELETE, (actor_id, connection_id))
                head = _combined(head._replace(connections=head.connections - 1), before[1])
        return head

    def remove(self, actor_id: bytes) -> None:
        """Remove all connections of an actor."""
        self._connection.execute(_DELETE_ALL, (actor_id,))

    def _stored(self, actor_id: bytes, connection_id: bytes) -> tuple[int, bytes] | None:
        row: tuple[int, bytes] | None
        row = self._connection.execute(_SELECT, (actor_id, connection_id)).fetchone()
        if row is not None and not (
            type(row[0]) is int and type(row[1]) is bytes and len(row[1]) == checksums.DIGEST
        ):
            raise faults.Inconsistent("a connection")
        return row


def _packed(connection: StoredConnection) -> bytes | None:
    """Put into one field what is there only if a connection hibernates."""
    link = connection.link
    if not connection.subscriptions and link is None:
        return None
    names = [from_text(name) for name in connection.subscriptions]
    start = _COUNT.pack(len(names), link is not None)
    return b"".join([start, *(_LENGTH.pack(len(name)) + name for name in names), link or b""])


def _unpacked(data: bytes | None) -> tuple[tuple[str, ...], bytes | None]:
    """Take apart what ``_packed`` has made, and a checksum has verified."""
    if data is None:
        return (), None
    count, has_link = _COUNT.unpack_from(data)
    offset, names = _COUNT.size, list[str]()
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(data, offset)
        offset += _LENGTH.size + length
        names.append(to_text(data[offset - length : offset]))
    return tuple(names), data[offset:] if has_link else None


def _combined(head: Head, checksum: bytes) -> Head:
    return head._replace(combined=checksums.combine(checksum, head.combined))
