"""The thread: what waits for it, what does not, and what it makes of many saves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.storage.sqlite.stores import FaultyStorage, actor, commit
from trivet.ports.errors import NotStored, StorageError, StorageFailed
from trivet.ports.records import Segment
from trivet.storage.sqlite import writer
from trivet.storage.sqlite.storage import SqliteStorage


class SlowDisk:
    """Holds every commit, in the store's thread, until the test lets it go.

    Attributes:
        reached: Set when a commit has come as far as the disk.
        commits: How many commits were let through.
    """

    def __init__(self) -> None:
        self.reached = trio.Event()
        self.commits = 0
        self.statements: list[str] = []
        self._free = threading.Event()
        self._token = trio.lowlevel.current_trio_token()
        self.holds = False

    def __call__(self, statement: str, parameters: Any) -> None:
        self.statements.append(statement)
        if statement == "commit":
            if self.holds:
                self._token.run_sync_soon(self.reached.set)
                self._free.wait()
            self.commits += 1

    def hold(self) -> None:
        self._free.clear()
        self.holds = True

    def let_go(self) -> None:
        self.holds = False
        self._free.set()


async def test_a_slow_disk_does_not_stall_the_loop(tmp_path: Path) -> None:
    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)
    answers: list[StorageError | None] = []
    async with storage.open():
        await storage.create(actor("a"), "power")
        disk.hold()
        storage.commit(Segment(actor_id="a", generation=1, state=b"1"), answers.append)
        await disk.reached.wait()
        # The thread is at the disk; the loop goes on, and takes more.
        for number in range(50):
            storage.commit(
                Segment(actor_id="a", generation=1, state=b"%d" % number), answers.append
            )
            await trio.lowlevel.checkpoint()
        assert answers == []
        disk.let_go()
        found = await storage.load("a")
        assert found is not None
        assert found.state == b"49"
        assert answers == [None] * 51


async def test_what_has_waited_is_stored_by_one_commit(tmp_path: Path) -> None:
    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)
    async with storage.open(), trio.open_nursery() as nursery:
        for number in range(20):
            await storage.create(actor(f"{number}"), "process")
        disk.hold()
        nursery.start_soon(commit, storage, Segment(actor_id="0", generation=1, state=b"0"))
        await disk.reached.wait()
        segments = [Segment(actor_id=f"{n}", generation=1, state=b"1") for n in range(20)]
        nursery.start_soon(commit, storage, *segments)
        nursery.start_soon(storage.create, actor("new"), "process")
        await wait_all_tasks_blocked()
        before = disk.commits
        disk.let_go()
        await storage.load("new")
        assert disk.commits == before + 2


async def test_a_batch_is_as_durable_as_its_strongest(tmp_path: Path) -> None:
    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)

    async def levels(*segments: Segment) -> list[str]:
        disk.statements.clear()
        assert not any(await commit(storage, *segments))
        return [one for one in disk.statements if one.startswith("pragma synchronous")]

    async with storage.open():
        await storage.create(actor("a"), "process")
        weak = [
            Segment(actor_id="a", generation=1, durability=one)
            for one in ("process", "interval", "none")
        ]
        assert await levels(*weak) == []
        disk.hold()
        storage.commit(weak[0], lambda _: None)
        await disk.reached.wait()
        for segment in (*weak, Segment(actor_id="a", generation=1, durability="power"), *weak):
            storage.commit(segment, lambda _: None)
        disk.statements.clear()
        disk.let_go()
        await storage.load("a")
        assert [one for one in disk.statements if "synchronous" in one] == [
            "pragma synchronous = full"
        ]
        assert await levels(weak[2]) == ["pragma synchronous = normal"]


async def test_many_saves_of_one_actor_write_its_last_state_only(tmp_path: Path) -> None:
    rows: list[Any] = []

    def before(statement: str, parameters: Any) -> None:
        if statement.startswith("update states"):
            rows.extend(parameters)

    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)
    async with storage.open():
        await storage.create(actor("a"), "power")
        disk.hold()
        storage.commit(Segment(actor_id="a", generation=1), lambda _: None)
        await disk.reached.wait()
        storage.before = before
        for number in range(10):
            storage.commit(
                Segment(actor_id="a", generation=1, state=b"%d" % number), lambda _: None
            )
        disk.let_go()
        await storage.load("a")
    assert [row[1] for row in rows] == [b"9"]


async def test_a_reader_that_is_cancelled_leaves_at_once(tmp_path: Path) -> None:
    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)
    async with storage.open():
        await storage.create(actor("a"), "power")
        disk.hold()
        storage.commit(Segment(actor_id="a", generation=1, state=b"1"), lambda _: None)
        await disk.reached.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.load, "a")
            nursery.start_soon(storage.find, "room", ("a",))
            nursery.start_soon(storage.list, "room")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        disk.let_go()
        assert await storage.load("a") == actor("a", b"1")


async def test_a_creation_that_is_cancelled_before_it_was_taken_is_withdrawn(
    tmp_path: Path,
) -> None:
    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)
    async with storage.open():
        await storage.create(actor("a"), "power")
        disk.hold()
        storage.commit(Segment(actor_id="a", generation=1, state=b"1"), lambda _: None)
        await disk.reached.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.create, actor("b"), "power")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        disk.let_go()
        assert await storage.load("b") is None


async def test_a_creation_that_is_cancelled_later_happens_all_the_same(tmp_path: Path) -> None:
    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)
    async with storage.open():
        disk.hold()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.create, actor("b"), "power")
            await disk.reached.wait()
            nursery.cancel_scope.cancel()
        # Whoever waited has left, though the disk does not answer.
        disk.let_go()
        assert await storage.load("b") == actor("b")


async def test_leaving_by_cancellation_stores_what_was_committed(tmp_path: Path) -> None:
    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)
    answers: list[StorageError | None] = []
    with trio.CancelScope() as scope:
        async with storage.open():
            await storage.create(actor("a"), "power")
            disk.hold()
            storage.commit(Segment(actor_id="a", generation=1, state=b"1"), answers.append)
            await disk.reached.wait()
            storage.commit(Segment(actor_id="a", generation=1, state=b"2"), answers.append)
            scope.cancel()
            disk.let_go()
    assert answers == [None, None]
    async with storage.open():
        assert await storage.load("a") == actor("a", b"2")


async def test_the_thread_ends_with_the_body(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "a.db")
    async with storage.open():
        assert "trivet store a.db" in [thread.name for thread in threading.enumerate()]
    assert "trivet store a.db" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("has_deadline", [True, False])
async def test_a_disk_that_never_answers_is_left_and_told(
    has_deadline: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("trivet.storage.sqlite.storage.CLOSING", 1e9 if has_deadline else 0.0)
    disk = SlowDisk()
    storage = FaultyStorage(tmp_path / "a.db", disk)
    answers: dict[str, object] = {}
    withdrawn: list[object] = []

    async def wait_for(name: str, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except StorageError as error:
            answers[name] = error

    async def run() -> None:
        with trio.CancelScope() as scope:
            async with storage.open():
                for one in "ab":
                    await storage.create(actor(one, b"0"), "power")
                disk.hold()
                storage.commit(
                    Segment(actor_id="a", generation=1), lambda error: answers.update(taken=error)
                )
                await disk.reached.wait()
                for one in ("b", "b"):
                    storage.commit(
                        Segment(actor_id=one, generation=1, state=b"2"), withdrawn.append
                    )
                nursery.start_soon(wait_for, "load", lambda: storage.load("a"))
                nursery.start_soon(wait_for, "create", partial(storage.create, actor("c"), "power"))
                await wait_all_tasks_blocked()
                if has_deadline:
                    scope.deadline = trio.current_time() + 0.01

    async with trio.open_nursery() as nursery:
        with pytest.raises(
            NotStored, match=r"a\.db does not answer, not stored: saves=4, actors=3"
        ):
            await run()
    assert {name: type(error) for name, error in answers.items()} == {
        "taken": NotStored,
        "load": NotStored,
        "create": NotStored,
    }
    assert [type(error) for error in withdrawn] == [NotStored] * 2
    assert storage.failed
    with pytest.raises(StorageFailed):
        async with storage.open():
            pass
    [record] = [one for one in caplog.records if "does not answer" in one.message]
    assert record.levelno == logging.CRITICAL
    assert record.__dict__["path"] == str(storage.path)
    assert (record.__dict__["saves"], record.__dict__["actors"]) == (4, 3)
    [thread] = [one for one in threading.enumerate() if one.name == "trivet store a.db"]
    assert thread.daemon
    # The disk comes back: what it had is stored, nothing more is, and nobody hears of it again.
    disk.let_go()
    await trio.to_thread.run_sync(thread.join)
    assert len(withdrawn) == 2
    again = SqliteStorage(storage.path)
    async with again.open():
        assert await again.load("b") == actor("b", b"0")


async def test_a_log_that_cannot_be_emptied_at_the_end_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("trivet.storage.sqlite.storage.CLOSING", 0.0)
    free = threading.Event()

    def before(statement: str, parameters: Any) -> None:
        if statement == "pragma wal_checkpoint(truncate)":
            free.wait()

    storage = FaultyStorage(tmp_path / "a.db")
    async with storage.open():
        await storage.create(actor("a", b"1"), "power")
        storage.before = before
    assert "the log stays beside the file" in caplog.text
    [thread] = [one for one in threading.enumerate() if one.name == "trivet store a.db"]
    free.set()
    await trio.to_thread.run_sync(thread.join)


async def test_nothing_is_taken_while_it_is_not_open(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "a.db")
    answers: list[StorageError | None] = []

    async def try_all() -> None:
        for call in (
            storage.create(actor("a"), "power"),
            storage.load("a"),
            storage.find("room", ("a",)),
            storage.list("room"),
        ):
            with pytest.raises(StorageError, match="not open"):
                await call
        storage.commit(Segment(actor_id="a", generation=1), answers.append)

    await try_all()
    async with storage.open():
        pass
    await try_all()
    assert [str(error) for error in answers] == ["the store is not open"] * 2


async def test_a_slow_commit_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "SLOW", -1.0)
    storage = SqliteStorage(tmp_path / "a.db")
    async with storage.open():
        await storage.create(actor("a", b"secret"), "power")
    [record] = [one for one in caplog.records if one.message == "a slow commit"]
    assert record.levelno == logging.WARNING
    assert (record.__dict__["writes"], record.__dict__["seconds"] > 0) == (1, True)
    assert "secret" not in caplog.text


async def test_an_error_that_nobody_has_thought_of_fails_the_store(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def before(statement: str, parameters: Any) -> None:
        if statement.startswith("update heads"):
            raise RuntimeError("a slip of ours")

    storage = FaultyStorage(tmp_path / "a.db", before)
    async with storage.open():
        await storage.create(actor("a"), "power")
        [error] = await commit(storage, Segment(actor_id="a", generation=1, state=b"1"))
        assert "failed" in str(error)
        assert storage.failed
        assert await storage.load("a") == actor("a")
    assert "a slip of ours" in caplog.text
