"""Queues over the lives of an actor: nothing is lost by sleep, crash or kill, and order stays."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, ClassVar

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import awake, call, handle, killed, opened, put_away, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Address
from trivet.declare.queue import Queue
from trivet.declare.registry import definition_of
from trivet.ports.records import Segment, Write
from trivet.runtime.queued import key_of
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage


class Worker(Actor[list[str]], name="worker", sleep_after=30):
    jobs = Queue[str, str]()
    extra = Queue[str]()
    lives: ClassVar[int] = 0
    gates: ClassVar[dict[str, trio.Event]] = {}

    async def on_wake(self) -> None:
        Worker.lives += 1

    async def run(self) -> None:
        while True:
            async with self.receive(Worker.jobs) as delivery:
                await self.work(delivery.body)
                delivery.complete(f"{delivery.body} in life {Worker.lives}")

    async def work(self, job: str) -> None:
        async with self.turn():
            self.state.append(f"{job} begun")
        if job.startswith("slow"):
            await Worker.gates.setdefault(job, trio.Event()).wait()
        if job == "raise" and Worker.lives == 1:
            raise ValueError("cannot")

    @action
    def begun(self) -> list[str]:
        return self.state

    @action
    def rest(self) -> None:
        self.sleep()

    @action
    def die(self) -> None:
        self.destroy()

    @action
    def crash(self) -> None:
        self.start_soon(self.fail)

    async def fail(self) -> None:
        raise ValueError("crash")

    @action(concurrent=True)
    async def wait_for_extra(self) -> str:
        async with self.receive(Worker.extra) as delivery:
            return delivery.body

    @action
    async def wait_in_turn(self) -> str:
        async with self.receive(Worker.extra) as delivery:
            return delivery.body


@pytest.fixture(autouse=True)
def fresh() -> None:
    Worker.lives = 0
    Worker.gates = {}


def durable() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


@attrs.define
class Waiters:
    """Senders that wait for their results, in the background."""

    runtime: Runtime
    nursery: trio.Nursery
    results: dict[str, str] = attrs.field(factory=dict[str, str])

    async def ask(self, *jobs: str) -> None:
        for job in jobs:
            self.nursery.start_soon(self.wait, job)
            await wait_all_tasks_blocked()

    async def wait(self, job: str) -> None:
        try:
            self.results[job] = await handle(self.runtime, Worker).send_and_wait(Worker.jobs, job)
        except errors.Error as error:
            self.results[job] = f"{error.group}.{error.code}"


@pytest.mark.parametrize("make", [durable, MemoryStorage])
async def test_who_waits_is_answered_by_the_next_life(
    make: type[MemoryStorage], autojump_clock: MockClock
) -> None:
    async with opened(Worker, storage=make()) as runtime, trio.open_nursery() as nursery:
        waiters = Waiters(runtime, nursery)
        await waiters.ask("slow", "b", "c")
        Worker.gates["slow"] = trio.Event()
        Worker.gates["slow"].set()
        await put_away(runtime, Worker)
        await wait_all_tasks_blocked()
        assert waiters.results == {job: f"{job} in life 2" for job in ("slow", "b", "c")}
        begun = ["slow begun", "slow begun", "b begun", "c begun"]
        assert await call(runtime, Worker.begun) == begun


async def test_a_message_that_run_has_not_received_wakes_a_consumer(
    autojump_clock: MockClock,
) -> None:
    """Nobody waits for it, and its actor went to sleep under it."""
    async with opened(Worker, storage=durable()) as runtime:
        for job in ("slow", "b"):
            await handle(runtime, Worker).send(Worker.jobs, job)
        await wait_all_tasks_blocked()
        await call(runtime, Worker.rest)
        Worker.gates["slow"].set()
        await trio.sleep(1)
        assert Worker.lives == 2
        assert await call(runtime, Worker.begun) == ["slow begun", "slow begun", "b begun"]


async def test_run_that_has_failed_begins_again_for_who_waits(autojump_clock: MockClock) -> None:
    async with opened(Worker, storage=durable()) as runtime, trio.open_nursery() as nursery:
        waiters = Waiters(runtime, nursery)
        await waiters.ask("raise", "b")
        await trio.sleep(20)
        assert waiters.results == {}
        await trio.sleep(20)
        assert waiters.results == {"raise": "raise in life 2", "b": "b in life 2"}


async def test_run_that_has_failed_does_not_begin_again_for_nobody(
    autojump_clock: MockClock,
) -> None:
    async with opened(Worker, storage=durable()) as runtime:
        await handle(runtime, Worker).send(Worker.jobs, "raise")
        await trio.sleep(100)
        assert (Worker.lives, awake(runtime, Worker)) == (1, None)
        await handle(runtime, Worker).send(Worker.jobs, "b")
        await wait_all_tasks_blocked()
        assert await call(runtime, Worker.begun) == ["raise begun", "raise begun", "b begun"]


@pytest.mark.parametrize("make", [durable, MemoryStorage])
async def test_after_a_crash_messages_come_again_in_order(
    make: type[MemoryStorage], autojump_clock: MockClock
) -> None:
    async with opened(Worker, storage=make()) as runtime, trio.open_nursery() as nursery:
        waiters = Waiters(runtime, nursery)
        await waiters.ask("slow", "b", "c")
        await call(runtime, Worker.crash)
        await wait_all_tasks_blocked()
        Worker.gates["slow"].set()
        await trio.sleep(3)
        assert waiters.results == {job: f"{job} in life 2" for job in ("slow", "b", "c")}
        assert list(waiters.results) == ["slow", "b", "c"]


async def test_after_a_kill_messages_come_again_in_order(autojump_clock: MockClock) -> None:
    storage = durable()
    async with killed(Worker, storage=storage) as runtime:
        for job in ("a", "slow", "c"):
            await handle(runtime, Worker).send(Worker.jobs, job)
        await wait_all_tasks_blocked()
        storage.killed = True
    Worker.gates = {"slow": trio.Event()}
    Worker.gates["slow"].set()
    async with opened(Worker, storage=storage.after_kill()) as runtime:
        assert await handle(runtime, Worker).send_and_wait(Worker.jobs, "d") == "d in life 2"
        begun = await call(runtime, Worker.begun)
        assert begun == ["a begun", "slow begun", "slow begun", "c begun", "d begun"]


async def test_numbers_go_on_behind_what_is_stored(autojump_clock: MockClock) -> None:
    async with opened(Worker, storage=durable()) as runtime, trio.open_nursery() as nursery:
        waiters = Waiters(runtime, nursery)
        await waiters.ask("a", "slow")
        await call(runtime, Worker.crash)
        await waiters.ask("c")
        Worker.gates["slow"].set()
        await trio.sleep(3)
        assert list(waiters.results) == ["a", "slow", "c"]


@pytest.mark.parametrize("how", ["itself", "operator"])
async def test_who_waits_hears_that_the_actor_is_destroyed(
    how: str, autojump_clock: MockClock
) -> None:
    async with opened(Worker, storage=durable()) as runtime, trio.open_nursery() as nursery:
        waiters = Waiters(runtime, nursery)
        await waiters.ask("slow", "b")
        if how == "itself":
            await call(runtime, Worker.die)
        else:
            await runtime.destroy(definition_of(Worker), Address(key=("a",)))
        await wait_all_tasks_blocked()
        assert waiters.results == {"slow": "actor.destroyed", "b": "actor.destroyed"}
        assert await call(runtime, Worker.begun) == []
        instance = awake(runtime, Worker)
        assert instance is not None
        assert instance.host.queues is not None
        assert instance.host.queues.lengths == {}


async def test_who_waits_hears_that_the_runtime_stops(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        async with opened(Worker, storage=durable()) as runtime:
            waiters = Waiters(runtime, nursery)
            await waiters.ask("slow")
            actor = awake(runtime, Worker)
            assert actor is not None
        await wait_all_tasks_blocked()
        assert waiters.results == {"slow": "actor.restarting"}
        assert not runtime.completions.are_awaited(actor.actor_id)


async def test_what_was_lost_with_a_life_is_told(autojump_clock: MockClock) -> None:
    storage = durable()
    async with opened(Worker, storage=storage) as runtime, trio.open_nursery() as nursery:
        waiters = Waiters(runtime, nursery)
        await waiters.ask("slow")
        instance = await wake(runtime, Worker)
        gone = Write("queue", key_of(0), None)
        segment = Segment(actor_id=instance.actor_id, generation=1, writes=(gone,))
        MemoryStorage.commit(storage, segment, lambda _: None)
        await call(runtime, Worker.crash)
        await trio.sleep(3)
        assert waiters.results == {"slow": "actor.restarting"}
        await waiters.ask("b")  # it has the same number
        assert waiters.results["b"] == "b in life 2"


async def test_a_sender_that_leaves_takes_nothing_back(autojump_clock: MockClock) -> None:
    async with opened(Worker) as runtime:
        with trio.move_on_after(1) as patience:
            await handle(runtime, Worker).send_and_wait(Worker.jobs, "slow")
        assert patience.cancelled_caught
        instance = await wake(runtime, Worker)
        assert not runtime.completions.are_awaited(instance.actor_id)
        Worker.gates["slow"].set()
        await wait_all_tasks_blocked()
        assert instance.host.queues is not None
        assert instance.host.queues.lengths == {}


@pytest.mark.parametrize("token", [Worker.wait_for_extra, Worker.wait_in_turn])
async def test_a_wait_in_an_action_ends_when_the_actor_begins_to_stop(
    token: Any, autojump_clock: MockClock
) -> None:
    async with opened(Worker) as runtime, trio.open_nursery() as nursery:
        results: list[str] = []

        async def wait() -> None:
            try:
                results.append(await call(runtime, token))
            except errors.ActionError as error:
                results.append(f"{error.group}.{error.code}")

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        began = trio.current_time()
        await put_away(runtime, Worker)
        assert results == ["actor.aborted"]
        assert trio.current_time() == began
        await handle(runtime, Worker).send(Worker.extra, "x")
        assert await call(runtime, Worker.wait_in_turn) == "x"


class Goodbye(Actor[list[str]], sleep_after=math.inf):
    words = Queue[str]()

    async def on_create(self, input: None) -> None:
        self.enqueue(Goodbye.words, "created")

    async def on_wake(self) -> None:
        self.enqueue(Goodbye.words, "woken")

    async def on_sleep(self) -> None:
        self.enqueue(Goodbye.words, "asleep")
        with suppress(errors.ActionError):  # it ends where it would have to wait
            while True:
                async with self.receive() as delivery:
                    self.state.append(delivery.body)
        self.enqueue(Goodbye.words, "good night")

    @action
    async def read(self) -> list[str]:
        while True:
            async with self.try_receive() as delivery:
                if delivery is None:
                    return self.state
                self.state.append(delivery.body)


@pytest.mark.parametrize("make", [durable, MemoryStorage])
async def test_hooks_put_messages_in_and_take_them_out(
    make: type[MemoryStorage], autojump_clock: MockClock
) -> None:
    async with opened(Goodbye, storage=make()) as runtime:
        assert await call(runtime, Goodbye.read) == ["created", "woken"]
        await put_away(runtime, Goodbye)
        # What the last hook puts in can be received when it is stored: by the next life.
        words = await call(runtime, Goodbye.read)
        assert words == ["created", "woken", "asleep", "good night", "woken"]
