"""A file of version 1 becomes one of version 2, with everything in it; what was damaged stays so."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import attrs
import pytest

from tests.storage.sqlite.stores import actor, commit
from trivet.ports.errors import RecordDamaged, StorageError
from trivet.ports.records import Row, Segment, StoredConnection, Write
from trivet.storage.sqlite import schema
from trivet.storage.sqlite.opening import open_file
from trivet.storage.sqlite.schema import MIGRATIONS
from trivet.storage.sqlite.storage import SqliteStorage
from trivet.testing.storage_subject import who

# As the program of version 1 has written it: the digests are its own.
VERSION_1 = """
insert into actors values (x'61',
    x'30b6cdb0c6f8333e23674cb8aa449a72631e64a39f0875cb810d410aab96ac23', x'726f6f6d', x'61',
    1.0, x'1b0b639c6e67ebbb34e1be4b19796c58');
insert into actors values (x'62',
    x'b3ba212a2b449d26f86a2266e191ed86ea205503a450b76cc067a376b0df6802', x'726f6f6d', x'62',
    2.0, x'e30c5a95a60372ecb9632e5661cca768');
insert into names values (x'726f6f6d', 2, x'f8073909c86499578d82901d78b5cb30',
    x'8dafa8744fd91306bd8da793a9645cfe');
insert into heads values (2340832890917691671, 2, 1, 1, x'692633874c68f97402487c5c91fc8534',
    x'ba1b681ce7ae156794d810ae44de52fd');
insert into heads values (4771952420932724666, 1, 0, 0, x'00000000000000000000000000000000',
    x'a788f40981d5d536ad1e097302bf3ba6');
insert into states values (2340832890917691671, 2, x'31', x'559c382b4b17cd590f5bc3cc19b2b96a');
insert into states values (4771952420932724666, 1, null, x'9f8651a8202e39e7a532e91afaa6ed5c');
insert into connections values (x'61', x'78', x'776562736f636b6574', 0, x'31',
    x'692633874c68f97402487c5c91fc8534');
"""

FIRST = attrs.evolve(
    actor("a", b"1"),
    generation=0,
    connections=(StoredConnection(id="x", state=b"1", kind="websocket"),),
)
SECOND = attrs.evolve(actor("b"), generation=0, created_at=2.0)


def old_file(path: Path, *more: str) -> None:
    """Make a file as version 1 would have left it, and do something more to it."""
    connection = open_file(path, migrations=MIGRATIONS[:1])
    connection.executescript(VERSION_1)
    for statement in more:
        assert connection.execute(statement).rowcount == 1
    connection.close()


async def test_everything_is_there_and_can_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    old_file(path)
    storage = SqliteStorage(path)
    for life in (1, 2):
        async with storage.open():
            if life == 1:
                assert [await storage.load(one) for one in "ab"] == [FIRST, SECOND]
                assert await storage.list("room") == [who(FIRST), who(SECOND)]
                assert await storage.alarms(5) == []
                assert await storage.children("a") == []
            row = Write("kv", b"1", b"%d" % life)
            segment = Segment(actor_id="a", generation=life, writes=(row,), alarm=float(life))
            assert await commit(storage, segment) == [None]
            changed = attrs.evolve(FIRST, generation=life, alarm=float(life))
            assert await storage.load("a") == changed
            assert await storage.scan("a", "kv", b"", None) == [Row(b"1", b"%d" % life)]
            assert await storage.alarms(5) == [(float(life), "a")]
    async with storage.open():
        gone = Segment(actor_id="a", generation=2, destroyed=True)
        assert await commit(storage, gone) == [None]
        assert await storage.list("room") == [who(SECOND)]
    names = sorted(file.name for file in tmp_path.iterdir())  # noqa: ASYNC240  # it is the test's own
    assert names == ["a.db", "a.db.version-1"]


async def test_the_copy_is_of_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    old_file(path)
    async with SqliteStorage(path).open():
        pass
    copy = open_file(tmp_path / "a.db.version-1", migrations=MIGRATIONS[:1])
    assert schema.check_version(copy, 1, "") == 1
    assert copy.execute("select count(*) from actors").fetchone() == (2,)
    copy.close()


@pytest.mark.parametrize(
    "damage",
    [
        "update heads set version = 7 where count = 1",
        "update heads set checksum = zeroblob(16) where count = 1",
        "delete from heads where count = 1",
        "update states set state = x'32' where state is not null",
        "update connections set state = null",
    ],
)
async def test_what_was_damaged_is_not_vouched_for_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.db"
    old_file(path, damage)
    storage = SqliteStorage(path)
    async with storage.open():
        with pytest.raises(RecordDamaged):
            await storage.load("a")
        assert await storage.load("b") == SECOND


async def test_a_migration_that_is_cut_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    old_file(path)

    def fail(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("no")

    with pytest.raises(StorageError):
        open_file(path, migrations=(*MIGRATIONS, fail))
    connection = open_file(path, migrations=MIGRATIONS[:1])
    assert schema.check_version(connection, 1, "") == 1
    connection.close()
    storage = SqliteStorage(path)
    async with storage.open():
        assert await storage.load("a") == FIRST
