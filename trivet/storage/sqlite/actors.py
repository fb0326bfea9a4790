"""Who actors are: what of their records is written once, and by what they are found and listed.

The rules are those of ``records``.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import attrs

from trivet.ports.errors import KeyTaken, RecordDamaged, StorageError
from trivet.ports.records import ActorRecord
from trivet.storage.sqlite import checksums, faults
from trivet.storage.sqlite.address import Address, from_text, to_text
from trivet.storage.sqlite.heads import Heads
from trivet.storage.sqlite.rosters import Rosters

__all__ = ["Actor", "Actors", "Entry", "shown"]

_COLUMNS: Final = "id, address, name, key, created_at, parent, checksum"
_INSERT: Final = f"insert into actors ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)"
_SELECT: Final = f"select {_COLUMNS} from actors where id = ?"
_DELETE: Final = "delete from actors where id = ?"
_BY_ADDRESS: Final = "select id from actors indexed by actors_by_address where address = ?"
_BY_NAME: Final = "select id from actors indexed by actors_by_name where name = ? and key = ?"
_OF_NAME: Final = f"select {_COLUMNS} from actors indexed by actors_by_name where name = ?"
_OF_PARENT: Final = f"select {_COLUMNS} from actors indexed by actors_by_parent where parent = ?"


@attrs.frozen
class Actor:
    """Who an actor is."""

    id: bytes
    address: bytes
    name: bytes
    key: bytes
    created_at: float
    parent: bytes | None
    checksum: bytes

    @property
    def is_sound(self) -> bool:
        """Whether it is as it was stored."""
        *covered, checksum = attrs.astuple(self)
        return checksums.matches(checksum, checksums.of_actor, *covered)


@attrs.frozen
class Entry:
    """An actor, and the rosters that it is on or will be, as they are."""

    actor: Actor
    rosters: list[tuple[Rosters, bytes, int, int]]

    def write_rosters(self, change: int) -> None:
        """Write the rosters with one actor more, or less."""
        for rosters, title, count, combined in self.rosters:
            together = checksums.combine(self.actor.checksum, combined)
            rosters.write(title, count + change, together)


class Actors:
    """The actors in an open file."""

    def __init__(self, connection: sqlite3.Connection, heads: Heads) -> None:
        self._connection = connection
        self._heads = heads
        of_name, of_family = checksums.of_name, checksums.of_family
        self._names = Rosters(connection, "names", "name", _OF_NAME, of_name, "")
        self._families = Rosters(
            connection, "families", "parent", _OF_PARENT, of_family, "the children of "
        )

    def with_id(self, actor_id: bytes) -> Actor | None:
        """Return the actor with an id."""
        row = self._connection.execute(_SELECT, (actor_id,)).fetchone()
        if row is None:
            if self._heads.is_there(actor_id):
                raise RecordDamaged(f"{shown(actor_id)} is damaged: only its head is there")
            return None
        actor = Actor(*row)
        if not actor.is_sound or actor.id != actor_id:
            raise RecordDamaged(f"{shown(actor_id)} is damaged: who it is")
        return actor

    def at(self, address: Address) -> Actor | None:
        """Return the actor at an address."""
        actor_id = self._id_at(address)
        if actor_id is None:
            return None
        actor = self.with_id(actor_id)
        if actor is None or (actor.name, actor.key) != (address.name, address.key):
            raise RecordDamaged(f"an actor of {address.shown} is not where the index says")
        return actor

    def named(self, name: bytes) -> list[Actor]:
        """Return the actors with a name, oldest first."""
        return self._listed(self._names, _OF_NAME, name, "name")

    def children(self, parent: bytes) -> list[Actor]:
        """Return the actors with a parent, oldest first."""
        return self._listed(self._families, _OF_PARENT, parent, "parent")

    def new(self, record: ActorRecord, address: Address) -> Entry:
        """Look up what it takes to add an actor.

        Raises:
            KeyTaken: If there is one at its address.
            StorageError: If there is one with its id.
        """
        existing = self.at(address)
        if existing is not None:
            raise KeyTaken(to_text(existing.id))
        actor_id = from_text(record.id)
        if self.with_id(actor_id) is not None:
            raise StorageError(f"there is an actor {record.id} already")
        parent = None if record.parent is None else from_text(record.parent)
        who = (actor_id, address.digest, address.name, address.key, record.created_at, parent)
        return self._entry(Actor(*who, checksums.of_actor(*who)))

    def existing(self, actor_id: bytes) -> Entry:
        """Look up what it takes to remove an actor.

        Raises:
            StorageError: If there is none with this id.
        """
        actor = self.with_id(actor_id)
        if actor is None:
            raise StorageError(f"there is no {shown(actor_id)}")
        return self._entry(actor)

    def add(self, entry: Entry) -> None:
        """Add an actor."""
        entry.write_rosters(1)
        self._connection.execute(_INSERT, attrs.astuple(entry.actor))

    def remove(self, entry: Entry) -> None:
        """Remove an actor."""
        entry.write_rosters(-1)
        if self._connection.execute(_DELETE, (entry.actor.id,)).rowcount != 1:
            raise faults.Inconsistent("who it is")

    def _entry(self, actor: Actor) -> Entry:
        rosters = [(self._names, actor.name)]
        if actor.parent is not None:
            rosters.append((self._families, actor.parent))
        return Entry(actor, [(one, title, *one.read(title)) for one, title in rosters])

    def _listed(self, rosters: Rosters, query: str, title: bytes, field: str) -> list[Actor]:
        found: list[Actor] = []
        combined = 0
        for row in self._connection.execute(query, (title,)):
            actor = Actor(*row)
            if not actor.is_sound or getattr(actor, field) != title:
                raise RecordDamaged(f"a record in {rosters.shown(title)} is damaged")
            found.append(actor)
            combined = checksums.combine(actor.checksum, combined)
        if rosters.read(title) != (len(found), combined):
            raise RecordDamaged(f"{rosters.shown(title)} is not complete")
        found.sort(key=lambda actor: (actor.created_at, actor.id))
        return found

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


def shown(actor_id: bytes) -> str:
    """Name an actor in messages."""
    return f"actor {to_text(actor_id)}"
