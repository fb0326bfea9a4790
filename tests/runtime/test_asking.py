"""Calls of this process: where they run, in which order, for how long, and what comes back."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, opened, recorder_of, wake
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.runtime.call import current_deadline

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


class Clerk(Actor[list[str]]):
    @action
    def note(self, text: str) -> list[str]:
        self.state.append(text)
        return self.state

    @action
    async def note_later(self, text: str) -> list[str]:
        await trio.lowlevel.checkpoint()
        return self.note(text)

    @action
    async def nap(self, seconds: float, text: str = "napped") -> float:
        began = trio.current_time()
        try:
            await trio.sleep(seconds)
        except trio.Cancelled:
            self.state.append(f"{text} cut")
            raise
        self.state.append(text)
        return trio.current_time() - began

    @action(timeout=3)
    async def short(self) -> None:
        await trio.sleep_forever()

    @action(timeout=math.inf)
    async def endless(self, seconds: float) -> str:
        await trio.sleep(seconds)
        return "done"

    @action
    def task(self) -> str:
        return trio.lowlevel.current_task().name

    @action
    async def task_later(self) -> str:
        return trio.lowlevel.current_task().name

    @action
    def paint(self, colour: str) -> str:
        before = COLOUR.get()
        COLOUR.set(colour)
        return before

    @action
    async def paint_later(self, colour: str) -> str:
        return self.paint(colour)

    @action
    async def deadline(self) -> float:
        return current_deadline()


async def test_a_sync_action_of_an_idle_actor_runs_on_the_callers_task() -> None:
    async with opened(Clerk) as runtime:
        mine = trio.lowlevel.current_task().name
        assert await call(runtime, Clerk.task) == mine
        assert await call(runtime, Clerk.task_later) != mine


async def test_a_sync_action_of_a_busy_actor_queues(autojump_clock: MockClock) -> None:
    async with opened(Clerk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Clerk.nap, 1.0)
        await wait_all_tasks_blocked()
        assert await call(runtime, Clerk.task) != trio.lowlevel.current_task().name
        assert trio.current_time() == 1.0


@pytest.mark.parametrize("action", [Clerk.note, Clerk.note_later])
async def test_calls_are_served_in_the_order_they_came(
    action: Action[Any, ..., Any], autojump_clock: MockClock
) -> None:
    async with opened(Clerk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Clerk.nap, 1.0)
        for index in range(50):
            await wait_all_tasks_blocked()
            nursery.start_soon(call, runtime, action, str(index))
        await trio.sleep(2)
        assert await call(runtime, Clerk.note, "x") == ["napped", *map(str, range(50)), "x"]


async def test_values_are_copied_both_ways() -> None:
    class Keeper(Actor[list[list[int]]]):
        @action
        def keep(self, row: list[int]) -> list[list[int]]:
            self.state.append(row)
            return self.state

        @action
        async def keep_later(self, row: list[int]) -> list[list[int]]:
            return self.keep(row)

    async with opened(Keeper) as runtime:
        row = [1]
        for keep in (Keeper.keep, Keeper.keep_later):
            got = await call(runtime, keep, row)
            row.append(2)
            got[0].append(3)
        instance = await wake(runtime, Keeper)
        assert instance.state.value == [[1], [1, 2]]


async def test_every_actor_has_a_context_of_its_own() -> None:
    async with opened(Clerk) as runtime:
        COLOUR.set("mine")
        for key in ("a", "b"):
            assert await call(runtime, Clerk.paint, "red", key=key) == "none"
            assert await call(runtime, Clerk.paint_later, "green", key=key) == "red"
            assert await call(runtime, Clerk.paint, "blue", key=key) == "green"
        assert COLOUR.get() == "mine"


async def test_a_caller_who_leaves_while_queued_leaves_no_trace(autojump_clock: MockClock) -> None:
    async with opened(Clerk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Clerk.nap, 5.0)
        await wait_all_tasks_blocked()
        with trio.move_on_after(1) as scope:
            await call(runtime, Clerk.note, "never")
        assert scope.cancelled_caught
        assert await call(runtime, Clerk.note, "last") == ["napped", "last"]
        assert recorder_of(runtime).counts["reply_dropped"] == 0


async def test_a_caller_who_leaves_does_not_cut_what_runs(autojump_clock: MockClock) -> None:
    async with opened(Clerk) as runtime:
        with trio.move_on_after(1):
            await call(runtime, Clerk.nap, 5.0)
        assert await call(runtime, Clerk.note, "last") == ["napped", "last"]
        assert trio.current_time() == 5
        assert recorder_of(runtime).counts["reply_dropped"] == 1


async def test_a_caller_who_was_cancelled_before_calls_nothing() -> None:
    async with opened(Clerk) as runtime:
        await wake(runtime, Clerk)
        with trio.CancelScope() as scope:
            scope.cancel()
            await call(runtime, Clerk.note, "never")
        assert await call(runtime, Clerk.note, "last") == ["last"]


async def test_beyond_its_bound_an_actor_is_overloaded_at_once(autojump_clock: MockClock) -> None:
    async with opened(Clerk) as runtime, trio.open_nursery() as nursery:
        for _ in range(1001):
            nursery.start_soon(call, runtime, Clerk.nap, 0.01)
        await wait_all_tasks_blocked()
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Clerk.note, "one too many")
        assert (caught.value.group, caught.value.code) == ("actor", "overloaded")
        assert caught.value.metadata == {"limit": 1000}
        assert trio.current_time() == 0
        await trio.sleep(0.02)  # time for one of them
        await call(runtime, Clerk.note, "room again")


async def test_what_has_waited_for_a_minute_is_dropped(autojump_clock: MockClock) -> None:
    async with opened(Clerk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Clerk.endless, 100.0)
        await wait_all_tasks_blocked()
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Clerk.note, "never")
        assert caught.value.code == "overloaded"
        assert trio.current_time() == 60
        assert recorder_of(runtime).counts["request_expired"] == 1
        assert await call(runtime, Clerk.note, "later") == ["later"]


async def test_the_time_in_the_queue_does_not_count_for_what_runs(
    autojump_clock: MockClock,
) -> None:
    async with opened(Clerk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Clerk.nap, 50.0)
        await wait_all_tasks_blocked()
        assert await call(runtime, Clerk.nap, 59.0) == 59
        nursery.start_soon(call, runtime, Clerk.nap, 50.0)
        await wait_all_tasks_blocked()
        assert await call(runtime, Clerk.endless, 1000.0) == "done"


@pytest.mark.parametrize(("timeless", "seconds"), [(Clerk.nap, 60), (Clerk.short, 3)])
async def test_an_action_that_takes_too_long_is_cut(
    timeless: Action[Any, ..., Any], seconds: int, autojump_clock: MockClock
) -> None:
    async with opened(Clerk) as runtime:
        args = (100.0,) if timeless is Clerk.nap else ()
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, timeless, *args)
        assert (caught.value.group, caught.value.code) == ("actor", "action_timed_out")
        assert trio.current_time() == seconds
        # What it wrote is kept, and the actor goes on.
        assert (await call(runtime, Clerk.note, "next"))[-1] == "next"


async def test_an_actor_may_set_the_time_for_all_its_actions(autojump_clock: MockClock) -> None:
    class Hasty(Actor, action_timeout=2):
        @action
        async def wait(self) -> None:
            await trio.sleep_forever()

    async with opened(Hasty) as runtime:
        with pytest.raises(errors.ActionError, match="action_timed_out"):
            await call(runtime, Hasty.wait)
        assert trio.current_time() == 2


async def test_an_action_that_cleans_up_when_cut_was_answered_in_time(
    autojump_clock: MockClock,
) -> None:
    class Stubborn(Actor):
        @action(timeout=1)
        async def wait(self) -> str:
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("while cleaning up")

    async with opened(Stubborn) as runtime:
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Stubborn.wait)
        assert caught.value.code in {"action_timed_out", "internal_error"}
        assert trio.current_time() == 1
        with pytest.raises(errors.ActionError):
            await call(runtime, Stubborn.wait)


async def test_the_deadline_that_counts_can_be_read(autojump_clock: MockClock) -> None:
    async with opened(Clerk) as runtime:
        assert current_deadline() == math.inf
        assert await call(runtime, Clerk.deadline) == 60
        with trio.fail_after(20):
            assert current_deadline() == 20
            assert await call(runtime, Clerk.deadline) == 20


async def test_a_deadline_drops_work_that_has_not_begun(autojump_clock: MockClock) -> None:
    limits = Limits(mailbox_wait=10)
    async with opened(Clerk, limits=limits) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Clerk.nap, 50.0)
        await wait_all_tasks_blocked()
        with trio.move_on_after(5):
            await call(runtime, Clerk.note, "never")
        with pytest.raises(errors.ActionError, match="overloaded"):
            await call(runtime, Clerk.note, "never")
        assert trio.current_time() == 15


async def test_a_loop_of_inline_calls_lets_others_run() -> None:
    async with opened(Clerk) as runtime, trio.open_nursery() as nursery:
        await wake(runtime, Clerk)
        turns: list[int] = []

        async def other() -> None:
            for _ in range(3):
                await trio.lowlevel.checkpoint()
                turns.append(1)

        nursery.start_soon(other)
        for _ in range(500):
            await call(runtime, Clerk.paint, "red")
        assert len(turns) == 3
