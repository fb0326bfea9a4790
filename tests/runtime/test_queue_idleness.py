"""Who waits for a message lets the actor sleep; who has one in hand does not."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.runtime.runtimes import awake, handle, opened, wake
from tests.runtime.test_queue_lives import Worker, durable, fresh
from trivet.declare.actor import Actor
from trivet.declare.queue import Queue

__all__ = ["fresh"]


async def test_waiting_for_a_message_lets_an_actor_sleep_and_a_message_wakes_it(
    autojump_clock: MockClock,
) -> None:
    async with opened(Worker, storage=durable()) as runtime:
        worker = handle(runtime, Worker)
        assert await worker.send_and_wait(Worker.jobs, "a") == "a in life 1"
        await trio.sleep(29)
        assert awake(runtime, Worker) is not None
        await trio.sleep(2)
        assert awake(runtime, Worker) is None
        assert await worker.send_and_wait(Worker.jobs, "b") == "b in life 2"


class Busy(Worker, name="busy"):
    async def run(self) -> None:
        self.start_soon(super().run)  # no part of `run` any more


class Pair(Worker, name="pair"):
    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(super().run)
            nursery.start_soon(self.wait_for_extra_here)

    async def wait_for_extra_here(self) -> None:
        async with self.receive(Worker.extra):
            pass


@pytest.mark.parametrize("actor", [Worker, Busy, Pair])
async def test_who_works_on_a_message_is_awake(
    actor: type[Worker], autojump_clock: MockClock
) -> None:
    async with opened(actor) as runtime:
        await handle(runtime, actor).send(Worker.jobs, "slow")
        await trio.sleep(100)
        assert awake(runtime, actor) is not None
        Worker.gates["slow"].set()
        await trio.sleep(29)
        assert awake(runtime, actor) is not None
        await trio.sleep(2)
        assert awake(runtime, actor) is None


async def test_children_of_run_wait_for_it_but_nobody_else(autojump_clock: MockClock) -> None:
    class Family(Actor[None], sleep_after=5):
        words = Queue[str]()

        async def serve(self) -> None:
            while True:
                async with self.receive(Family.words):
                    pass

        async def run(self) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.serve)
                nursery.start_soon(self.serve)

    class Loner(Actor[None], sleep_after=5):
        words = Queue[str]()

        async def serve(self) -> None:
            async with self.receive(Loner.words):
                pass

        async def run(self) -> None:
            self.start_soon(self.serve)
            await trio.sleep_forever()

    async with opened(Family, Loner) as runtime:
        await wake(runtime, Family)
        await wake(runtime, Loner)
        await trio.sleep(10)
        assert awake(runtime, Family) is None
        assert awake(runtime, Loner) is not None
