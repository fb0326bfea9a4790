"""Limits that pass, which SQLite takes for a broken disk, and disks that cannot be written at all."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.storage.sqlite.stores import FaultyStorage, actor, commit, disk_error
from trivet.ports.errors import StorageError, StorageFailed, StorageFull
from trivet.ports.records import Segment
from trivet.storage.sqlite.storage import SqliteStorage

ROOT = Path(__file__).parents[3]

LIMITED = """
import resource, sys, trio
from tests.storage.sqlite.stores import actor, commit
from trivet.ports.errors import StorageFull
from trivet.ports.records import Segment
from trivet.storage.sqlite.storage import SqliteStorage

async def main():
    storage = SqliteStorage(sys.argv[1])
    large = Segment(actor_id="large", generation=1, state=b"x" * 700_000)
    async with storage.open():
        await storage.create(actor("large", b"1"), "power")
        await storage.create(actor("small", b"1"), "power")
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, most))
        small, error = await commit(storage, Segment(actor_id="small", generation=1, state=b"2"), large)
        assert small is None
        assert isinstance(error, StorageFull), error
        assert "File too large" in str(error) and sys.argv[1] in str(error), error
        for number in range(200):
            assert await commit(storage, Segment(actor_id="small", generation=1, state=b"3")) == [None]
        assert not storage.failed
        assert await storage.load("large") == actor("large", b"1")
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        assert await commit(storage, large) == [None]
    print("as it should")

trio.run(main)
"""


@pytest.mark.slow
async def test_a_limit_for_files_is_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    done = subprocess.run(  # noqa: ASYNC221  # the test has nothing else to do
        [sys.executable, "-c", LIMITED, str(path)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "as it should\n", done.stderr
    storage = SqliteStorage(path)
    async with storage.open():
        assert await storage.load("large") == actor("large", b"x" * 700_000)
        assert await storage.load("small") == actor("small", b"3")
    assert os.listdir(tmp_path) == ["a.db"]


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (errno.EDQUOT, StorageFull),
        (errno.ENOSPC, StorageFull),
        (errno.EFBIG, StorageFull),
        (errno.EIO, StorageFailed),
        (errno.EROFS, StorageFailed),
        (None, StorageFailed),
    ],
)
@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC])
async def test_what_the_disk_says_beside_the_file_counts(
    refusal: int | None,
    expected: type[StorageError],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusing = False

    def before(statement: str, parameters: Any) -> None:
        if refusing and statement == "commit":
            raise disk_error(code)

    def write(descriptor: int, data: bytes, offset: int) -> int:
        if refusal is None:
            return len(data)
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(os, "pwrite", write)
    storage = FaultyStorage(tmp_path / "a.db", before)
    async with storage.open():
        await storage.create(actor("a", b"1"), "power")
        refusing = True
        [error] = await commit(storage, Segment(actor_id="a", generation=1, state=b"2"))
        refusing = False
        passes = expected is StorageFull and code == sqlite3.SQLITE_IOERR_WRITE
        assert isinstance(error, StorageFull if passes else StorageFailed)
        assert storage.failed == (not passes)
        if passes:
            assert refusal is not None
            assert str(error).endswith(f"a.db: {os.strerror(refusal)}")
            assert await commit(storage, Segment(actor_id="a", generation=1, state=b"3")) == [None]
        elif refusal == errno.EROFS and code == sqlite3.SQLITE_IOERR_WRITE:
            [record] = [one for one in caplog.records if "the disk has failed" in one.message]
            assert "Read-only file system" in record.__dict__["error"]


async def test_a_file_that_may_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = SqliteStorage(tmp_path / "a.db")
    async with storage.open():
        pass

    def may(path: str, mode: int) -> bool:
        return mode != os.W_OK

    monkeypatch.setattr(os, "access", may)
    with pytest.raises(StorageError, match=r"a\.db is read-only"):
        async with storage.open():
            pass


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A folder, and the same one where it cannot be written."""
    folder, same = tmp_path / "disk", tmp_path / "same"
    folder.mkdir()
    same.mkdir()
    subprocess.run(["mount", "--bind", str(folder), str(same)], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(same)], check=True)
    yield folder, same
    subprocess.run(["umount", str(same)], check=True)


@pytest.mark.system
async def test_a_read_only_disk_is_named(read_only: tuple[Path, Path]) -> None:
    folder, same = read_only
    async with SqliteStorage(folder / "a.db").open():
        pass
    with pytest.raises(StorageError, match=r"a\.db is read-only"):
        async with SqliteStorage(same / "a.db").open():
            pass
    with pytest.raises(StorageError, match="Read-only file system"):
        async with SqliteStorage(same / "new.db").open():
            pass
