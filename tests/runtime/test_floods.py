"""Failures in a loop, on one actor: the log gets a few records, the counters every failure."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, recorder_of
from tests.runtime.scribes import Scribe
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.logs import BURST, PAUSE
from trivet.runtime.crash_record import BUDGET
from trivet.runtime.runtime import Runtime

TIMES = 3 * BURST


class Clumsy(Actor):
    async def on_disconnect(self, conn: Conn[None]) -> None:
        raise ValueError("on_disconnect broke")

    async def work(self) -> None:
        raise ValueError("work broke")

    @action
    def begin(self) -> None:
        self.start_soon(self.work)


def failing_storage() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


async def fail_to_save(times: int, storage: HeldStorage, runtime: Runtime, key: str = "a") -> None:
    storage.full = True
    for _ in range(times):
        with pytest.raises(errors.ActionError, match="state_not_saved"):
            await call(runtime, Scribe.now, "add 1", key=key)


async def test_failed_saves_and_crashes(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = failing_storage()
    async with opened(Scribe, storage=storage) as runtime:
        for key in ("a", "b"):
            storage.full = False
            await call(runtime, Scribe.now, "add 0", key=key)
        await fail_to_save(TIMES, storage, runtime)
        by_kind = [text.split(":")[1] for text in caplog.messages]
        assert by_kind.count(" the store refused its segment") == BURST
        assert by_kind.count(" The actor's state could not be saved") == BURST
        assert sum("crashed" in text for text in caplog.messages) == BURST
        assert runtime.counters["save_failed"] == runtime.counters["actor_crashed"] == TIMES
        caplog.clear()
        await fail_to_save(1, storage, runtime, key="b")
        assert len(caplog.messages) == 3  # another actor's are not left out
        caplog.clear()
        await trio.sleep(PAUSE)
        await fail_to_save(1, storage, runtime)
        assert len(caplog.messages) == 3
        assert all(f"(and {TIMES - BURST} more like it)" in text for text in caplog.messages)
        storage.full = False


async def test_failing_tasks(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Clumsy) as runtime:
        for _ in range(BUDGET):
            await call(runtime, Clumsy.begin)
            await wait_all_tasks_blocked()
        for _ in range(TIMES):  # its crashes are bounded, and so are the records
            with pytest.raises(errors.ActionError, match="unavailable"):
                await call(runtime, Clumsy.begin)
        assert sum("the task work failed" in text for text in caplog.messages) == BUDGET
        assert sum("crashed:" in text for text in caplog.messages) == BUDGET
        assert sum("is unavailable" in text for text in caplog.messages) == 1
        assert runtime.counters["task_failed"] == runtime.counters["actor_crashed"] == BUDGET


async def test_failing_hooks(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Clumsy) as runtime:
        for _ in range(TIMES):
            link = PlayedLink(runtime)
            link.connect(Clumsy, "a")
            await link.gets("init")
            link.vanish()
            await wait_all_tasks_blocked()
        assert sum("on_disconnect failed" in text for text in caplog.messages) == BURST
        assert recorder_of(runtime).counts["hook_failed"] == TIMES


async def test_creations_that_cannot_be_stored(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = failing_storage()
    async with opened(Scribe, storage=storage) as runtime:
        await fail_to_save(TIMES, storage, runtime)
        assert sum("creating failed" in text for text in caplog.messages) == BURST
        assert runtime.counters["save_failed"] == TIMES
        storage.full = False
