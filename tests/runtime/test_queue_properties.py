"""Queues in whatever order things happen: nothing is lost, done twice, or overtaken."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import ClassVar

import attrs
import trio
from hypothesis import given, strategies as st

import trivet.declare.errors as errors
from tests.client.scheduling import run_shuffled
from tests.runtime.runtimes import call, handle, killed, put_away, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.queue import Queue
from trivet.runtime.runtime import Runtime

PLANS = ("at once", "slowly", "retry", "raise", "forget", "beside")


@attrs.frozen
class Task:
    """A message: who it is, and what its receiver does with it at first."""

    number: int
    plan: str


class Plant(Actor[list[int]], name="plant", sleep_after=3):
    """Does each task together with the change that says so; what it says is what it has done."""

    goods = Queue[Task, int]()
    waste = Queue[Task]()
    receivers: ClassVar[int] = 1
    tried: ClassVar[set[int]] = set()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(Plant.receivers):
                nursery.start_soon(self.serve)

    async def serve(self) -> None:
        while True:
            with suppress(ValueError):  # it comes again
                await self.serve_one()

    async def serve_one(self) -> None:
        async with self.receive() as delivery:
            task: Task = delivery.body
            again = task.number in Plant.tried
            Plant.tried.add(task.number)
            match "at once" if again else task.plan:
                case "slowly":
                    await trio.sleep(2)
                case "retry":
                    delivery.retry()
                    return
                case "raise":
                    await trio.lowlevel.checkpoint()
                    raise ValueError("not now")
                case "forget" if delivery.queue is Plant.goods:
                    return
                case _:
                    pass
            async with self.turn():
                self.state.append(task.number)
                if delivery.queue is Plant.goods:
                    delivery.complete(task.number)
                else:
                    delivery.complete()

    @action
    def done(self) -> list[int]:
        return self.state

    @action
    def put(self, task: Task) -> None:
        self.enqueue(Plant.waste, task)

    @action
    async def change_slowly(self, seconds: float) -> None:
        self.state.append(-1)
        await trio.sleep(seconds)

    @action
    def fall(self) -> None:
        self.start_soon(self.fail)

    async def fail(self) -> None:
        raise ValueError("crash")


Step = tuple[str, str]


@attrs.define
class World:
    """What senders know.

    Attributes:
        sent: The tasks that were tried to be put in.
        stored: Those of which a sender heard that they are.
        told: Those whose result somebody has heard.
        before: Of each task, those that were stored when it was sent.
    """

    sent: list[int] = attrs.field(factory=list[int])
    stored: set[int] = attrs.field(factory=set[int])
    told: set[int] = attrs.field(factory=set[int])
    before: dict[int, frozenset[int]] = attrs.field(factory=dict[int, frozenset[int]])

    def task(self, plan: str) -> Task:
        task = Task(len(self.sent), plan)
        self.sent.append(task.number)
        self.before[task.number] = frozenset(self.stored)
        return task

    async def send(self, runtime: Runtime, how: str, plan: str) -> None:
        task, plant = self.task(plan), handle(runtime, Plant)
        try:
            match how:
                case "send":
                    await plant.send(Plant.goods, task)
                case "ask":
                    assert await plant.send_and_wait(Plant.goods, task) == task.number
                    self.told.add(task.number)
                case _:
                    await plant.call(Plant.put, task)
        except errors.ActionError:
            return  # whether it was stored nobody knows
        self.stored.add(task.number)

    async def live(self, runtime: Runtime, storage: HeldStorage, steps: list[Step]) -> None:
        """Let one process take some steps."""
        runtime.nursery.start_soon(store_at_times, storage)
        for what, detail in steps:
            match what:
                case "send" | "ask" | "put":
                    runtime.nursery.start_soon(self.send, runtime, what, detail)
                case "pause":
                    await trio.sleep(float(detail))
                case "sleep":
                    runtime.nursery.start_soon(put_away, runtime, Plant)
                case "crash":
                    runtime.nursery.start_soon(suppressed, runtime, Plant.fall)
                case "change":
                    runtime.nursery.start_soon(suppressed, runtime, Plant.change_slowly, 1.0)
                case _:
                    for save in storage.pending[:1]:
                        save.fail()

    def check(self, done: list[int], *, in_order: bool) -> None:
        """Look at what the actor says it has done, when nothing is left to do."""
        counts = Counter(number for number in done if number >= 0)
        assert max(counts.values(), default=1) == 1, "something was done twice"
        assert self.stored <= counts.keys(), "something was lost"
        assert self.told <= counts.keys(), "a result was told of what was not done"
        places = {number: place for place, number in enumerate(done)}
        if in_order:
            for number, earlier in self.before.items():
                late = [one for one in earlier if places[one] > places.get(number, len(done))]
                assert not late, f"{number} has overtaken {late}"


async def store_at_times(storage: HeldStorage) -> None:
    while True:
        await trio.sleep(0.1)
        for save in storage.pending:
            save.succeed()


async def suppressed(runtime: Runtime, token: Action[Plant, ..., None], *args: object) -> None:
    with suppress(errors.ActionError):
        await call(runtime, token, *args)


async def play(lives: list[list[Step]], receivers: int) -> None:
    Plant.receivers, Plant.tried = receivers, set()
    world, storage = World(), HeldStorage()
    for steps in lives:
        async with killed(Plant, storage=storage) as runtime:
            await world.live(runtime, storage, steps)
            heir = HeldStorage()
            storage.bequeath(heir)
            storage.killed = True
        storage = heir
    async with killed(Plant, storage=storage) as runtime:
        storage.holding = False
        await handle(runtime, Plant).call(Plant.done)
        await trio.sleep(1000)
        world.check(await handle(runtime, Plant).call(Plant.done), in_order=receivers == 1)
        queues = (await wake(runtime, Plant)).host.queues
        assert queues is not None
        assert queues.lengths == {}


STEPS = st.one_of(
    st.tuples(st.sampled_from(["send", "ask", "put"]), st.sampled_from(PLANS)),
    st.tuples(st.just("pause"), st.sampled_from(["0", "0.05", "0.3", "1", "5"])),
    st.tuples(st.sampled_from(["sleep", "crash", "change", "fail save"]), st.just("")),
)


@given(
    seed=st.integers(0, 2**32 - 1),
    lives=st.lists(st.lists(STEPS, max_size=12), min_size=1, max_size=3),
    receivers=st.sampled_from([1, 1, 2, 3]),
)
def test_nothing_is_lost_done_twice_or_overtaken(
    seed: int, lives: list[list[Step]], receivers: int
) -> None:
    run_shuffled(play, lives, receivers, seed=seed)
