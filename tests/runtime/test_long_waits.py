"""A turn that waits ten seconds for another actor is logged, once, with who waits for whom."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.runtimes import call, opened, wake
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.runtime.runtime import Runtime

LOGGER = "trivet.runtime.long_waits"
ENDLESS = Limits(mailbox_wait=math.inf)

Seen = Callable[[], list[str]]


class Last(Actor, name="last", limits=ENDLESS):
    @action
    async def work(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @action(concurrent=True)
    async def watch(self, seconds: float) -> None:
        await trio.sleep(seconds)


class Middle(Actor, name="middle", limits=ENDLESS):
    @action
    async def ask(self, seconds: float) -> None:
        await self.client.get_or_create(Last, "a").call(Last.work, seconds)


class First(Actor, name="first", limits=ENDLESS):
    @action
    async def ask(self, seconds: float) -> None:
        await self.client.get_or_create(Middle, "a").call(Middle.ask, seconds)

    @action
    async def ask_often(self, times: int, seconds: float) -> None:
        for _ in range(times):
            await self.ask_last(seconds)

    async def ask_last(self, seconds: float) -> None:
        await self.client.get_or_create(Last, "a").call(Last.work, seconds)

    @action
    async def watch(self, seconds: float) -> None:
        await self.client.get_or_create(Last, "a").call(Last.watch, seconds)

    @action
    async def ask_two(self, seconds: float) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.ask_last, seconds)
            await trio.sleep(5)
            await self.client.get_or_create(Last, "b").call(Last.work, seconds)

    @action(concurrent=True)
    async def ask_beside(self, seconds: float) -> None:
        await self.ask_last(seconds)


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture) -> Seen:
    return lambda: [record.message for record in caplog.records if record.name == LOGGER]


async def awake_all(runtime: Runtime) -> None:
    for actor in (First, Middle, Last):
        await wake(runtime, actor)


async def test_every_long_wait_is_told_once_with_its_path(
    seen: Seen, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async with opened(First, Middle, Last) as runtime, trio.open_nursery() as nursery:
        await awake_all(runtime)
        nursery.start_soon(call, runtime, First.ask, 40)
        await trio.sleep(9)
        assert seen() == []
        await trio.sleep(2)
        assert seen() == [
            "first/a: ask has waited 10 s for an answer: first/a → middle/a → last/a",
            "middle/a: ask has waited 10 s for an answer: middle/a → last/a",
        ]
        assert [vars(record).get("actor") for record in caplog.records] == ["first", "middle"]
        await trio.sleep(60)
        assert len(seen()) == 2


async def test_two_waits_of_a_turn_are_told_once_each(
    seen: Seen, autojump_clock: MockClock
) -> None:
    async with opened(First, Last) as runtime:
        await call(runtime, First.ask_two, 30)
        said = "first/a: ask_two has waited 10 s for an answer: first/a → last/"
        assert seen() == [f"{said}a", f"{said}b"]


async def test_many_short_waits_are_no_long_one(seen: Seen, autojump_clock: MockClock) -> None:
    async with opened(First, Last) as runtime:
        await call(runtime, First.ask_often, 6, 9)
        assert seen() == []
        await call(runtime, First.ask_often, 2, 11)
        assert len(seen()) == 2


async def test_a_wait_that_begins_while_another_is_watched_is_told_in_time(
    seen: Seen, autojump_clock: MockClock
) -> None:
    async with opened(First, Last) as runtime, trio.open_nursery() as nursery:
        await call(runtime, First.ask_often, 1, 4)
        nursery.start_soon(call, runtime, First.ask_often, 1, 50)
        await trio.sleep(9.5)
        assert seen() == []
        await trio.sleep(1)
        assert len(seen()) == 1


@pytest.mark.parametrize("how", [First.watch, First.ask_beside])
async def test_what_closes_no_circle_is_told_too(
    how: Action[First, [float], None], seen: Seen, autojump_clock: MockClock
) -> None:
    async with opened(First, Last) as runtime:
        await call(runtime, how, 30)
        (told,) = seen()
        assert told.endswith("has waited 10 s for an answer: first/a → last/a")


async def test_the_snapshot_lists_concurrent_actions(autojump_clock: MockClock) -> None:
    async with opened(First, Last) as runtime, trio.open_nursery() as nursery:
        await awake_both(runtime)
        nursery.start_soon(call, runtime, First.ask_beside, 30)
        await wait_all_tasks_blocked()
        nursery.start_soon(call, runtime, First.watch, 30)
        await trio.sleep(3)
        first, last = sorted(runtime.snapshot().actors, key=lambda actor: actor.name)
        (beside,) = first.beside
        assert (beside.label, beside.age, beside.waits_for) == ("ask_beside", 3, ["last/a"])
        assert beside.waits_age == 3
        assert first.turn is not None
        assert (first.turn.label, first.turn.waits_for) == ("watch", ["last/a"])
        assert [turn.label for turn in last.beside] == ["watch"]
        assert last.turn is not None
        assert last.turn.label == "work"
        await trio.sleep(30)
        assert [actor.beside for actor in runtime.snapshot().actors] == [[], []]


async def awake_both(runtime: Runtime) -> None:
    for actor in (First, Last):
        await wake(runtime, actor)
