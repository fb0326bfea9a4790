"""How an instance ends: put away, crashed, or with its runtime."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, handle, opened, put_away, recorder_of, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.lifecycle.actor import ActorEvent
from trivet.ports.errors import NotStored

LOG: list[str] = []


class Worker(Actor[list[str]], call_hooks=False):
    async def on_disconnect(self, conn: Conn) -> None:
        LOG.append(f"on_disconnect {conn.close_cause}")
        await trio.sleep(1)
        self.state.append("somebody left")

    @action(timeout=math.inf)
    async def work(self, seconds: float) -> str:
        try:
            await trio.sleep(seconds)
        finally:
            LOG.append("worked")
        self.state.append("worked")
        return "worked"

    @action
    async def work_on(self, seconds: float) -> str:
        """Work for so long whether it is cut or not."""
        with trio.CancelScope(shield=True):
            await trio.sleep(seconds)
        return "worked on"

    @action
    def note(self, text: str) -> list[str]:
        self.state.append(text)
        return self.state

    @action
    def break_down(self) -> None:
        self.start_soon(self.fail)

    async def fail(self) -> None:
        raise ValueError("something broke")

    @action
    def is_stopping(self) -> bool:
        return self.stopping


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOG.clear()


async def test_state_survives_being_put_away() -> None:
    async with opened(Worker) as runtime:
        await call(runtime, Worker.note, "one")
        first = awake(runtime, Worker)
        await put_away(runtime, Worker)
        assert awake(runtime, Worker) is None
        assert await call(runtime, Worker.note, "two") == ["one", "two"]
        assert awake(runtime, Worker) is not first
        assert recorder_of(runtime).instances["Worker/a"][0] == [
            ActorEvent.START,
            ActorEvent.READY,
            ActorEvent.SLEEP,
            ActorEvent.ENDED,
        ]


async def test_putting_away_what_is_not_awake_does_nothing() -> None:
    async with opened(Worker) as runtime:
        await put_away(runtime, Worker)
        await wake(runtime, Worker)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(put_away, runtime, Worker)
        assert awake(runtime, Worker) is None


async def test_the_running_turn_is_waited_for(autojump_clock: MockClock) -> None:
    async with opened(Worker) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Worker.work, 10.0)
        await wait_all_tasks_blocked()
        await put_away(runtime, Worker)
        assert trio.current_time() == 10
        assert await call(runtime, Worker.note, "next") == ["worked", "next"]


async def test_calls_that_have_not_begun_are_served_by_the_next_instance(
    autojump_clock: MockClock,
) -> None:
    async with opened(Worker) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Worker.work, 1.0)
        await wait_all_tasks_blocked()
        first = awake(runtime, Worker)
        for text in "abc":
            nursery.start_soon(call, runtime, Worker.note, text)
            await wait_all_tasks_blocked()
        await put_away(runtime, Worker)
        await wait_all_tasks_blocked()
        assert await call(runtime, Worker.is_stopping) is False
        assert awake(runtime, Worker) is not first
        notes = await call(runtime, Worker.note, "d")
        assert (notes[0], sorted(notes[1:])) == ("worked", ["a", "b", "c", "d"])


async def test_at_the_end_of_the_grace_the_turn_is_cut(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Worker) as runtime, trio.open_nursery() as nursery:

        async def work() -> None:
            with pytest.raises(errors.ActionError, match=r"actor\.restarting"):
                await call(runtime, Worker.work, 50.0)

        nursery.start_soon(work)
        await wait_all_tasks_blocked()
        await put_away(runtime, Worker)
        assert trio.current_time() == 15
        assert "was cut" in caplog.text
        assert LOG == ["worked"]


async def test_a_turn_that_does_not_let_itself_be_cut_does_not_hold_up_the_end(
    autojump_clock: MockClock,
) -> None:
    async with opened(Worker) as runtime, trio.open_nursery() as nursery:

        async def work() -> None:
            assert await call(runtime, Worker.work_on, 18.0) == "worked on"

        nursery.start_soon(work)
        await wait_all_tasks_blocked()
        await put_away(runtime, Worker)
        assert trio.current_time() == 18


async def test_a_client_whose_call_outlasts_its_instance_is_told(
    autojump_clock: MockClock,
) -> None:
    async with opened(Worker) as runtime:
        link = PlayedLink(runtime)
        link.connect(Worker, "a")
        await link.gets("init")
        number = link.call("work_on", 30.0)
        await put_away(runtime, Worker)
        assert trio.current_time() == 30
        assert link.frames[1:] == [("failure", number, "actor.restarting")]
        again = link.call("note", "still here")
        assert await link.gets("reply", again)


async def test_a_class_may_have_a_grace_of_its_own(autojump_clock: MockClock) -> None:
    class Brief(Worker, grace=2):
        pass

    async with opened(Brief) as runtime, trio.open_nursery() as nursery:

        async def work() -> None:
            with pytest.raises(errors.ActionError, match=r"actor\.restarting"):
                await runtime.client.get_or_create(Brief, "a").call(Worker.work, 50.0)

        nursery.start_soon(work)
        await wait_all_tasks_blocked()
        await put_away(runtime, Brief)
        assert trio.current_time() == 2


async def test_leaving_the_runtime_waits_for_a_grace_however_long(
    autojump_clock: MockClock,
) -> None:
    class Slow(Worker, grace=100):
        pass

    async with trio.open_nursery() as nursery:

        async def work(runtime: Any) -> None:
            assert await runtime.client.get_or_create(Slow, "a").call(Worker.work, 90.0) == "worked"

        async with opened(Slow, Worker) as runtime:
            nursery.start_soon(work, runtime)
            await wait_all_tasks_blocked()
    assert trio.current_time() == pytest.approx(90)


async def test_a_crash_ends_one_instance_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Worker) as runtime:
        other = await wake(runtime, Worker, "b")
        await call(runtime, Worker.note, "one")
        await call(runtime, Worker.break_down)
        await wait_all_tasks_blocked()
        assert awake(runtime, Worker) is None
        assert awake(runtime, Worker, "b") is other
        assert "something broke" in caplog.text
        assert (await call(runtime, Worker.note, "two"))[-1] == "two"
        assert recorder_of(runtime).instances["Worker/a"][0][2:] == [
            ActorEvent.CRASH,
            ActorEvent.ENDED,
        ]


async def test_a_crash_cuts_the_running_turn_at_once(autojump_clock: MockClock) -> None:
    async with opened(Worker) as runtime, trio.open_nursery() as nursery:
        instance = await wake(runtime, Worker)

        async def work() -> None:
            with pytest.raises(errors.ActionError, match=r"actor\.restarting"):
                await call(runtime, Worker.work, 50.0)

        nursery.start_soon(work)
        await wait_all_tasks_blocked()
        instance.actor.start_soon(instance.actor.fail)
        await wait_all_tasks_blocked()
        assert LOG == ["worked"]
        assert trio.current_time() == 0
        assert await call(runtime, Worker.note, "next") == ["next"]


async def test_a_crash_leaves_out_no_hook(autojump_clock: MockClock) -> None:
    async with opened(Worker) as runtime:
        instance = await wake(runtime, Worker)
        links = [PlayedLink(runtime) for _ in range(8)]
        for link in links:
            link.connect(Worker, "a")
            await link.gets("init")
        for link in links:
            link.vanish()
        instance.actor.start_soon(instance.actor.fail)
        await trio.sleep(10)
        assert LOG == ["on_disconnect network"] * 8


async def test_after_a_failed_save_the_actor_starts_from_what_is_stored() -> None:
    storage = HeldStorage()
    async with opened(Worker, storage=storage) as runtime, trio.open_nursery() as nursery:
        storage.holding = False
        await call(runtime, Worker.note, "stored")
        storage.holding = True

        async def note(text: str) -> None:
            with pytest.raises(errors.ActionError, match=r"actor\.state_not_saved"):
                await call(runtime, Worker.note, text)

        for text in ("lost", "lost, too"):
            nursery.start_soon(note, text)
            await wait_all_tasks_blocked()
        storage.saves[-1].fail()
        await wait_all_tasks_blocked()
        storage.holding = False
        assert await call(runtime, Worker.note, "new") == ["stored", "new"]


async def test_the_last_save_comes_after_the_last_hook(autojump_clock: MockClock) -> None:
    async with opened(Worker) as runtime:
        link = PlayedLink(runtime)
        link.connect(Worker, "a")
        await link.gets("init")
        link.vanish()
        await put_away(runtime, Worker)
        assert await call(runtime, Worker.note, "x") == ["somebody left", "x"]


async def test_a_store_that_hangs_does_not_hold_up_the_end(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = HeldStorage()

    async def run() -> None:
        async with opened(Worker, storage=storage) as runtime, trio.open_nursery() as nursery:

            async def note() -> None:
                with trio.move_on_after(1):
                    await call(runtime, Worker.note, "lost")

            storage.holding = False
            link = PlayedLink(runtime)
            link.connect(Worker, "b")
            await link.gets("init")
            storage.holding = True
            nursery.start_soon(note)
            await trio.sleep(2)
            await put_away(runtime, Worker)
            assert trio.current_time() == 17
            assert "did not take its last save" in caplog.text

    with pytest.raises(NotStored, match="the last saves of 1 actors"):
        await run()


async def test_leaving_the_runtime_stops_what_starts_meanwhile(autojump_clock: MockClock) -> None:
    class Starter(Actor, call_hooks=False):
        async def on_disconnect(self, conn: Conn) -> None:
            await self.client.get_or_create(Worker, "late").call(Worker.note, "hello")

    async with opened(Starter, Worker) as runtime:
        link = PlayedLink(runtime)
        link.connect(Starter, "a")
        await link.gets("init")
    record = await runtime.storage.find("Worker", ("late",))
    assert record is not None
    assert record.state is not None
    assert recorder_of(runtime).instances["Worker/late"][-1][-1] is ActorEvent.ENDED


async def test_a_client_that_knocks_while_the_runtime_ends_is_sent_away(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        async with opened(Worker) as runtime:
            nursery.start_soon(call, runtime, Worker.work, 5.0)
            await wait_all_tasks_blocked()

            async def knock() -> None:
                await trio.sleep(1)
                late = PlayedLink(runtime)
                late.connect(Worker, "a")
                assert await late.closed() == (1011, "actor.stopping")

            nursery.start_soon(knock)
    assert LOG == ["worked"]


async def test_a_hook_that_fails_while_it_is_cut_hurts_nobody(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Crowd(Actor, call_hooks=False, grace=1):
        async def on_disconnect(self, conn: Conn) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                nursery.start_soon(self.fail_at_the_end)

        async def fail_at_the_end(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("something broke")

    async with opened(Crowd, Worker) as runtime:
        other = await wake(runtime, Worker)
        for _ in range(4):
            link = PlayedLink(runtime)
            link.connect(Crowd, "a")
            await link.gets("init")
            link.vanish()
        await put_away(runtime, Crowd)
        assert trio.current_time() == 6  # one hook had its time, one was cut, two never began
        assert "a task failed while it was cut" in caplog.text
        assert awake(runtime, Worker) is other


@pytest.mark.parametrize("step", [("work_on", 1.0), ("note", "a")])
async def test_nothing_of_it_is_kept(step: tuple[str, Any], autojump_clock: MockClock) -> None:
    """Handles are remembered, and deadlines may be far: neither keeps an actor in memory."""
    async with opened(Worker) as runtime:
        await handle(runtime, Worker).call_by_name(*step)
        instance = weakref.ref(await wake(runtime, Worker))
        await put_away(runtime, Worker)
        gc.collect()
        assert instance() is None
