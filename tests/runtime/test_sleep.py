"""Sleep: what runs in which order within the grace, and who is served by whom."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, handle, opened, put_away, recorder_of, wake
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn

LOG: list[str] = []
OPEN: list[trio.Event] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    LOG.clear()
    OPEN.clear()


class Sleeper(Actor[list[str]], sleep_after=math.inf):
    said = Event[str]()

    def note(self, what: str) -> None:
        LOG.append(f"{what} {trio.current_time():g}")

    async def on_wake(self) -> None:
        self.note("wake")

    async def on_sleep(self) -> None:
        self.note("sleep")
        assert self.stopping
        self.state.append("slept")
        self.broadcast(Sleeper.said, "good night")
        await trio.sleep(2)
        self.note("slept")

    async def on_disconnect(self, conn: Conn[None]) -> None:
        self.note(f"{conn.kind} leaves")

    @action
    def words(self) -> list[str]:
        self.note("words")
        return self.state

    @action
    async def nap(self, seconds: float) -> str:
        await trio.sleep(seconds)
        self.note("nap over")
        return "napped"

    @action
    def rest(self) -> str:
        self.sleep()
        assert not self.stopping
        self.note("rest")
        return "resting"

    @action
    async def rest_and_nap(self) -> str:
        self.sleep()
        self.sleep()
        await trio.sleep(3)
        assert not self.stopping
        self.note("napped")
        return "resting"

    @action
    def later(self, seconds: float) -> None:
        self.wait_until(self.work, seconds)

    async def work(self, seconds: float) -> None:
        await trio.sleep(seconds)
        async with self.turn():
            self.state.append("worked")
        self.note("worked")

    @action
    def deeper(self) -> None:
        self.wait_until(self.dig, 3)

    async def dig(self, depth: int) -> None:
        await trio.sleep(1)
        self.note(f"dug {depth}")
        if depth:
            self.wait_until(self.dig, depth - 1)

    @action
    def fail_later(self) -> None:
        self.wait_until(self.fail)

    async def fail(self) -> None:
        await trio.sleep(1)
        raise ValueError("nothing came of it")

    @action
    def hold(self, seconds: float) -> None:
        self.start_soon(self.stay_awake, seconds)

    async def stay_awake(self, seconds: float) -> None:
        async with self.keep_awake():
            await trio.sleep(seconds)


async def test_it_sleeps_after_the_turn_that_says_so(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        assert await call(runtime, Sleeper.rest) == "resting"
        assert await call(runtime, Sleeper.words) == ["slept"]
    assert LOG[:6] == ["wake 0", "rest 0", "call leaves 0", "sleep 0", "slept 2", "wake 2"]


async def test_twice_is_once(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        assert await call(runtime, Sleeper.rest_and_nap) == "resting"
        await trio.sleep(100)
        assert awake(runtime, Sleeper) is None
        assert LOG == ["wake 0", "napped 3", "call leaves 3", "sleep 3", "slept 5"]


async def test_calls_that_wait_are_served_by_the_next(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Sleeper.rest_and_nap)
        await wait_all_tasks_blocked()
        assert await call(runtime, Sleeper.words) == ["slept"]
        assert trio.current_time() == 5
        assert LOG.index("wake 5") < LOG.index("words 5")


async def test_calls_in_the_grace_are_served_by_the_next(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        link = PlayedLink(runtime)
        link.connect(Sleeper, "a")
        link.subscribe("said")
        await link.gets("init")
        await link.gets("reply", link.call("rest"))
        await link.gets("event", "said", "good night")
        await trio.sleep(1)
        await link.gets("reply", link.call("words"), ["slept"])
        assert trio.current_time() == 2
        assert LOG == ["wake 0", "rest 0", "sleep 0", "slept 2", "wake 2", "words 2"]


async def test_work_that_is_waited_for_ends_first(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        await call(runtime, Sleeper.later, 7.0)
        await put_away(runtime, Sleeper)
        assert LOG[2:] == ["sleep 0", "slept 2", "worked 7"]
        assert await call(runtime, Sleeper.words) == ["slept", "worked"]


async def test_so_does_what_it_starts(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        await call(runtime, Sleeper.deeper)
        await put_away(runtime, Sleeper)
        assert LOG[-4:] == ["dug 3 1", "slept 2", "dug 2 2", "dug 1 3"] or LOG[-1] == "dug 0 4"
        assert LOG[-1] == "dug 0 4"


async def test_its_error_changes_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Sleeper) as runtime:
        await call(runtime, Sleeper.fail_later)
        await put_away(runtime, Sleeper)
        assert "nothing came of it" in caplog.text
        assert await call(runtime, Sleeper.words) == ["slept"]
        assert "crashed" not in caplog.text


async def test_at_the_end_of_the_grace_it_is_cut(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Sleeper) as runtime:
        await call(runtime, Sleeper.later, 100.0)
        await put_away(runtime, Sleeper)
        assert trio.current_time() == 15
        assert "cut at the end of the grace: work" in caplog.text
        assert await call(runtime, Sleeper.words) == ["slept"]


async def test_a_running_turn_ends_before_on_sleep(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Sleeper.nap, 4.0)
        await wait_all_tasks_blocked()
        await put_away(runtime, Sleeper)
        assert LOG == ["wake 0", "nap over 4", "call leaves 4", "sleep 4", "slept 6"]


class Throwing(Sleeper):
    async def on_sleep(self) -> None:
        self.state.append("before")
        raise ValueError("bad dream")


class Endless(Sleeper):
    async def on_sleep(self) -> None:
        self.state.append("before")
        await trio.sleep_forever()


async def test_an_error_of_on_sleep_keeps_nothing_from_going_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened(Throwing) as runtime:
        await wake(runtime, Throwing)
        await put_away(runtime, Throwing)
        assert "bad dream" in caplog.text
        assert recorder_of(runtime).counts["hook_failed"] == 1
        assert await handle(runtime, Throwing).call(Sleeper.words) == ["before"]


async def test_on_sleep_has_the_whole_grace(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Endless) as runtime:
        await wake(runtime, Endless)
        await put_away(runtime, Endless)
        assert trio.current_time() == 15
        assert "cut at the end of the grace: on_sleep" in caplog.text
        assert await handle(runtime, Endless).call(Sleeper.words) == ["before"]


async def test_who_is_kept_awake_sleeps_later(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        await call(runtime, Sleeper.hold, 9.0)
        await wait_all_tasks_blocked()
        await call(runtime, Sleeper.rest)
        assert await call(runtime, Sleeper.words) == []
        await trio.sleep(100)
        assert awake(runtime, Sleeper) is None
        assert LOG[-2:] == ["sleep 9", "slept 11"]


class Early(Sleeper):
    async def on_wake(self) -> None:
        self.sleep()


async def test_it_cannot_sleep_while_it_starts() -> None:
    async with opened(Early) as runtime:
        with pytest.raises(errors.ActionError) as caught:
            await wake(runtime, Early)
        assert (caught.value.group, caught.value.code) == ("actor", "starting")


class Brief(Sleeper):
    async def run(self) -> None:
        self.sleep()


class Guarded(Brief):
    async def on_before_connect(self, params: None) -> None:
        await trio.sleep(1)


@pytest.mark.parametrize("actor", [Brief, Guarded])
async def test_an_actor_that_sleeps_at_once_still_answers(
    actor: type[Actor[Any]], autojump_clock: MockClock
) -> None:
    with trio.fail_after(60):
        async with opened(actor) as runtime:
            for _ in range(3):
                assert await handle(runtime, actor).call(Sleeper.nap, 1.0) == "napped"
            link = PlayedLink(runtime)
            link.connect(actor, "a")
            await link.gets("init")
            for _ in range(3):
                await link.gets("reply", link.call("nap", 1.0), "napped")


async def test_a_client_that_leaves_meanwhile_has_its_hook(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        link = PlayedLink(runtime)
        link.connect(Sleeper, "a")
        await link.gets("init")
        await put_away(runtime, Sleeper)
        link.vanish("network")
        await trio.sleep(1)
        assert LOG == ["wake 0", "sleep 0", "slept 2", "wake 2", "connection leaves 2"]
