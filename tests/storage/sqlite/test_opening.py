"""Opening: what is created, what is refused, who owns it, what is migrated."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE

import pytest
import trio

from tests.storage.sqlite.stores import actor, commit
from trivet.ports.errors import StorageError, StorageInUse, StorageUnreadable
from trivet.ports.records import Segment
from trivet.storage.sqlite import schema
from trivet.storage.sqlite.opening import log_of, open_file
from trivet.storage.sqlite.schema import MIGRATIONS, Migration
from trivet.storage.sqlite.storage import SqliteStorage

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, trio
from trivet.storage.sqlite.storage import SqliteStorage
async def main():
    async with SqliteStorage(sys.argv[1]).open():
        print("open", flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


async def refusal(path: Path) -> str:
    with pytest.raises(StorageUnreadable) as caught:
        async with SqliteStorage(path).open():
            pytest.fail("it is open")
    return str(caught.value)


def modes(folder: Path) -> dict[str, int]:
    return {one.name: stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()}


async def stored(path: Path) -> None:
    """Leave a store with one actor."""
    storage = SqliteStorage(path)
    async with storage.open():
        await storage.create(actor("a", b"1"), "power")


async def test_a_missing_file_is_created_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a ?#%41.db"
    before = os.umask(0)
    try:
        storage = SqliteStorage(str(path))
        async with storage.open():
            await storage.create(actor("a"), "power")
            assert modes(tmp_path) == {path.name: 0o600, f"{path.name}-wal": 0o600}
    finally:
        os.umask(before)
    assert modes(tmp_path) == {path.name: 0o600}


async def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be opened.*No such file"):
        async with SqliteStorage(tmp_path / "nowhere" / "a.db").open():
            pass


async def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    assert "is empty" in await refusal(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("content", [b"hello", b"\0" * 4096, os.urandom(10_000)])
async def test_what_is_no_sqlite_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    assert await refusal(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_another_program_s_file_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"pragma journal_mode = {mode}")
        connection.execute("create table actors (id)")
    connection.close()
    content = path.read_bytes()
    assert "another program" in await refusal(path)
    assert path.read_bytes() == content


async def test_a_log_without_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    log_of(path).write_bytes(b"a log")
    assert "is gone, and its log" in await refusal(path)
    assert not path.exists()


async def test_a_second_opening_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    first = SqliteStorage(tmp_path / "a.db")
    async with first.open():
        await first.create(actor("a"), "power")
        for second in (first, SqliteStorage(tmp_path / "a.db")):
            with pytest.raises(StorageInUse, match="open already"):
                async with second.open():
                    pass
        assert await commit(first, Segment(actor_id="a", generation=1, state=b"1")) == [None]
        assert await first.load("a") == actor("a", b"1")


@pytest.mark.slow
async def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    holder = await trio.lowlevel.open_process(
        [sys.executable, "-c", HOLDER, str(path)], stdout=PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    assert holder.stdout is not None
    assert await holder.stdout.receive_some() == b"open\n"
    with pytest.raises(StorageInUse, match="open already"):
        async with SqliteStorage(path).open():
            pass
    holder.kill()
    await holder.wait()
    await holder.stdout.aclose()
    await stored(path)


async def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await stored(path)
    newer: Sequence[Migration] = (*MIGRATIONS, change_nothing)
    open_file(path, migrations=newer).close()
    assert f"version {len(newer)}, which a newer trivet has written" in await refusal(path)


def add_column(connection: sqlite3.Connection) -> None:
    connection.execute("alter table actors add column region blob")


def change_nothing(connection: sqlite3.Connection) -> None:
    pass


def fail(connection: sqlite3.Connection) -> None:
    connection.execute("create table halfway (id)")
    raise sqlite3.OperationalError("no")


async def test_an_older_file_is_migrated_after_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await stored(path)
    newer = (*MIGRATIONS, add_column, change_nothing)
    connection = open_file(path, migrations=newer)
    assert schema.check_version(connection, len(newer), "") == len(newer)
    assert connection.execute("select id, region from actors").fetchall() == [(b"a", None)]
    connection.close()
    # It is migrated once.
    open_file(path, migrations=newer).close()
    copy = tmp_path / f"a.db.version-{len(MIGRATIONS)}"
    assert modes(tmp_path) == {"a.db": 0o600, copy.name: 0o600}
    storage = SqliteStorage(copy)
    async with storage.open():
        assert await storage.load("a") == actor("a", b"1")


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await stored(path)
    with pytest.raises(StorageError):
        open_file(path, migrations=(*MIGRATIONS, add_column, fail))
    storage = SqliteStorage(path)
    async with storage.open():
        assert await storage.load("a") == actor("a", b"1")


async def test_tables_that_are_not_ours_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await stored(path)
    with sqlite3.connect(path) as connection:
        connection.execute("create table more (id)")
    connection.close()
    assert "its tables are not those of version 2" in await refusal(path)


async def test_a_file_may_be_vacuumed_and_analyzed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await stored(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("analyze")
    connection.execute("vacuum")
    connection.close()
    storage = SqliteStorage(path)
    async with storage.open():
        assert await storage.load("a") == actor("a", b"1")


async def test_a_file_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await stored(path)
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert "not as long as it says" in await refusal(path)


async def test_a_torn_end_of_the_log_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, taken = tmp_path / "a.db", tmp_path / "b.db"
    storage = SqliteStorage(path)
    async with storage.open():
        await storage.create(actor("a", b"1"), "power")
        await trio.run_process(["cp", str(path), str(taken)])
        await trio.run_process(["cp", str(log_of(path)), str(log_of(taken))])
    with log_of(taken).open("ab") as log:
        log.write(os.urandom(3 * 4120))
    storage = SqliteStorage(taken)
    async with storage.open():
        assert await storage.load("a") == actor("a", b"1")
    [record] = [one for one in caplog.records if "was left out" in one.message]
    assert record.__dict__["left_out"] == 3
