"""Scheduled calls: they come at their time, once, whatever sleeps, fails or jumps."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import awake, call, handle, opened, put_away, recorder_of, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.declare.schedule import Cron
from trivet.storage.memory import MemoryStorage

LOG: list[str] = []
BEGAN = datetime(2026, 3, 28, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def forget() -> None:
    LOG.clear()


class Jumpy:
    """A clock on the wall that goes as Trio's, and jumps when the test says."""

    def __init__(self, began: datetime = BEGAN) -> None:
        self.offset = began.timestamp()

    def __call__(self) -> float:
        return self.offset + trio.current_time()


class Planner(Actor[list[str]], sleep_after=10.0):
    async def on_wake(self) -> None:
        LOG.append(f"wake {trio.current_time():g}")

    @action
    def ring(self, word: str, *, loud: bool = False) -> None:
        with pytest.raises(errors.NoConnectionError):
            assert self.conn
        self.state.append(word)
        LOG.append(f"{word.upper() if loud else word} {trio.current_time():g}")

    @action
    async def ring_slowly(self, seconds: float) -> None:
        LOG.append(f"begins {trio.current_time():g}")
        await trio.sleep(seconds)
        LOG.append(f"ends {trio.current_time():g}")

    @action(concurrent=True)
    async def ring_beside(self, seconds: float) -> None:
        LOG.append(f"begins {trio.current_time():g}")
        await trio.sleep(seconds)
        LOG.append(f"ends {trio.current_time():g}")

    @action
    def fail(self) -> None:
        LOG.append(f"fail {trio.current_time():g}")
        self.state.append("failed")
        raise errors.UserError("too late", code="too_late")

    @action(atomic=True)
    def fail_atomically(self) -> None:
        LOG.append(f"fail {trio.current_time():g}")
        raise errors.UserError("too late", code="too_late")

    @action
    def words(self) -> list[str]:
        return self.state

    @action
    def after(self, seconds: float, word: str) -> str:
        return self.schedule.after(seconds, Planner.ring, word)

    @action
    def again(self, seconds: float, word: str) -> str:
        return self.schedule.every(seconds, Planner.ring, word, loud=True)

    @action(atomic=True)
    def change_their_mind(self) -> None:
        self.schedule.after(5, Planner.ring, "never")
        for planned in self.schedule.list():
            self.schedule.cancel(planned.id)
        raise errors.UserError("no")


async def plan(
    runtime: Any, verb: str, *args: Any, name: str | None = None, keeps: int | None = None
) -> str:
    """Put a call down from outside, as a task of the actor would."""
    instance = await wake(runtime, Planner)
    schedule = instance.actor.schedule
    if name is not None:
        schedule = schedule.named(name, keeps=keeps)
    call_id: str = getattr(schedule, verb)(*args)
    return call_id


