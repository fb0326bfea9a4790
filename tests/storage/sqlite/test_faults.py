"""What a store does when the disk is full or fails."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.storage.sqlite.stores import FSYNC, FULL, FaultyStorage, actor, commit, disk_error
from trivet.ports.errors import RecordDamaged, StorageError, StorageFailed, StorageFull
from trivet.ports.records import Segment
from trivet.storage.sqlite import database, opening
from trivet.storage.sqlite.checksums import number_of
from trivet.storage.sqlite.storage import SqliteStorage

ROOT = Path(__file__).parents[3]
LARGE = 2_000_000


async def test_only_what_does_not_fit_fails_when_the_store_is_full(tmp_path: Path) -> None:
    storage = FaultyStorage(tmp_path / "a.db")
    limits: list[str] = []

    def before(statement: str, parameters: Any) -> None:
        if limits and statement == "begin immediate":
            sqlite3.Connection.execute(storage.connection, limits.pop())

    storage.before = before
    async with storage.open():
        await storage.create(actor("large", b"1"), "power")
        await storage.create(actor("small", b"1"), "power")
        limits.append("pragma max_page_count = 40")
        large = Segment(actor_id="large", generation=1, state=b"x" * LARGE)
        results = await commit(
            storage,
            Segment(actor_id="small", generation=1, state=b"2"),
            large,
            Segment(actor_id="small", generation=1, state=b"3"),
            Segment(actor_id="nobody", generation=1),
        )
        assert [type(result) for result in results] == [
            type(None),
            StorageFull,
            type(None),
            StorageError,
        ]
        assert await storage.load("small") == actor("small", b"3")
        assert await storage.load("large") == actor("large", b"1")
        with pytest.raises(StorageFull, match=r"no room is left to store actor more in .*a\.db"):
            await storage.create(actor("more", b"x" * LARGE), "power")
        assert await storage.find("room", ("more",)) is None
        assert len(await storage.list("room")) == 2
        assert not storage.failed
        limits.append("pragma max_page_count = 1000000")
        assert await commit(storage, large) == [None]
    async with SqliteStorage(storage.path).open():
        pass
    check_file(storage.path)


def check_file(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_a_full_disk_gets_back_what_the_log_takes(tmp_path: Path) -> None:
    is_full = False

    def before(statement: str, parameters: Any) -> None:
        nonlocal is_full
        if is_full and statement == "commit":
            raise disk_error(FULL)
        if statement == "pragma wal_checkpoint(truncate)":
            is_full = False

    storage = FaultyStorage(tmp_path / "a.db", before)
    async with storage.open():
        await storage.create(actor("a"), "power")
        is_full = True
        assert await commit(storage, Segment(actor_id="a", generation=1, state=b"1")) == [None]
        assert await storage.load("a") == actor("a", b"1")


@pytest.mark.parametrize("where", ["commit", "update states", "pragma wal_checkpoint"])
async def test_a_disk_that_fails_is_never_trusted_again(
    tmp_path: Path, where: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOG_LIMIT", 1)
    failing = False
    written: list[str] = []

    def before(statement: str, parameters: Any) -> None:
        if failing:
            written.append(statement)
            if statement.startswith(where):
                raise disk_error(FSYNC)

    storage = FaultyStorage(tmp_path / "a.db", before)
    async with storage.open():
        await storage.create(actor("a", b"1"), "power")
        await storage.load("a")
        failing = True
        [first] = await commit(storage, Segment(actor_id="a", generation=1, state=b"2"))
        await storage.load("a")
        failing = False
        assert storage.failed
        assert (first is None) == (where == "pragma wal_checkpoint")
        written.clear()
        # The disk would take it now; nobody asks it.
        [second] = await commit(storage, Segment(actor_id="a", generation=1, state=b"3"))
        assert isinstance(second, StorageFailed)
        with pytest.raises(StorageFailed):
            await storage.create(actor("b"), "power")
        assert written == []
        assert await storage.load("a") == actor("a", b"1" if first else b"2")
    assert "the disk has failed" in caplog.text
    assert storage.failed
    with pytest.raises(StorageFailed):
        async with storage.open():
            pass
    # As after a restart of the process.
    again = SqliteStorage(storage.path)
    async with again.open():
        assert await again.load("a") == actor("a", b"1" if first else b"2")


async def test_reading_that_fails_concerns_that_reader_alone(tmp_path: Path) -> None:
    codes: list[int] = []

    def before(statement: str, parameters: Any) -> None:
        if codes and statement.startswith("select"):
            raise disk_error(codes.pop())

    storage = FaultyStorage(tmp_path / "a.db", before)
    async with storage.open():
        await storage.create(actor("a"), "power")
        codes.append(sqlite3.SQLITE_IOERR_READ)
        with pytest.raises(StorageError, match="actor a cannot be read") as caught:
            await storage.load("a")
        assert not isinstance(caught.value, RecordDamaged)
        codes.append(sqlite3.SQLITE_CORRUPT)
        with pytest.raises(RecordDamaged, match="actor a is damaged"):
            await storage.load("a")
        assert await storage.load("a") == actor("a")
        assert not storage.failed


async def test_a_log_that_cannot_be_emptied_is_tried_again_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOG_LIMIT", 1)
    tries: list[str] = []

    def before(statement: str, parameters: Any) -> None:
        if statement == "pragma wal_checkpoint(truncate)":
            tries.append(statement)
            if len(tries) == 2:
                raise disk_error(FULL)

    storage = FaultyStorage(tmp_path / "a.db", before)
    async with storage.open():
        await storage.create(actor("a"), "power")
        for number in range(3):
            [error] = await commit(
                storage, Segment(actor_id="a", generation=1, state=b"%d" % number)
            )
            assert error is None
        assert await storage.load("a") == actor("a", b"2")
        assert len(tries) > 2
    assert "was not emptied" in caplog.text


async def test_a_state_that_is_too_large_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "LONGEST", 100_000)
    storage = SqliteStorage(tmp_path / "a.db")
    huge = bytes(100_000)
    async with storage.open():
        await storage.create(actor("a"), "power")
        await storage.create(actor("c"), "power")
        with pytest.raises(StorageError, match="actor b is too large"):
            await storage.create(actor("b", huge), "power")
        results = await commit(
            storage,
            Segment(actor_id="c", generation=1, state=huge),
            Segment(actor_id="a", generation=1, state=b"1"),
        )
        assert [result is None for result in results] == [False, True]
        assert await storage.load("a") == actor("a", b"1")


async def test_one_damaged_actor_fails_alone_in_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    storage = SqliteStorage(path)
    async with storage.open():
        for one in ("a", "b", "c", "d"):
            await storage.create(actor(one, b"1"), "power")
    connection = sqlite3.connect(path)
    a, b, c = (number_of(one) for one in (b"a", b"b", b"c"))
    connection.execute("update heads set version = 7 where number = ?", (a,))
    connection.execute("delete from states where number = ?", (b,))
    connection.execute("delete from heads where number = ?", (c,))
    connection.commit()
    connection.close()
    async with storage.open():
        segments = [
            Segment(actor_id=one, generation=1, state=b"2") for one in ("d", "a", "b", "c", "d")
        ]
        results = await commit(storage, *segments)
        assert [type(result) for result in results] == [
            type(None),
            RecordDamaged,
            RecordDamaged,
            RecordDamaged,
            type(None),
        ]
        assert await storage.load("d") == actor("d", b"2")
        for one in ("a", "b", "c"):
            with pytest.raises(RecordDamaged, match=f"actor {one} is damaged"):
                await storage.load(one)


# With a real disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.system
async def test_a_full_disk(small_disk: Path) -> None:
    storage = SqliteStorage(small_disk / "a.db")
    ballast = small_disk / "ballast"
    async with storage.open():
        await storage.create(actor("large", b"1"), "power")
        await storage.create(actor("small", b"1"), "power")
        ballast.write_bytes(bytes(1_500_000))
        large = Segment(actor_id="large", generation=1, state=b"x" * 700_000)
        [error] = await commit(storage, large)
        assert isinstance(error, StorageFull)
        for number in range(50):
            data = b"%d" % number
            assert await commit(storage, Segment(actor_id="small", generation=1, state=data)) == [
                None
            ]
        assert await storage.load("large") == actor("large", b"1")
        ballast.unlink()
        assert await commit(storage, large) == [None]
    async with storage.open():
        assert await storage.load("large") == actor("large", large.state)
        assert await storage.load("small") == actor("small", b"49")
    check_file(storage.path)


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* fsync and fdatasync fail once, as soon as the file exists that the variable names. */
static int fails_now(void) {
    static int over;
    if (over || access(getenv("FAIL_ONCE_AT"), F_OK)) return 0;
    over = 1;
    errno = EIO;
    return 1;
}
int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return fails_now() ? -1 : real(fd);
}
int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return fails_now() ? -1 : real(fd);
}
"""

