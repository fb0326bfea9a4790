from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import trio
import trio.lowlevel
from trio.testing import MockClock, wait_all_tasks_blocked

from trivet.runtime.deadlines import Deadlines


@attrs.define(eq=False)
class Owner:
    """Notes when it was looked at, and wants to be looked at again at given times."""

    due: list[float] = attrs.Factory(list[float])
    looks: list[float] = attrs.Factory(list[float])
    armed_at: float = math.inf

    def deadline_passed(self, now: float) -> float:
        self.looks.append(now)
        self.due = [when for when in self.due if when > now]
        return min(self.due, default=math.inf)


@asynccontextmanager
async def watched() -> AsyncGenerator[Deadlines]:
    deadlines = Deadlines()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.watch)
        yield deadlines
        nursery.cancel_scope.cancel()


async def test_an_owner_is_looked_at_when_it_is_due(autojump_clock: MockClock) -> None:
    async with watched() as deadlines:
        owner = Owner()
        deadlines.arm(owner, 5)
        await trio.sleep(20)
        assert owner.looks == [5]


async def test_it_is_armed_again_for_what_is_due_later(autojump_clock: MockClock) -> None:
    async with watched() as deadlines:
        owner = Owner(due=[3, 7, 12])
        deadlines.arm(owner, 3)
        await trio.sleep(20)
        assert owner.looks == [3, 7, 12]


async def test_an_earlier_look_stays_and_a_later_one_is_remembered_by_the_owner(
    autojump_clock: MockClock,
) -> None:
    async with watched() as deadlines:
        owner = Owner(due=[4, 9])
        deadlines.arm(owner, 9)
        deadlines.arm(owner, 4)  # earlier: counts
        deadlines.arm(owner, 8)  # later: does not
        await trio.sleep(20)
        assert owner.looks == [4, 9]


async def test_owners_do_not_disturb_each_other(autojump_clock: MockClock) -> None:
    async with watched() as deadlines:
        owners = [Owner() for _ in range(10)]
        for index, owner in enumerate(owners):
            deadlines.arm(owner, 10 - index)
        await trio.sleep(20)
        assert [owner.looks for owner in owners] == [[10 - index] for index in range(10)]


async def test_what_was_due_long_ago_is_looked_at_at_once(autojump_clock: MockClock) -> None:
    async with watched() as deadlines:
        await trio.sleep(5)
        owner = Owner()
        deadlines.arm(owner, 1)
        await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert owner.looks == [1]


async def test_an_owner_that_is_armed_again_and_again_is_looked_at_once(
    autojump_clock: MockClock,
) -> None:
    async with watched() as deadlines:
        owner = Owner()
        for when in (9, 7, 5, 3):
            deadlines.arm(owner, when)
        await trio.sleep(20)
        assert owner.looks == [3]


async def test_who_has_the_same_deadline_is_cancelled_before_the_look(
    mock_clock: MockClock,
) -> None:
    log: list[str] = []

    class Late(Owner):
        def deadline_passed(self, now: float) -> float:
            log.append("looked")
            return math.inf

    async def caller() -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            log.append("cancelled")
            return trio.lowlevel.Abort.SUCCEEDED

        with trio.CancelScope(deadline=5):  # noqa: ASYNC125  # the mock clock begins at zero
            await trio.lowlevel.wait_task_rescheduled(abort)

    async def busy(begin: trio.Event) -> None:
        await begin.wait()
        mock_clock.jump(10)

    begin = trio.Event()
    late, early = Late(), Owner()
    async with watched() as deadlines, trio.open_nursery() as nursery:
        nursery.start_soon(caller)
        for _ in range(20):  # so that one of them runs before the watching task
            nursery.start_soon(busy, begin)
        deadlines.arm(late, 5)
        await wait_all_tasks_blocked()
        begin.set()
        deadlines.arm(early, 1)
        await wait_all_tasks_blocked()
    assert log == ["cancelled", "looked"]