async def test_after_so_many_seconds(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        await call(runtime, Planner.after, 3.5, "ding")
        await trio.sleep(100)
        assert LOG == ["wake 0", "ding 3.5"]
        assert await call(runtime, Planner.words) == ["ding"]


async def test_at_a_point_in_time(autojump_clock: MockClock) -> None:
    async with opened(Planner, wall_clock=Jumpy()) as runtime:
        await plan(runtime, "at", BEGAN + timedelta(seconds=7), Planner.ring, "ding")
        await trio.sleep(100)
        assert LOG == ["wake 0", "ding 7"]


async def test_in_the_order_of_their_times(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        for seconds, word in [(3, "c"), (1, "a"), (2, "b"), (3, "d")]:
            await call(runtime, Planner.after, float(seconds), word)
        await trio.sleep(5)
        assert LOG == ["wake 0", "a 1", "b 2", "c 3", "d 3"]


async def test_it_wakes_its_actor(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        await call(runtime, Planner.after, 60.0, "ding")
        await trio.sleep(50)
        assert awake(runtime, Planner) is None
        await trio.sleep(50)
        assert LOG == ["wake 0", "wake 60", "ding 60"]


async def test_again_and_again_without_drift(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        await call(runtime, Planner.again, 20.0, "ding")
        await trio.sleep(65)
        assert [line for line in LOG if "DING" in line] == ["DING 20", "DING 40", "DING 60"]


async def test_by_an_expression(autojump_clock: MockClock) -> None:
    """Berlin's clocks go from two to three o'clock on March 29: half past two is three."""
    wall = Jumpy(datetime(2026, 3, 29, 0, 55, tzinfo=UTC))
    async with opened(Planner, wall_clock=wall) as runtime:
        await plan(runtime, "cron", Cron("30 2 * * *", "Europe/Berlin"), Planner.ring, "ding")
        await plan(runtime, "cron", "2 1 * * *", Planner.ring, "dong")
        (ding, dong) = (await wake(runtime, Planner)).schedule.list()
        assert ding.due == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
        assert dong.due == datetime(2026, 3, 29, 1, 2, tzinfo=UTC)
        await trio.sleep(600)
        assert [line for line in LOG if "wake" not in line] == ["ding 300", "dong 420"]


async def test_what_was_missed_comes_once(autojump_clock: MockClock) -> None:
    storage, wall = MemoryStorage(), Jumpy()
    async with opened(Planner, storage=storage, wall_clock=wall) as runtime:
        await plan(runtime, "every", 60, Planner.ring, "ding")
        await plan(runtime, "after", 60, Planner.ring, "once")
    wall.offset += 3600
    LOG.clear()
    async with opened(Planner, storage=storage, wall_clock=wall) as runtime:
        await trio.sleep(30)
        assert LOG == ["wake 0", "ding 0", "once 0"]
        await trio.sleep(40)
        assert LOG[3:] == ["wake 60", "ding 60"]


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
async def test_the_clock_on_the_wall_jumps(jump: float, autojump_clock: MockClock) -> None:
    wall = Jumpy()
    async with opened(Planner, wall_clock=wall) as runtime:
        await plan(runtime, "after", 3600, Planner.ring, "ding")
        await trio.sleep(100.5)
        wall.offset += jump
        await trio.sleep(2)
        if jump > 0:
            assert LOG == ["wake 0", "wake 101", "ding 101"]
        else:
            await trio.sleep(3600)
            assert LOG == ["wake 0"]
            wall.offset -= jump
            await trio.sleep(2)
            word, when = LOG[2].split()
            assert word == "ding"
            assert 3702 <= float(when) <= 3703


async def test_an_error_is_logged_and_it_does_not_come_again(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Planner) as runtime:
        await plan(runtime, "after", 1, Planner.fail)
        await plan(runtime, "after", 2, Planner.fail_atomically)
        await trio.sleep(100)
        assert LOG == ["wake 0", "fail 1", "fail 2"]
        assert "user.too_late" in caplog.text
        assert recorder_of(runtime).counts["schedule_failed"] == 2
        assert await call(runtime, Planner.words) == ["failed"]


async def test_a_call_can_be_cancelled(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        call_id = await plan(runtime, "after", 5, Planner.ring, "ding")
        schedule = (await wake(runtime, Planner)).actor.schedule
        assert schedule.get(call_id).action == "ring"
        assert schedule.cancel(call_id)
        assert not schedule.cancel(call_id)
        assert schedule.get(call_id) is None
        await trio.sleep(100)
        assert LOG == ["wake 0"]


async def test_also_one_that_waits_for_its_turn(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime, trio.open_nursery() as nursery:
        call_id = await plan(runtime, "after", 5, Planner.ring, "ding")
        nursery.start_soon(call, runtime, Planner.ring_slowly, 8.0)
        await trio.sleep(6)
        assert (await wake(runtime, Planner)).actor.schedule.cancel(call_id)
        await trio.sleep(20)
        assert LOG == ["wake 0", "begins 0", "ends 8"]


async def test_an_atomic_turn_takes_it_back(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        await call(runtime, Planner.after, 3.0, "ding")
        with pytest.raises(errors.UserError):
            await call(runtime, Planner.change_their_mind)
        await trio.sleep(100)
        assert LOG == ["wake 0", "ding 3"]


async def test_a_name_is_there_once(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        assert await plan(runtime, "every", 20, Planner.ring, "ding", name="daily") == "daily"
        await trio.sleep(15)
        await plan(runtime, "every", 20, Planner.ring, "dong", name="daily")
        assert len((await wake(runtime, Planner)).schedule) == 1
        await trio.sleep(10)
        assert LOG[-1] == "dong 20", "what is timed alike keeps its time"
        await plan(runtime, "every", 30, Planner.ring, "dang", name="daily")
        await trio.sleep(20)
        assert LOG[-1] == "dong 20"
        await trio.sleep(15)
        assert LOG[-1] == "dang 55"


async def test_the_next_waits_until_the_last_is_answered(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        await plan(runtime, "every", 10, Planner.ring_slowly, 25.0, name="slow")
        await trio.sleep(60)
        assert LOG == ["wake 0", "begins 10", "ends 35", "begins 40"]


@pytest.mark.parametrize("name", ["ring_slowly", "ring_beside"])
async def test_history(name: str, autojump_clock: MockClock) -> None:
    async with opened(Planner, wall_clock=Jumpy()) as runtime:
        await plan(runtime, "every", 10, getattr(Planner, name), 15.0, name="slow", keeps=3)
        await trio.sleep(99)
        schedule = (await wake(runtime, Planner)).actor.schedule
        runs = [
            (run.outcome, (run.due - BEGAN).total_seconds(), (run.ended - BEGAN).total_seconds())
            for run in await schedule.history("slow")
        ]
        assert runs == [("skipped", 80, 80), ("ok", 70, 85), ("skipped", 60, 60)]


async def test_errors_are_in_the_history(autojump_clock: MockClock) -> None:
    async with opened(Planner) as runtime:
        await plan(runtime, "every", 10, Planner.fail, name="bad")
        await trio.sleep(25)
        history = await (await wake(runtime, Planner)).actor.schedule.history("bad")
        assert [(run.outcome, run.error) for run in history] == [("error", "user.too_late")] * 2
        assert (await wake(runtime, Planner)).actor.schedule.cancel("bad")
        assert await (await wake(runtime, Planner)).actor.schedule.history("bad") == []


async def test_there_are_not_too_many(autojump_clock: MockClock) -> None:
    async with opened(Planner, limits=Limits(schedules=2)) as runtime:
        for _ in range(2):
            await call(runtime, Planner.after, 5.0, "ding")
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Planner.after, 5.0, "ding")
        assert (caught.value.group, caught.value.code) == ("schedule", "max_schedules_exceeded")
        assert caught.value.metadata == {"limit": 2}


@pytest.mark.parametrize(
    ("verb", "when"),
    [
        ("after", -1.0),
        ("after", math.nan),
        ("after", math.inf),
        ("every", 4.0),
        ("every", math.inf),
        ("at", datetime(2026, 1, 1)),
        ("cron", "* * * *"),
        ("cron", "60 * * * *"),
        ("cron", "0 0 30 2 *"),
    ],
)
async def test_a_time_that_is_none(verb: str, when: Any) -> None:
    async with opened(Planner) as runtime:
        with pytest.raises(ValueError, match=r"."):
            await plan(runtime, verb, when, Planner.ring, "ding")
        assert len((await wake(runtime, Planner)).schedule) == 0


@pytest.mark.parametrize("zone", ["Mars", "", "../etc/passwd", "/etc/passwd", "Europe"])
def test_a_zone_that_is_none(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Cron("* * * * *", zone)


async def test_an_action_that_is_gone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = MemoryStorage()
    async with opened(Planner, storage=storage) as runtime:
        await plan(runtime, "after", 60, Planner.ring, "ding")
        await plan(runtime, "after", 60, Planner.ring_slowly, 1.0)

    class Later(Actor[list[str]], name="Planner"):
        @action
        def ring_slowly(self, seconds: str) -> None:
            LOG.append("never")

    async with opened(Later, storage=storage) as runtime:
        await trio.sleep(100)
        assert recorder_of(runtime).counts["schedule_dropped"] == 2
        assert "its action is gone" in caplog.text
        assert "do not fit" in caplog.text
    assert await storage.alarms(10) == []


async def test_what_is_due_in_the_grace_comes_with_the_next_instance(
    autojump_clock: MockClock,
) -> None:
    class Slow(Planner):
        async def on_sleep(self) -> None:
            await trio.sleep(5)
            self.schedule.after(1, Planner.ring, "from sleep")
            await trio.sleep(5)

    async with opened(Slow) as runtime:
        await handle(runtime, Slow).call(Planner.after, 3.0, "ding")
        await put_away(runtime, Slow)
        assert LOG == ["wake 0"]
        await trio.sleep(1)
        assert LOG == ["wake 0", "wake 10", "ding 10", "from sleep 10"]


async def test_that_it_came_is_stored_with_what_it_did(autojump_clock: MockClock) -> None:
    """The save of its turn fails: it comes again, as if it had never come."""
    storage = HeldStorage()
    storage.holding = False
    async with opened(Planner, storage=storage) as runtime:
        await call(runtime, Planner.after, 1.0, "ding")
        storage.holding = True
        await trio.sleep(2)
        assert LOG == ["wake 0", "ding 1"]
        storage.holding = False
        storage.saves[-1].fail()
        await wait_all_tasks_blocked()
        await trio.sleep(1)
        assert LOG == ["wake 0", "ding 1", "wake 2", "ding 2"]
        assert await call(runtime, Planner.words) == ["ding"]
        await trio.sleep(100)
        assert len(LOG) == 4


async def test_a_thousand_actors_after_an_outage(autojump_clock: MockClock) -> None:
    storage, wall = MemoryStorage(), Jumpy()
    async with opened(Planner, storage=storage, wall_clock=wall) as runtime:
        for number in range(1000):
            await handle(runtime, Planner, str(number)).call(Planner.after, 60.0, str(number))
    wall.offset += 3600
    LOG.clear()
    async with opened(Planner, storage=storage, wall_clock=wall) as runtime:
        await trio.sleep(1)
        rung = [line for line in LOG if "wake" not in line]
        assert sorted(rung) == sorted(f"{number} 0" for number in range(1000))
    assert await storage.alarms(10) == []


async def test_a_destroyed_actor_has_no_alarm(autojump_clock: MockClock) -> None:
    class Ending(Planner):
        @action
        def end(self) -> None:
            self.destroy()

    async with opened(Ending) as runtime:
        await handle(runtime, Ending).call(Planner.after, 5.0, "ding")
        await handle(runtime, Ending).call(Ending.end)
        await trio.sleep(100)
        assert LOG == ["wake 0"]
