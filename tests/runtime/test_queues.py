"""Queues: messages go in, come out in order, and are dealt with once."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, handle, opened, recorder_of, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.queue import Delivery, Queue
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage


def durable() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


STORES = pytest.mark.parametrize("make", [MemoryStorage, durable])


@attrs.define
class Job:
    name: str
    tags: list[str] = attrs.Factory(list[str])


class Desk(Actor[list[str]], name="desk"):
    jobs = Queue[Job, str]()
    notes = Queue[str]()
    spare = Queue[int]()

    def __init__(self) -> None:
        self.log: list[str] = []

    async def next(self, *queues: Queue[Any, Any]) -> str:
        async with self.receive(*queues) as delivery:
            said = delivery.body.name if isinstance(delivery.body, Job) else str(delivery.body)
            if delivery.queue is Desk.jobs:
                delivery.complete(f"{said} done")
            return said

    @action
    async def next_note(self) -> str:
        return await self.next(Desk.notes)

    @action(concurrent=True)
    async def wait_for_note(self) -> str:
        return await self.next(Desk.notes)

    @action(concurrent=True)
    async def wait_for_any(self) -> str:
        return await self.next()

    @action
    async def look(self) -> str | None:
        async with self.try_receive(Desk.notes) as delivery:
            return None if delivery is None else delivery.body

    @action
    def note(self, *texts: str) -> None:
        for text in texts:
            self.enqueue(Desk.notes, text)

    @action
    async def note_and_read(self, text: str) -> str:
        self.enqueue(Desk.notes, text)
        return await self.next(Desk.notes)

    @action
    async def ask_itself(self) -> str:
        return await self.client.get(Desk, *self.key).send_and_wait(Desk.jobs, Job("own"))

    @action(concurrent=True)
    async def ask_itself_beside(self) -> str:
        return await self.client.get(Desk, *self.key).send_and_wait(Desk.jobs, Job("own"))

    @action
    async def tell_itself(self) -> str:
        self.state.append("told")
        await self.client.get(Desk, *self.key).send(Desk.notes, "psst")
        return await self.next(Desk.notes)


async def desk(runtime: Runtime) -> Desk:
    actor: Desk = (await wake(runtime, Desk)).actor
    return actor


async def send(runtime: Runtime, *texts: str) -> None:
    for text in texts:
        await handle(runtime, Desk).send(Desk.notes, text)


@STORES
async def test_messages_come_out_in_the_order_in_which_they_went_in(
    make: type[MemoryStorage], autojump_clock: MockClock
) -> None:
    async with opened(Desk, storage=make()) as runtime:
        await send(runtime, "a", "b")
        await call(runtime, Desk.note, "c", "d")
        assert [await call(runtime, Desk.next_note) for _ in "abcd"] == ["a", "b", "c", "d"]
        assert await call(runtime, Desk.look) is None


@STORES
async def test_who_waits_gets_the_result(
    make: type[MemoryStorage], autojump_clock: MockClock
) -> None:
    async with opened(Desk, storage=make()) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Desk.wait_for_any)
        assert await handle(runtime, Desk).send_and_wait(Desk.jobs, Job("ann")) == "ann done"
        nursery.start_soon(call, runtime, Desk.wait_for_any)
        assert await handle(runtime, Desk).send_and_wait(Desk.notes, "x") is None


async def test_values_are_the_receivers_own(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        actor, job = await desk(runtime), Job("ann", ["a"])
        await handle(runtime, Desk).send(Desk.jobs, job)
        job.tags.append("later")
        async with actor.receive(Desk.jobs) as delivery:
            assert delivery.body == Job("ann", ["a"])
            delivery.body.tags.append("mine")
            delivery.retry()
        async with actor.receive(Desk.jobs) as delivery:
            assert delivery.body == Job("ann", ["a"])


@STORES
async def test_a_turn_may_receive_what_it_has_put_in(
    make: type[MemoryStorage], autojump_clock: MockClock
) -> None:
    async with opened(Desk, storage=make()) as runtime:
        assert await call(runtime, Desk.note_and_read, "mine") == "mine"
        assert await call(runtime, Desk.tell_itself) == "psst"


async def test_an_exception_delivers_again_before_those_behind_it(
    autojump_clock: MockClock,
) -> None:
    async with opened(Desk) as runtime:
        actor = await desk(runtime)
        await send(runtime, "a", "b")
        with pytest.raises(ValueError, match="no"):
            async with actor.receive(Desk.notes):
                raise ValueError("no")
        assert [await actor.next(Desk.notes) for _ in "ab"] == ["a", "b"]


async def test_retry_delivers_again_at_once(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        actor = await desk(runtime)
        await send(runtime, "a", "b")
        async with actor.receive(Desk.notes) as delivery:
            nursery.start_soon(call, runtime, Desk.wait_for_note)
            await wait_all_tasks_blocked()
            delivery.retry()
            assert await actor.next(Desk.notes) == "a"


async def test_what_is_not_completed_comes_again_and_is_told(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Desk) as runtime:
        actor = await desk(runtime)
        await handle(runtime, Desk).send(Desk.jobs, Job("ann"))
        async with actor.receive(Desk.jobs):
            pass
        assert "a message of jobs was not completed" in caplog.text
        assert recorder_of(runtime).counts["message_not_completed"] == 1
        assert await actor.next(Desk.jobs) == "ann"


async def test_a_message_is_dealt_with_once(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        actor = await desk(runtime)
        await send(runtime, "a", "b")
        kept: list[Delivery[str, None]] = []
        async with actor.receive(Desk.notes) as delivery:
            kept.append(delivery)
            delivery.complete()
            for again in (delivery.complete, delivery.retry):
                with pytest.raises(errors.ActionError) as caught:
                    again()
                assert str(caught.value).startswith("queue.already_completed")
        async with actor.receive(Desk.notes) as delivery:
            kept.append(delivery)
        for delivery in kept:
            with pytest.raises(errors.ActionError, match="already_completed"):
                delivery.complete()


async def test_a_result_must_fit(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        actor = await desk(runtime)
        await handle(runtime, Desk).send(Desk.jobs, Job("ann"))
        await send(runtime, "a")
        wrong: Any = 5
        async with actor.receive(Desk.jobs) as delivery:
            with pytest.raises(errors.ValidationError):
                delivery.complete(wrong)
            delivery.complete("right")
        async with actor.receive(Desk.notes) as note:
            with pytest.raises(errors.ValidationError):
                note.complete(wrong)


async def test_nobody_receives_with_a_message_in_hand(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        actor = await desk(runtime)
        await send(runtime, "a", "b", "c")
        async with actor.receive(Desk.notes) as delivery:
            for attempt in (actor.receive, actor.try_receive):
                with pytest.raises(errors.ActionError) as caught:
                    async with attempt(Desk.notes):
                        pass
                assert caught.value.code == "previous_message_not_completed"
            with pytest.raises(errors.ActionError, match="not_completed"):
                async with actor.turn(), actor.receive():
                    pass
            nursery.start_soon(actor.next, Desk.notes)  # another task has none
            await wait_all_tasks_blocked()
            delivery.complete()
            assert await actor.next(Desk.notes) == "c"


async def test_each_message_goes_to_one_and_receivers_are_served_in_turn(
    autojump_clock: MockClock,
) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        actor, got = await desk(runtime), list[tuple[int, str]]()

        async def serve(number: int) -> None:
            got.append((number, await actor.next(Desk.notes)))

        for number in range(3):
            nursery.start_soon(serve, number)
            await wait_all_tasks_blocked()
        await send(runtime, "a", "b", "c")
        await wait_all_tasks_blocked()
        assert sorted(got) == [(0, "a"), (1, "b"), (2, "c")]


async def test_receivers_of_different_queues_do_not_meet(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        actor, got = await desk(runtime), dict[str, str]()

        async def serve(queue: Queue[Any, Any]) -> None:
            got[queue.slot] = await actor.next(queue)

        for queue in (Desk.jobs, Desk.notes):
            nursery.start_soon(serve, queue)
        await wait_all_tasks_blocked()
        await send(runtime, "n")
        await handle(runtime, Desk).send(Desk.spare, 1)
        await handle(runtime, Desk).send(Desk.jobs, Job("j"))
        await wait_all_tasks_blocked()
        assert got == {"notes": "n", "jobs": "j"}
        assert await actor.next() == "1"


async def test_of_several_queues_the_oldest_comes_first(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        actor = await desk(runtime)
        await handle(runtime, Desk).send(Desk.spare, 1)
        await send(runtime, "a")
        await handle(runtime, Desk).send(Desk.jobs, Job("j"))
        assert await actor.next(Desk.notes, Desk.jobs) == "a"
        assert [await actor.next() for _ in range(2)] == ["1", "j"]


async def test_a_wait_that_is_cancelled_loses_nothing(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        actor = await desk(runtime)
        with trio.move_on_after(5) as waiting:
            await actor.next(Desk.notes)
        assert waiting.cancelled_caught
        await send(runtime, "a")
        assert await actor.next(Desk.notes) == "a"


async def test_who_is_cancelled_as_it_gets_a_message_gives_it_back(
    autojump_clock: MockClock,
) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        actor, scope = await desk(runtime), trio.CancelScope()

        async def serve() -> None:
            with scope:
                async with actor.receive(Desk.notes):
                    await trio.lowlevel.checkpoint()
                    raise AssertionError("it was cancelled")

        nursery.start_soon(serve)
        await wait_all_tasks_blocked()
        actor.enqueue(Desk.notes, "a")  # hands it over; the receiver has not run
        scope.cancel()
        await wait_all_tasks_blocked()
        assert await actor.next(Desk.notes) == "a"


async def test_try_receive_never_waits(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        assert await call(runtime, Desk.look) is None
        await send(runtime, "a")
        assert await call(runtime, Desk.look) == "a"
        assert await call(runtime, Desk.look) is None
        async with (await desk(runtime)).try_receive() as nothing:
            assert nothing is None


async def test_a_turn_that_waits_for_itself_is_refused(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        with pytest.raises(errors.CallCycleError):
            await call(runtime, Desk.ask_itself)
        assert await call(runtime, Desk.look) is None  # nothing was put in
        nursery.start_soon(call, runtime, Desk.wait_for_any)
        assert await call(runtime, Desk.ask_itself_beside) == "own done"


async def test_lengths_are_in_the_snapshot(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        actor = await desk(runtime)
        await send(runtime, "a", "b")
        await handle(runtime, Desk).send(Desk.spare, 1)
        async with actor.receive(Desk.notes):
            assert runtime.snapshot().actors[0].queues == {"notes": 2, "spare": 1}
        assert runtime.snapshot().actors[0].queues == {"notes": 1, "spare": 1}


class Early(Actor[None]):
    words = Queue[str]()

    def __init__(self) -> None:
        self.enqueue(Early.words, "too early")


async def test_queues_are_not_there_when_an_actor_is_made() -> None:
    async with opened(Early) as runtime:
        with pytest.raises(errors.ActionError) as caught:
            await wake(runtime, Early)
        assert (caught.value.group, caught.value.code) == ("actor", "starting")
