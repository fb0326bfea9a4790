"""The records of actors, as they are in the file; nothing is believed that is not verified.

A damaged page can alter a record, and it can hide one: then SQLite just does not find it. So

Rule 1. Every record that is read is verified by its checksum.
Rule 2. That something is *not* there is believed only if two trees say so: an address is looked for
in two indexes, an id among the actors and among the heads.
Rule 3. What belongs together holds together: the head of an actor names the version of its state,
and counts and digests its connections; a name counts and digests its actors.
Rule 4. A method that raises ``StorageError`` has changed nothing; after ``sqlite3.Error`` the
caller rolls back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import attrs

from trivet.declare.keys import InvalidKeyError, Key, parse_key
from trivet.ports.errors import KeyTaken, RecordDamaged, StorageError
from trivet.ports.records import ActorRecord, Segment, StoredConnection
from trivet.storage.sqlite import checksums, faults
from trivet.storage.sqlite.address import Address, from_text, to_text
from trivet.storage.sqlite.connections import Connections
from trivet.storage.sqlite.heads import Head, Heads

__all__ = ["Records"]

_INSERT_ACTOR: Final = "insert into actors values (?, ?, ?, ?, ?, ?)"
_SELECT_ACTOR: Final = "select address, name, key, created_at, checksum from actors where id = ?"
_BY_ADDRESS: Final = "select id from actors indexed by actors_by_address where address = ?"
_BY_NAME: Final = "select id from actors indexed by actors_by_name where name = ? and key = ?"
_OF_NAME: Final = (
    "select id, address, name, key, created_at, checksum"
    " from actors indexed by actors_by_name where name = ?"
)
_SELECT_NAME: Final = "select count, combined, checksum from names where name = ?"
_REPLACE_NAME: Final = "insert or replace into names values (?, ?, ?, ?)"

_INSERT_STATE: Final = "insert into states values (?, ?, ?, ?)"
_UPDATE_STATE: Final = "update states set version = ?, state = ?, checksum = ? where number = ?"
_SELECT_STATE: Final = "select version, state, checksum from states where number = ?"


@attrs.frozen
class _Actor:
    """Who an actor is."""

    id: bytes
    address: bytes
    name: bytes
    key: bytes
    created_at: float
    checksum: bytes

    @property
    def is_sound(self) -> bool:
        return checksums.matches(
            self.checksum,
            checksums.of_actor,
            self.id,
            self.address,
            self.name,
            self.key,
            self.created_at,
        )


class Records:
    """The records in an open file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._heads = Heads(connection)
        self._connections = Connections(connection)
        # Of the actors that this transaction changes: only the last state of each is written, under
        # the version that its head has then.
        self._states: dict[bytes, tuple[Head, bytes]] = {}

    # Reading

    def find(self, address: Address) -> ActorRecord | None:
        """Return the actor at an address."""
        with _reading(f"an actor of {address.shown}"):
            actor_id = self._id_at(address)
            if actor_id is None:
                return None
            return self._load(self._actor_at(address, actor_id), address.parts)

    def load(self, actor_id: bytes) -> ActorRecord | None:
        """Return the actor with an id."""
        with _reading(_shown(actor_id)):
            actor = self._actor(actor_id)
            return None if actor is None else self._load(actor, _key(actor))

    def identify(self, actor_id: bytes) -> ActorRecord | None:
        """Return who the actor with an id is; its state and connections are not touched."""
        with _reading(_shown(actor_id)):
            actor = self._actor(actor_id)
            return None if actor is None else _record(actor, _key(actor))

    def identify_at(self, address: Address) -> ActorRecord | None:
        """Return who is at an address; state and connections are not touched."""
        with _reading(f"an actor of {address.shown}"):
            actor_id = self._id_at(address)
            if actor_id is None:
                return None
            return _record(self._actor_at(address, actor_id), address.parts)

    def list(self, name: bytes) -> list[ActorRecord]:
        """Return who has a name, oldest first."""
        with _reading(f"the list of {to_text(name)}"):
            found: list[_Actor] = []
            combined = 0
            for row in self._connection.execute(_OF_NAME, (name,)):
                actor = _Actor(*row)
                if not actor.is_sound or actor.name != name:
                    raise RecordDamaged(f"a record in the list of {to_text(name)} is damaged")
                found.append(actor)
                combined = checksums.combine(actor.checksum, combined)
            if (self._name(name) or (0, 0)) != (len(found), combined):
                raise RecordDamaged(f"the list of {to_text(name)} is not complete")
            found.sort(key=lambda actor: (actor.created_at, actor.id))
            return [_record(actor, _key(actor)) for actor in found]

    # Writing

    def create(self, record: ActorRecord, address: Address) -> None:
        """Add an actor.

        Raises:
            KeyTaken: If there is one at its address.
            StorageError: If there is one with its id.
        """
        actor_id = from_text(record.id)
        with _reading(_shown(actor_id)):
            existing = self._id_at(address)
            if existing is not None:
                raise KeyTaken(to_text(self._actor_at(address, existing).id))
            if self._actor(actor_id) is not None:
                raise StorageError(f"there is an actor {record.id} already")
            count, combined = self._name(address.name) or (0, 0)
        who = (actor_id, address.digest, address.name, address.key, record.created_at)
        checksum = checksums.of_actor(*who)
        combined = checksums.combine(checksum, combined)
        self._write_name(address.name, count + 1, combined)
        self._connection.execute(_INSERT_ACTOR, (*who, checksum))
        head = Head(checksums.number_of(actor_id), version=1)
        head = self._connections.put(actor_id, head, record.connections)
        self._heads.add(actor_id, head)
        covered = checksums.of_state(actor_id, head.version, record.state)
        self._connection.execute(_INSERT_STATE, (head.number, head.version, record.state, covered))

    def change(self, segment: Segment) -> None:
        """Apply a segment; what can wait is written by ``flush``."""
        actor_id = from_text(segment.actor_id)
        head = self._heads.current(actor_id) or self._first_head(actor_id)
        if segment.connections or segment.ended:
            head = self._connections.put(actor_id, head, segment.connections)
            head = self._connections.end(actor_id, head, segment.ended)
        if segment.state is not None:
            head = head.with_next_version()
            self._states[actor_id] = (head, segment.state)
        self._heads.change(actor_id, head)

    def flush(self) -> None:
        """Write what has waited for the end of the transaction."""
        if self._states:
            rows = [
                (version, state, checksums.of_state(actor_id, version, state), number)
                for actor_id, ((number, version, *_), state) in self._states.items()
            ]
            if self._connection.executemany(_UPDATE_STATE, rows).rowcount != len(rows):
                raise faults.Inconsistent("it has no state")
        self._heads.flush()

    def committed(self) -> None:
        """Take note that the transaction was committed."""
        self._states.clear()
        self._heads.committed()

    def forget(self) -> None:
        """Forget what was changed, and whatever is known: the transaction was rolled back."""
        self._states.clear()
        self._heads.forget()

    # The parts

    def _first_head(self, actor_id: bytes) -> Head:
        """Read the head of an actor that is changed for the first time."""
        with _reading(_shown(actor_id)):
            head = self._heads.stored(actor_id)
            if head is not None:
                return head
            if self._actor(actor_id) is None:
                raise StorageError(f"there is no {_shown(actor_id)}")
            raise RecordDamaged(f"{_shown(actor_id)} is damaged: it has no head")

    def _id_at(self, address: Address) -> bytes | None:
        row: tuple[object] | None
        row = self._connection.execute(_BY_ADDRESS, (address.digest,)).fetchone()
        if row is not None:
            if isinstance(row[0], bytes):
                return row[0]
            raise RecordDamaged(f"an actor of {address.shown} is damaged: its place in an index")
        row = self._connection.execute(_BY_NAME, (address.name, address.key)).fetchone()
        if row is not None:
            raise RecordDamaged(f"an actor of {address.shown} is found by its name only")
        return None

    def _actor_at(self, address: Address, actor_id: bytes) -> _Actor:
        """Return the actor that an index has found at an address."""
        actor = self._actor(actor_id)
        if actor is None or (actor.name, actor.key) != (address.name, address.key):
            raise RecordDamaged(f"an actor of {address.shown} is not where the index says")
        return actor

    def _actor(self, actor_id: bytes) -> _Actor | None:
        row = self._connection.execute(_SELECT_ACTOR, (actor_id,)).fetchone()
        if row is None:
            if self._heads.is_there(actor_id):
                raise RecordDamaged(f"{_shown(actor_id)} is damaged: only its head is there")
            return None
        actor = _Actor(actor_id, *row)
        if not actor.is_sound:
            raise RecordDamaged(f"{_shown(actor_id)} is damaged: who it is")
        return actor

    def _load(self, actor: _Actor, key: Key) -> ActorRecord:
        actor_id = actor.id
        head = self._heads.stored(actor_id)
        if head is None:
            raise RecordDamaged(f"{_shown(actor_id)} is damaged: it has no head")
        row: tuple[int, bytes | None, bytes] | None
        row = self._connection.execute(_SELECT_STATE, (head.number,)).fetchone()
        if row is None or row[0] != head.version:
            raise RecordDamaged(f"{_shown(actor_id)} is damaged: its state is not the last one")
        version, state, checksum = row
        if not checksums.matches(checksum, checksums.of_state, actor_id, version, state):
            raise RecordDamaged(f"{_shown(actor_id)} is damaged: its state")
        return _record(actor, key, state, self._connections.of(actor_id, head))

    def _name(self, name: bytes) -> tuple[int, int] | None:
        """Return how many actors have a name, and their combined checksums.

        ``list`` compares this with what it finds; that a name is unknown is believed only if the
        index knows none of it, either.
        """
        row: tuple[int, bytes, bytes] | None
        row = self._connection.execute(_SELECT_NAME, (name,)).fetchone()
        if row is None:
            if self._connection.execute(f"{_OF_NAME} limit 1", (name,)).fetchone() is not None:
                raise RecordDamaged(f"the list of {to_text(name)} is not complete")
            return None
        count, combined, checksum = row
        if not checksums.matches(checksum, checksums.of_name, name, count, combined):
            raise RecordDamaged(f"the list of {to_text(name)} is damaged")
        return count, int.from_bytes(combined, "big")

    def _write_name(self, name: bytes, count: int, combined: int) -> None:
        stored = combined.to_bytes(checksums.DIGEST, "big")
        checksum = checksums.of_name(name, count, stored)
        self._connection.execute(_REPLACE_NAME, (name, count, stored, checksum))


def _record(
    actor: _Actor,
    key: Key,
    state: bytes | None = None,
    connections: tuple[StoredConnection, ...] = (),
) -> ActorRecord:
    return ActorRecord(
        id=to_text(actor.id),
        name=to_text(actor.name),
        key=key,
        created_at=actor.created_at,
        state=state,
        connections=connections,
    )


def _key(actor: _Actor) -> Key:
    return parse_key(to_text(actor.key))


def _shown(actor_id: bytes) -> str:
    return f"actor {to_text(actor_id)}"


@contextmanager
def _reading(what: str) -> Generator[None]:
    """Name what could not be read."""
    try:
        yield
    except (sqlite3.Error, MemoryError, InvalidKeyError) as error:
        raise faults.while_reading(error, what) from error
