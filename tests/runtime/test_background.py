from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import awake, call, handle, opened, put_away, wake
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.runtime.instance import Instance

LOG: list[str] = []
COLOUR: ContextVar[str] = ContextVar("colour", default="none")


class Runner(Actor[list[str]]):
    how = "stay"

    async def run(self) -> None:
        LOG.append("run")
        await self.play(self.how)

    async def play(self, how: str) -> None:
        match how.split():
            case ["return"]:
                pass
            case ["fail"]:
                raise ValueError("something broke")
            case ["fail", "at", "the", "end"]:
                try:
                    await trio.sleep_forever()
                finally:
                    raise ValueError("something broke")
            case ["fail", "in", "a", "crowd"]:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(trio.sleep_forever)
                    nursery.start_soon(self.play, "fail at the end")
            case ["assign"]:
                self.state = ["assigned"]
            case ["conn"]:
                assert self.conn
            case ["stay"]:
                await trio.sleep_forever()
            case ["write", "at", "the", "end", seconds]:
                try:
                    await trio.sleep_forever()
                finally:
                    async with self.turn():
                        await trio.sleep(float(seconds))
                        self.state.append("goodbye")
                    LOG.append("written")
            case ["colour"]:
                LOG.append(COLOUR.get())
            case _:
                raise AssertionError(how)

    @action
    def start(self, how: str) -> None:
        self.start_soon(self.play, how)

    @action
    async def start_later(self, how: str) -> None:
        self.start_soon(self.play, how)
        await wait_all_tasks_blocked()

    @action
    def paint(self, colour: str) -> None:
        COLOUR.set(colour)
        self.start("colour")

    @action
    def get(self) -> list[str]:
        return self.state


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOG.clear()


@asynccontextmanager
async def running(how: str) -> AsyncGenerator[tuple[Instance, list[str]]]:
    """An actor whose ``run`` does this, and what it has logged."""
    mine = type("Mine", (Runner,), {"how": how}, name="Runner")
    async with opened(mine) as runtime:
        instance = await wake(runtime, mine)
        await wait_all_tasks_blocked()
        yield instance, LOG


async def test_run_lives_as_long_as_the_actor() -> None:
    async with running("stay") as (instance, log):
        assert log == ["run"]
        await put_away(instance.runtime, instance.definition.actor)
        await wake(instance.runtime, instance.definition.actor)
        await wait_all_tasks_blocked()
        assert log == ["run", "run"]


@pytest.mark.parametrize("how", ["return", "fail", "assign", "conn"])
async def test_a_run_that_ends_changes_nothing(how: str, caplog: pytest.LogCaptureFixture) -> None:
    async with running(how) as (instance, log):
        assert awake(instance.runtime, instance.definition.actor) is instance
        assert log == ["run"]
        assert ("run failed" in caplog.text) == (how != "return")
        expected = {"assign": "NotInTurnError", "conn": "NoConnectionError"}
        assert expected.get(how, "") in caplog.text


@pytest.mark.parametrize("how", ["fail", "assign", "conn"])
async def test_a_failing_task_crashes_its_actor(how: str, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Runner) as runtime:
        await call(runtime, Runner.start, how)
        await wait_all_tasks_blocked()
        assert awake(runtime, Runner) is None
        assert "the task play failed" in caplog.text


async def test_a_task_that_returns_is_just_over() -> None:
    async with opened(Runner) as runtime:
        instance = await wake(runtime, Runner)
        for _ in range(3):
            await call(runtime, Runner.start, "return")
        await wait_all_tasks_blocked()
        assert awake(runtime, Runner) is instance


async def test_a_task_has_no_turn_even_if_a_turn_has_started_it() -> None:
    async with opened(Runner) as runtime:
        with pytest.raises(errors.ActionError, match="restarting"):
            await call(runtime, Runner.start_later, "assign")
        assert await call(runtime, Runner.get) == []


async def test_a_task_starts_with_its_actors_context() -> None:
    async with opened(Runner) as runtime:
        COLOUR.set("mine")
        await call(runtime, Runner.paint, "red")
        await wait_all_tasks_blocked()
        assert sorted(LOG) == ["red", "run"]


@pytest.mark.parametrize("how", ["fail at the end", "fail in a crowd"])
@pytest.mark.parametrize("where", ["run", "task"])
async def test_a_task_that_fails_while_it_is_cancelled_hurts_nobody(
    how: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(how if where == "run" else "stay") as (instance, _):
        runtime = instance.runtime
        other = await wake(runtime, instance.definition.actor, "b")
        if where == "task":
            instance.actor.start_soon(instance.actor.play, how)
            await wait_all_tasks_blocked()
        await put_away(runtime, instance.definition.actor)
        assert "something broke" in caplog.text
        assert awake(runtime, instance.definition.actor, "b") is other


async def test_cleanup_takes_a_turn_and_is_saved(autojump_clock: MockClock) -> None:
    async with running("write at the end 3") as (instance, log):
        runtime, actor = instance.runtime, instance.definition.actor
        await put_away(runtime, actor)
        assert trio.current_time() == 3
        assert log == ["run", "written"]
        assert await handle(runtime, actor).call(Runner.get) == ["goodbye"]


async def test_several_cleanups_take_their_turns_one_after_the_other(
    autojump_clock: MockClock,
) -> None:
    async with running("write at the end 3") as (instance, log):
        instance.actor.start_soon(instance.actor.play, "write at the end 4")
        await wait_all_tasks_blocked()
        await put_away(instance.runtime, instance.definition.actor)
        assert trio.current_time() == 7
        assert log == ["run", "written", "written"]


async def test_cleanup_is_cut_at_the_end_of_the_grace(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with running("write at the end 100") as (instance, log):
        instance.actor.start_soon(instance.actor.play, "write at the end 1")
        await wait_all_tasks_blocked()
        await put_away(instance.runtime, instance.definition.actor)
        assert trio.current_time() == pytest.approx(15)
        assert log.count("written") <= 1


async def test_cleanup_waits_for_the_turn_that_runs(autojump_clock: MockClock) -> None:
    class Busy(Runner):
        how = "write at the end 1"

        @action
        async def nap(self) -> None:
            await trio.sleep(4)
            self.state.append("napped")

    async with opened(Busy) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Busy.nap)
        await wait_all_tasks_blocked()
        await put_away(runtime, Busy)
        assert trio.current_time() == 5
        assert await runtime.client.get(Busy, "a").call(Runner.get) == ["napped", "goodbye"]


async def test_what_starts_after_the_stop_is_cancelled_at_once(
    autojump_clock: MockClock,
) -> None:
    async with running("stay") as (instance, _):
        async with trio.open_nursery() as nursery:

            async def start_late() -> None:
                instance.actor.start_soon(instance.actor.play, "stay")

            instance.background.stop()
            nursery.start_soon(start_late)
        await instance.background.wait_over()
        assert trio.current_time() == 0