FAILING = """
import os, sys, trio
from pathlib import Path
from tests.storage.sqlite.stores import actor, commit
from trivet.ports.errors import StorageFailed
from trivet.ports.records import Segment
from trivet.storage.sqlite.storage import SqliteStorage

async def main():
    storage = SqliteStorage(sys.argv[1])
    async with storage.open():
        await storage.create(actor("a", b"1"), "power")
        Path(os.environ["FAIL_ONCE_AT"]).touch()
        for number in range(3):
            [error] = await commit(storage, Segment(actor_id="a", generation=1, state=b"2"))
            assert isinstance(error, StorageFailed), error
        assert storage.failed
        assert await storage.load("a") == actor("a", b"1")
    print("as it should")

trio.run(main)
"""


@pytest.mark.system
async def test_an_fsync_that_fails_once_is_not_tried_again(tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    assert compiler, "it needs the Debian package gcc"
    source, shim, path = tmp_path / "shim.c", tmp_path / "shim.so", tmp_path / "a.db"
    source.write_text(SHIM)
    line = [compiler, "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"]
    subprocess.run(line, check=True)  # noqa: ASYNC221  # the test has nothing else to do
    done = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-c", FAILING, str(path)],
        env={
            "LD_PRELOAD": str(shim),
            "FAIL_ONCE_AT": str(tmp_path / "now"),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "as it should\n", done.stderr
    storage = SqliteStorage(path)
    async with storage.open():
        # Whether the save that met the failure has arrived, only the disk knows.
        assert await storage.load("a") in {actor("a", b"1"), actor("a", b"2")}
