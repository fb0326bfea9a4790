"""The records of actors, as they are in the file; nothing is believed that is not verified.

A damaged page can alter a record, and it can hide one: then SQLite just does not find it. So

Rule 1. Every record that is read is verified by its checksum.
Rule 2. That something is *not* there is believed only if two trees say so: an address is looked for
in two indexes, an id among the actors and among the heads; rows and alarms are in two trees each,
which have to agree.
Rule 3. What belongs together holds together: the head of an actor names the version of its state,
and counts and digests its connections; a name, and a parent, counts and digests its actors.
Rule 4. A method that raises ``StorageError`` has changed nothing; after ``sqlite3.Error`` the
caller rolls back.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Final

import attrs

from trivet.declare.keys import InvalidKeyError, Key, parse_key
from trivet.ports.errors import Fenced, RecordDamaged, StorageError
from trivet.ports.records import ActorRecord, Row, Segment, Space, Write
from trivet.storage.sqlite import checksums, faults
from trivet.storage.sqlite.actors import Actor, Actors, shown
from trivet.storage.sqlite.address import Address, from_text, to_text
from trivet.storage.sqlite.alarms import Alarms
from trivet.storage.sqlite.connections import Connections
from trivet.storage.sqlite.heads import Head, Heads
from trivet.storage.sqlite.rows import Rows

__all__ = ["Records"]

_INSERT_STATE: Final = "insert into states values (?, ?, ?, ?)"
_UPDATE_STATE: Final = "update states set version = ?, state = ?, checksum = ? where number = ?"
_SELECT_STATE: Final = "select version, state, checksum from states where number = ?"
_DELETE_STATE: Final = "delete from states where number = ?"


class Records:
    """The records in an open file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._heads = Heads(connection)
        self._actors = Actors(connection, self._heads)
        self._connections = Connections(connection)
        self._alarms = Alarms(connection)
        self._rows = Rows(connection)
        # Of the actors that this transaction changes: only the last state of each is written, under
        # the version that its head has then.
        self._states: dict[bytes, tuple[Head, bytes]] = {}

    # Reading

    def find(self, address: Address) -> ActorRecord | None:
        """Return the actor at an address."""
        with _reading(f"an actor of {address.shown}"):
            actor = self._actors.at(address)
            return None if actor is None else self._load(actor, address.parts)

    def load(self, actor_id: bytes) -> ActorRecord | None:
        """Return the actor with an id."""
        with _reading(shown(actor_id)):
            actor = self._actors.with_id(actor_id)
            return None if actor is None else self._load(actor, _key(actor))

    def identify(self, actor_id: bytes) -> ActorRecord | None:
        """Return who the actor with an id is; nothing else of it is touched."""
        with _reading(shown(actor_id)):
            actor = self._actors.with_id(actor_id)
            return None if actor is None else _identity(actor, _key(actor))

    def identify_at(self, address: Address) -> ActorRecord | None:
        """Return who is at an address; nothing else is touched."""
        with _reading(f"an actor of {address.shown}"):
            actor = self._actors.at(address)
            return None if actor is None else _identity(actor, address.parts)

    def children(self, actor_id: bytes) -> list[str]:
        """Return the ids of those whose parent an actor is or was, oldest first."""
        with _reading(f"the children of {shown(actor_id)}"):
            return [to_text(child.id) for child in self._actors.children(actor_id)]

    def alarms(self, limit: int) -> list[tuple[float, str]]:
        """Return who wants to be woken soonest."""
        with _reading("the list of alarms"):
            return self._alarms.soonest(limit)

    def get(self, actor_id: bytes, space: Space, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those rows of an actor that are there."""
        with _reading(shown(actor_id)):
            return self._rows.get(actor_id, space, keys)

    def scan(
        self,
        actor_id: bytes,
        space: Space,
        start: bytes,
        end: bytes | None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[Row]:
        """Return the rows of an actor in a range."""
        with _reading(shown(actor_id)):
            return self._rows.scan(actor_id, space, start, end, reverse=reverse, limit=limit)

    def list(self, name: bytes) -> list[ActorRecord]:
        """Return who has a name, oldest first."""
        with _reading(f"the list of {to_text(name)}"):
            return [_identity(actor, _key(actor)) for actor in self._actors.named(name)]

    # Writing

    def create(self, record: ActorRecord, address: Address, writes: Iterable[Write] = ()) -> None:
        """Add an actor.

        Raises:
            KeyTaken: If there is one at its address.
            StorageError: If there is one with its id.
        """
        _check_alarm(record.alarm)
        actor_id = from_text(record.id)
        with _reading(shown(actor_id)):
            entry = self._actors.new(record, address)
        self._actors.add(entry)
        number = checksums.number_of(actor_id)
        head = Head(number, version=1, generation=record.generation)
        head = self._connections.put(actor_id, head, record.connections)
        head = self._alarms.set(actor_id, head, record.alarm)
        self._heads.add(actor_id, head)
        covered = checksums.of_state(actor_id, head.version, record.state)
        self._connection.execute(_INSERT_STATE, (number, head.version, record.state, covered))
        self._rows.write(actor_id, number, writes)

    def change(self, segment: Segment) -> None:
        """Apply a segment; what can wait is written by ``flush``.

        Raises:
            Fenced: If a later life has saved.
            StorageError: If there is no such actor, or it is damaged.
        """
        actor_id = from_text(segment.actor_id)
        head = self._heads.current(actor_id) or self._first_head(actor_id)
        if segment.generation != head.generation or segment.alarm is not None or segment.destroyed:
            if segment.generation < head.generation:
                raise Fenced(f"a later life of {shown(actor_id)} has saved")
            if segment.destroyed:
                self._remove(actor_id, head)
                return
            head = self._with_new_life(actor_id, head, segment)
        if segment.connections or segment.ended:
            head = self._connections.put(actor_id, head, segment.connections)
            head = self._connections.end(actor_id, head, segment.ended)
        if segment.state is not None:
            head = head.with_next_version()
            self._states[actor_id] = (head, segment.state)
        if segment.writes:
            self._rows.write(actor_id, head.number, segment.writes)
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

    def _with_new_life(self, actor_id: bytes, head: Head, segment: Segment) -> Head:
        if segment.alarm is not None:
            _check_alarm(segment.alarm)
            head = self._alarms.set(actor_id, head, segment.alarm)
        head = head._replace(generation=segment.generation)
        self._heads.change_life(head)
        return head

    def _remove(self, actor_id: bytes, head: Head) -> None:
        with _reading(shown(actor_id)):
            entry = self._actors.existing(actor_id)
        self._actors.remove(entry)
        self._alarms.set(actor_id, head, math.inf)
        self._connections.remove(actor_id)
        self._rows.remove(head.number)
        self._states.pop(actor_id, None)
        if self._connection.execute(_DELETE_STATE, (head.number,)).rowcount != 1:
            raise faults.Inconsistent("it has no state")
        self._heads.remove(actor_id, head)

    def _first_head(self, actor_id: bytes) -> Head:
        """Read the head of an actor that is changed for the first time."""
        with _reading(shown(actor_id)):
            head = self._heads.stored(actor_id)
            if head is not None:
                return head
            if self._actors.with_id(actor_id) is None:
                raise StorageError(f"there is no {shown(actor_id)}")
            raise RecordDamaged(f"{shown(actor_id)} is damaged: it has no head")

    def _load(self, actor: Actor, key: Key) -> ActorRecord:
        actor_id = actor.id
        head = self._heads.stored(actor_id)
        if head is None:
            raise RecordDamaged(f"{shown(actor_id)} is damaged: it has no head")
        row: tuple[int, bytes | None, bytes] | None
        row = self._connection.execute(_SELECT_STATE, (head.number,)).fetchone()
        if row is None or row[0] != head.version:
            raise RecordDamaged(f"{shown(actor_id)} is damaged: its state is not the last one")
        version, state, checksum = row
        if not checksums.matches(checksum, checksums.of_state, actor_id, version, state):
            raise RecordDamaged(f"{shown(actor_id)} is damaged: its state")
        return attrs.evolve(
            _identity(actor, key),
            generation=head.generation,
            alarm=head.alarm,
            state=state,
            connections=self._connections.of(actor_id, head),
        )


def _identity(actor: Actor, key: Key) -> ActorRecord:
    return ActorRecord(
        id=to_text(actor.id),
        name=to_text(actor.name),
        key=key,
        created_at=actor.created_at,
        parent=None if actor.parent is None else to_text(actor.parent),
    )


def _key(actor: Actor) -> Key:
    return parse_key(to_text(actor.key))


def _check_alarm(when: float) -> None:
    if math.isnan(when):
        raise StorageError("an alarm is a time, or infinitely far")


@contextmanager
def _reading(what: str) -> Generator[None]:
    """Name what could not be read."""
    try:
        yield
    except (sqlite3.Error, MemoryError, InvalidKeyError) as error:
        raise faults.while_reading(error, what) from error
