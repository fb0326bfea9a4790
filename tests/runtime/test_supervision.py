"""Supervision: crashed actors come back, and those that crash too often are given a rest."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
import trivet.runtime.supervision as supervision
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, handle, opened, put_away, recorder_of, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Address
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.declare.registry import definition_of
from trivet.lifecycle.actor import ActorEvent
from trivet.protocol.faults import Fault, http_status
from trivet.runtime.crash_record import BUDGET
from trivet.runtime.runtime import Runtime

LOG: list[str] = []
WAKES: list[str] = []
"""What ``on_wake`` does, one after the other; nothing when there is no more."""


@pytest.fixture(autouse=True)
def forget() -> None:
    LOG.clear()
    WAKES.clear()


class Frail(Actor[list[str]]):
    async def on_wake(self) -> None:
        LOG.append(f"wake {trio.current_time():g}")
        match WAKES.pop(0) if WAKES else "":
            case "break":
                raise ValueError("on_wake broke")
            case "refuse":
                raise errors.UserError("not today", code="closed")
            case "hang":
                await trio.sleep_forever()
            case _:
                pass

    async def fall(self) -> None:
        raise ValueError("a task broke")

    @action
    def crash(self) -> None:
        self.start_soon(self.fall)

    @action
    def note(self, word: str) -> list[str]:
        self.state.append(word)
        return self.state


class Polite(Frail, call_hooks=False):
    async def on_disconnect(self, conn: Conn[None]) -> None:
        LOG.append(f"{conn.close_cause} {trio.current_time():g}")


class Busy(Frail):
    async def run(self) -> None:
        await trio.sleep_forever()


async def crash(runtime: Runtime, actor: type[Frail] = Frail, *, times: int = 1) -> None:
    for _ in range(times):
        await handle(runtime, actor).call(Frail.crash)
        await wait_all_tasks_blocked()


async def refused(runtime: Runtime, actor: type[Frail] = Frail) -> float:
    with pytest.raises(errors.ActionError, match=r"actor\.unavailable") as caught:
        await handle(runtime, actor).call(Frail.note, "x")
    metadata: Any = caught.value.metadata
    assert set(metadata) == {"retry_after"}
    return float(metadata["retry_after"])


async def linked(runtime: Runtime, actor: type[Frail]) -> PlayedLink:
    link = PlayedLink(runtime)
    link.connect(actor, "a")
    await link.gets("init")
    return link


# Coming back


async def test_one_that_nobody_misses_stays_down(autojump_clock: MockClock) -> None:
    async with opened(Frail) as runtime:
        await crash(runtime)
        await trio.sleep(100)
        assert LOG == ["wake 0"]


async def test_one_with_run_comes_back_by_itself(autojump_clock: MockClock) -> None:
    async with opened(Busy) as runtime:
        await crash(runtime, Busy)
        await trio.sleep(1)
        assert LOG == ["wake 0", "wake 0.25"]
        await crash(runtime, Busy)
        await trio.sleep(10)
        assert LOG[2:] == ["wake 1.5"]


async def test_one_with_parked_links_comes_back_by_itself(autojump_clock: MockClock) -> None:
    async with opened(Frail) as runtime:
        link = await linked(runtime, Frail)
        await crash(runtime)
        await trio.sleep(1)
        assert LOG == ["wake 0", "wake 0.25"]
        link.call("note", "still here")
        await link.gets("reply", 1)


async def test_whoever_asks_meanwhile_starts_it_at_once(autojump_clock: MockClock) -> None:
    async with opened(Busy) as runtime:
        link = await linked(runtime, Busy)
        await crash(runtime, Busy)
        assert await handle(runtime, Busy).call(Frail.note, "x") == ["x"]
        assert trio.current_time() == 0
        await crash(runtime, Busy)
        link.call("note", "y")
        await link.gets("reply", 1)
        assert trio.current_time() == 0
        await trio.sleep(10)
        assert LOG == ["wake 0"] * 3


async def test_after_a_start_that_failed_links_wait(autojump_clock: MockClock) -> None:
    async with opened(Frail) as runtime:
        link = await linked(runtime, Frail)
        await put_away(runtime, Frail)
        WAKES.extend(["break", "break"])
        for number in range(10):
            link.call("note", str(number))
            await wait_all_tasks_blocked()
        assert LOG == ["wake 0"] * 2
        await link.gets("reply", 10)
        assert LOG[2:] == ["wake 0.25", "wake 0.75"]
        assert runtime.counters["start_failed"] == 2


async def test_a_runtime_that_ends_restarts_nobody(autojump_clock: MockClock) -> None:
    async with opened(Busy) as runtime:
        await crash(runtime, Busy)
    await trio.sleep(10)
    assert LOG == ["wake 0"]


async def test_a_store_that_cannot_be_read_is_asked_again(autojump_clock: MockClock) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Busy, storage=storage) as runtime:
        await crash(runtime, Busy)
        storage.broken = True
        await trio.sleep(10)
        storage.broken = False
        await trio.sleep(30)
        assert awake(runtime, Busy)
        assert runtime.snapshot().crashed[0].crashes == 1


# A rest


async def test_five_crashes_in_a_minute_make_it_unavailable(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Frail) as runtime:
        await crash(runtime, times=BUDGET)
        assert await refused(runtime) == 2
        assert runtime.counters["actor_unavailable"] == 1
        (told,) = [one for one in caplog.records if "unavailable" in one.message]
        assert told.__dict__["key"] == "a"
        other = await handle(runtime, Frail, "b").call(Frail.note, "x")
        assert other == ["x"]
        await trio.sleep(1.5)
        assert await refused(runtime) == 0.5
        await trio.sleep(0.5)
        await crash(runtime)  # it may be called again, and breaks at once
        assert await refused(runtime) == 4
        await trio.sleep(4 + 60)
        await crash(runtime, times=BUDGET - 1)  # a minute is long enough to be trusted
        assert await call(runtime, Frail.note, "x") == ["x"]


async def test_by_its_id_it_is_as_unavailable(autojump_clock: MockClock) -> None:
    async with opened(Frail) as runtime:
        by_id = runtime.client.get_by_id(Frail, await handle(runtime, Frail).resolve())
        await crash(runtime, times=BUDGET)
        with pytest.raises(errors.ActionError, match=r"actor\.unavailable"):
            await by_id.call(Frail.note, "x")
        with pytest.raises(errors.ActionError, match="duplicate_key"):
            await runtime.client.create(Frail, "a")


async def test_its_links_are_closed_and_their_hooks_run_when_it_is_back(
    autojump_clock: MockClock,
) -> None:
    async with opened(Polite) as runtime:
        links = [await linked(runtime, Polite) for _ in range(3)]
        await crash(runtime, Polite, times=BUDGET)
        assert [await link.closed() for link in links] == [(1011, "actor.unavailable")] * 3
        await wait_all_tasks_blocked()
        assert "crash" not in str(LOG)
        late = PlayedLink(runtime)
        late.connect(Polite, "a")
        assert await late.closed() == (1011, "actor.starting")
        assert late.frames == []  # an error would keep official clients from coming back
        assert trio.current_time() < 2
        await trio.sleep(3)
        assert LOG[-4:] == ["wake 2", "crash 2", "crash 2", "crash 2"]


async def test_links_of_a_class_without_the_hook_leave_nothing_behind(
    autojump_clock: MockClock,
) -> None:
    async with opened(Frail) as runtime:
        link = await linked(runtime, Frail)
        await crash(runtime, times=BUDGET)
        assert await link.closed() == (1011, "actor.unavailable")
        await wait_all_tasks_blocked()
        assert not runtime.directory.parked_links
        await trio.sleep(100)
        assert "wake 2" not in LOG


async def test_a_start_that_always_fails_is_tried_more_and_more_seldom(
    autojump_clock: MockClock,
) -> None:
    async with opened(Polite) as runtime:
        link = await linked(runtime, Polite)
        await put_away(runtime, Polite)
        WAKES.extend(["break"] * 10_000)
        link.call("note", "x")
        await trio.sleep(3600)
        assert await link.closed() == (1011, "actor.unavailable")
        assert len(LOG) < 25
        assert await refused(runtime, Polite) > 60
        WAKES.clear()
        await trio.sleep(600)
        assert LOG[-1].startswith("crash ")


async def test_a_runtime_may_end_while_an_actor_is_unavailable(autojump_clock: MockClock) -> None:
    async with opened(Polite) as runtime:
        await linked(runtime, Polite)
        await crash(runtime, Polite, times=BUDGET)
    assert trio.current_time() < 2


# What is a crash


@pytest.mark.parametrize("how", ["break", "hang"])
async def test_a_failing_start_of_an_existing_actor_is_one(
    how: str, autojump_clock: MockClock
) -> None:
    async with opened(Frail, limits=Limits(wake_time=2)) as runtime:
        await wake(runtime, Frail)
        await put_away(runtime, Frail)
        WAKES.extend([how] * BUDGET)
        for _ in range(BUDGET):
            with pytest.raises(errors.ActionError, match=r"internal_error|timed_out"):
                await call(runtime, Frail.note, "x")
        await refused(runtime)


async def test_a_refusal_on_purpose_is_none(autojump_clock: MockClock) -> None:
    async with opened(Frail) as runtime:
        link = await linked(runtime, Frail)
        await put_away(runtime, Frail)
        WAKES.extend(["refuse"] * 20)
        for _ in range(10):
            with pytest.raises(errors.UserError, match="not today"):
                await call(runtime, Frail.note, "x")
        link.call("note", "x")
        assert await link.closed() == (1011, "user.closed")
        assert runtime.snapshot().crashed == []


async def test_nobody_can_crash_what_does_not_exist(autojump_clock: MockClock) -> None:
    class Unmade(Frail):
        async def on_create(self, input: None) -> None:
            raise ValueError("on_create broke")

    async with opened(Unmade) as runtime:
        for _ in range(3 * BUDGET):
            with pytest.raises(errors.ActionError, match="internal_error"):
                await handle(runtime, Unmade).call(Frail.note, "x")
            with pytest.raises(errors.ActionError, match="not_found"):
                await runtime.client.get(Unmade, "a").call(Frail.note, "x")
        assert runtime.snapshot().crashed == []


async def test_a_full_disk_keeps_nobody_from_reading(autojump_clock: MockClock) -> None:
    class Reader(Frail):
        @action(readonly=True)
        def get(self) -> list[str]:
            return self.state

    storage = HeldStorage()
    storage.holding = False
    async with opened(Reader, storage=storage) as runtime:
        await handle(runtime, Reader).call(Frail.note, "x")
        storage.full = True
        for _ in range(3 * BUDGET):
            with pytest.raises(errors.ActionError, match="state_not_saved"):
                await handle(runtime, Reader).call(Frail.note, "y")
            assert await handle(runtime, Reader).call(Reader.get) == ["x"]
        storage.full = False


# What is remembered


async def test_the_snapshot_tells_who_crashed(autojump_clock: MockClock) -> None:
    async with opened(Frail) as runtime:
        await crash(runtime, times=BUDGET)
        await trio.sleep(0.5)
        (crashed,) = runtime.snapshot().crashed
        assert (crashed.name, crashed.key, crashed.crashes) == ("Frail", ["a"], BUDGET)
        assert (crashed.age, crashed.unavailable_for, crashed.restarts_in) == (0.5, 1.5, 1.5)
        await trio.sleep(10)
        (crashed,) = runtime.snapshot().crashed
        assert (crashed.unavailable_for, crashed.restarts_in) == (None, None)
        await trio.sleep(52)
        assert runtime.snapshot().crashed == []


async def test_it_is_forgotten_with_its_actor(autojump_clock: MockClock) -> None:
    async with opened(Frail) as runtime:
        await crash(runtime, times=BUDGET - 1)
        await runtime.destroy(definition_of(Frail), Address(key=("a",)))
        await crash(runtime)
        assert await call(runtime, Frail.note, "x") == ["x"]


async def test_so_many_are_remembered_and_no_more(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(supervision, "MOST_REMEMBERED", 3)
    async with opened(Frail) as runtime:
        for key in "abcde":
            await handle(runtime, Frail, key).call(Frail.crash)
            await wait_all_tasks_blocked()
        assert [crashed.key for crashed in runtime.snapshot().crashed] == [["c"], ["d"], ["e"]]


async def test_steps_fit_the_table(autojump_clock: MockClock) -> None:
    async with opened(Busy) as runtime:
        await crash(runtime, Busy)
        await trio.sleep(1)
        lives = recorder_of(runtime).instances["Busy/a"]
        assert [life[-1] for life in lives] == [ActorEvent.ENDED, ActorEvent.READY]


def test_over_http_it_is_service_unavailable() -> None:
    error = supervision.unavailable(1.00049)
    assert error.metadata == {"retry_after": 1.001}
    assert http_status(Fault(error.group, error.code, error.message)) == 503
