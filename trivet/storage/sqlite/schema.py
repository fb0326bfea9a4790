"""What is in the file: its tables, the version that it keeps of them, and migrations.

Every text is stored as a blob: the encoding is ours, so no bit in the file's header can change how
a text compares. No row has a number of SQLite's, hence ``without rowid``; each table and each index
is a tree of its own, and what must not get lost unseen is in two of them (see ``records``).

States and heads have numbers of ours, made from their actors' ids (``checksums.number_of``): what
each save writes is found by a comparison of integers, and a tree of numbered rows keeps a state of
up to 4,000 bytes among others in one page; ``without rowid`` every state above 1,000 bytes would
take one more page of its own.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from trivet.ports.errors import StorageUnreadable
from trivet.storage.sqlite import checksums

__all__ = ["APPLICATION", "MIGRATIONS", "Migration", "check_version", "is_ours", "migrate"]

APPLICATION: Final = int.from_bytes(b"trvt", "big")
"""Marks a file as ours, in the place that SQLite has for that."""

Migration: TypeAlias = Callable[[sqlite3.Connection], None]
"""Brings a file from one version to the next, inside a transaction."""

_VERSION_1: Final = (
    # What the file says of itself.
    "create table about (only integer primary key, version integer, schema blob, checksum blob)",
    # Who an actor is; written once.
    "create table actors (id blob primary key, address blob not null, name blob not null,"
    " key blob not null, created_at real not null, checksum blob not null) without rowid",
    "create unique index actors_by_address on actors (address)",
    "create unique index actors_by_name on actors (name, key)",
    # How many actors a name has, and which.
    "create table names (name blob primary key, count integer not null, combined blob not null,"
    " checksum blob not null) without rowid",
    # Which state and which connections an actor has.
    "create table heads (number integer primary key, version integer not null,"
    " position integer not null, count integer not null, combined blob not null,"
    " checksum blob not null)",
    "create table states (number integer primary key, version integer not null, state blob,"
    " checksum blob not null)",
    "create table connections (actor blob, id blob, kind blob not null,"
    " position integer not null, state blob,"
    " checksum blob not null, primary key (actor, id)) without rowid",
)


_VERSION_2: Final = (
    "alter table actors add column parent blob",
    "create index actors_by_parent on actors (parent) where parent is not null",
    # How many actors a parent has, and which.
    "create table families (parent blob primary key, count integer not null,"
    " combined blob not null, checksum blob not null) without rowid",
    "alter table heads add column generation integer not null default 0",
    "alter table heads add column alarm real",
    # Who wants to be woken, soonest first: once with the actor's id, once with its head.
    "create index heads_by_alarm on heads (alarm, number) where alarm is not null",
    "create table alarms (at real, number integer, actor blob not null, checksum blob not null,"
    " primary key (at, number)) without rowid",
    "alter table connections add column hibernation blob",
    # The rows of actors, and which there are.
    "create table rows (actor integer, space integer, key blob, value blob not null,"
    " checksum blob not null, primary key (actor, space, key)) without rowid",
    "create index rows_again on rows (actor, space, key, checksum)",
)

_FIRST_HEAD: Final = (
    "select version, position, count, combined, checksum from heads where number = ?"
)


def _create(connection: sqlite3.Connection) -> None:
    for statement in _VERSION_1:
        connection.execute(statement)


def _add_lives(connection: sqlite3.Connection) -> None:
    """Make room for generations, alarms, rows and families.

    The head of an actor is vouched for anew, if it was as it should be; a damaged one stays so.
    """
    for statement in _VERSION_2:
        connection.execute(statement)
    actor_id: bytes
    for (actor_id,) in connection.execute("select id from actors"):
        number = checksums.number_of(actor_id)
        head = connection.execute(_FIRST_HEAD, (number,)).fetchone()
        if head is None:
            continue
        *what, before = head
        if not checksums.matches(before, checksums.of_first_head, actor_id, *what):
            continue
        version, position, count, combined = what
        checksum = checksums.of_head(actor_id, version, position, count, combined, 0, math.inf)
        connection.execute("update heads set checksum = ? where number = ?", (checksum, number))


MIGRATIONS: Final[Sequence[Migration]] = (_create, _add_lives)
"""From nothing to version 1, and so on; the last leads to the version of this program."""


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether a file is one of trivet's; this is the first look into it."""
    return _pragma(connection, "application_id") == APPLICATION


def check_version(connection: sqlite3.Connection, newest: int, path: str) -> int:
    """Return the version of a file.

    Raises:
        StorageUnreadable: If it is newer than ``newest``, or what the file says is not so.
    """
    version = _pragma(connection, "user_version")
    if version > newest:
        raise StorageUnreadable(
            f"{path} has version {version}, which a newer trivet has written; this one reads"
            f" {newest} and older ones"
        )
    row = connection.execute("select version, schema, checksum from about").fetchone()
    schema = _schema(connection)
    if (
        row is None
        or row[:2] != (version, schema)
        or not checksums.matches(row[2], checksums.of_about, version, schema)
    ):
        raise StorageUnreadable(f"{path} is damaged: its tables are not those of version {version}")
    return version


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration], version: int) -> None:
    """Bring a file from a version to the newest, in one transaction."""
    connection.execute("begin immediate")
    try:
        for migration in migrations[version:]:
            migration(connection)
        _write_version(connection, len(migrations))
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _write_version(connection: sqlite3.Connection, version: int) -> None:
    connection.execute(f"pragma application_id = {APPLICATION:d}")
    connection.execute(f"pragma user_version = {version:d}")
    schema = _schema(connection)
    row = (version, schema, checksums.of_about(version, schema))
    connection.execute("insert or replace into about values (1, ?, ?, ?)", row)


def _schema(connection: sqlite3.Connection) -> bytes:
    """Digest what the tables are; not where: that may change when somebody vacuums the file."""
    rows = connection.execute(
        "select cast(type || ' ' || name || ' ' || tbl_name || ' ' || sql as blob)"
        " from sqlite_schema where name not like 'sqlite~_%' escape '~'"
    )
    return checksums.digest_of_text(b"\n".join(sorted(bytes(row[0]) for row in rows)))


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"pragma {name}").fetchone()[0]
    return value
