"""Queues on a durable store: what is stored with what, and who hears of it when."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, handle, opened, recorder_of, wake
from tests.runtime.scribes import PAUSES, go_on
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.queue import Queue
from trivet.runtime.queued import decode_message, number_of
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage


class Mill(Actor[list[str]], name="mill", call_hooks=False):
    grain = Queue[str, str]()

    async def take(self) -> str:
        async with self.receive(Mill.grain) as delivery:
            delivery.complete(delivery.body.upper())
            return delivery.body

    async def pause(self, name: str) -> None:
        await PAUSES.setdefault(name, trio.Event()).wait()

    @action
    async def change_and_pause(self, *grain: str) -> None:
        for one in grain:
            self.enqueue(Mill.grain, one)
        self.state.append("changed")
        await self.pause("end")

    @action
    async def take_in_turn(self) -> str:
        self.state.append("before")
        async with self.receive(Mill.grain) as delivery:
            self.state.append(delivery.body)
            delivery.complete(delivery.body.upper())
            await self.pause("end")
            return delivery.body

    @action(atomic=True)
    async def at_once(self, ending: str) -> str | None:
        self.enqueue(Mill.grain, "mine")
        async with self.try_receive(Mill.grain) as delivery:
            found = None if delivery is None else delivery.body
            if delivery is not None:
                delivery.complete("done at once")
        await self.pause("end")
        if ending == "fail":
            raise errors.UserError("no")
        return found

    @action
    def put(self, *grain: str) -> None:
        for one in grain:
            self.enqueue(Mill.grain, one)


async def rows(storage: HeldStorage) -> dict[int, str]:
    """The messages that are stored, as a kill would leave them."""
    [record] = await storage.list("mill")
    found = await MemoryStorage.scan(storage, record.id, "queue", b"", None)
    shape = Mill.__trivet_definition__().queue(Mill.grain).body
    return {number_of(key): shape.decode(decode_message(value).body) for key, value in found}


async def mill(runtime: Runtime) -> Mill:
    actor: Mill = (await wake(runtime, Mill)).actor
    return actor


class Sent:
    """What came of messages that were sent in the background."""

    def __init__(self, runtime: Runtime, nursery: trio.Nursery) -> None:
        self.runtime = runtime
        self.nursery = nursery
        self.stored: list[str] = []
        self.results: list[object] = []

    async def send(self, grain: str) -> None:
        async def put() -> None:
            await handle(self.runtime, Mill).send(Mill.grain, grain)
            self.stored.append(grain)

        self.nursery.start_soon(put)
        await wait_all_tasks_blocked()

    async def ask(self, grain: str) -> None:
        async def wait() -> None:
            try:
                self.results.append(
                    await handle(self.runtime, Mill).send_and_wait(Mill.grain, grain)
                )
            except errors.ActionError as error:
                self.results.append(error.code)

        self.nursery.start_soon(wait)
        await wait_all_tasks_blocked()


async def test_a_sender_hears_when_its_message_is_stored() -> None:
    storage = HeldStorage()
    async with opened(Mill, storage=storage) as runtime, trio.open_nursery() as nursery:
        actor, sent, got = await mill(runtime), Sent(runtime, nursery), list[str]()

        async def take() -> None:
            got.append(await actor.take())

        nursery.start_soon(take)
        await sent.send("rye")
        assert (sent.stored, got) == ([], [])
        storage.pending[0].succeed()
        await wait_all_tasks_blocked()
        assert (sent.stored, got) == (["rye"], ["rye"])
        await storage.store()
        assert await rows(storage) == {}


async def test_who_waits_hears_when_the_removal_is_stored() -> None:
    storage = HeldStorage()
    async with opened(Mill, storage=storage) as runtime, trio.open_nursery() as nursery:
        actor, sent = await mill(runtime), Sent(runtime, nursery)
        await sent.ask("rye")
        storage.pending[0].succeed()
        assert await actor.take() == "rye"
        await wait_all_tasks_blocked()
        assert (sent.results, await rows(storage)) == ([], {0: "rye"})
        await storage.store()
        assert (sent.results, await rows(storage)) == (["RYE"], {})


async def test_a_message_waits_for_no_turn() -> None:
    """Also one that has changed the state, and is suspended."""
    storage = HeldStorage()
    storage.holding = False
    async with opened(Mill, storage=storage) as runtime, trio.open_nursery() as nursery:
        sent = Sent(runtime, nursery)
        nursery.start_soon(call, runtime, Mill.change_and_pause)
        await wait_all_tasks_blocked()
        await sent.send("rye")
        assert (sent.stored, await rows(storage)) == (["rye"], {0: "rye"})
        nursery.start_soon(call, runtime, Mill.take_in_turn)
        go_on("end")


async def test_what_a_turn_puts_in_is_stored_with_it() -> None:
    storage = HeldStorage()
    async with opened(Mill, storage=storage) as runtime, trio.open_nursery() as nursery:
        await mill(runtime)
        nursery.start_soon(call, runtime, Mill.put, "rye", "oats")
        await wait_all_tasks_blocked()
        [save] = storage.saves
        assert [number_of(write.key) for write in save.segment.writes] == [0, 1]
        await storage.store()
        assert await rows(storage) == {0: "rye", 1: "oats"}


async def test_a_turn_that_waits_for_a_message_gets_it() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Mill, storage=storage) as runtime, trio.open_nursery() as nursery:
        sent = Sent(runtime, nursery)
        nursery.start_soon(call, runtime, Mill.take_in_turn)
        await wait_all_tasks_blocked()
        await sent.ask("rye")
        await wait_all_tasks_blocked()
        assert sent.results == ["RYE"]  # what a suspended turn says ends its segment
        go_on("end")


async def test_a_completion_is_stored_with_what_its_turn_has_changed() -> None:
    storage = HeldStorage()
    async with opened(Mill, storage=storage) as runtime, trio.open_nursery() as nursery:
        actor, sent = await mill(runtime), Sent(runtime, nursery)
        await sent.ask("rye")
        await storage.store()
        async with actor.turn(), actor.receive(Mill.grain) as delivery:
            actor.state.append("ground")
            delivery.complete("flour")
        await wait_all_tasks_blocked()
        [save] = storage.pending
        assert save.data is not None
        assert [write.value for write in save.segment.writes] == [None]
        save.fail()
        await wait_all_tasks_blocked()
        assert sent.results == []  # the next life has the message
        storage.holding = False
        assert await (await mill(runtime)).take() == "rye"
        await wait_all_tasks_blocked()
        assert sent.results == ["RYE"]


async def test_a_message_that_cannot_be_stored_was_never_sent() -> None:
    storage = HeldStorage()
    async with opened(Mill, storage=storage) as runtime, trio.open_nursery() as nursery:
        await mill(runtime)
        sent = Sent(runtime, nursery)
        await sent.ask("rye")
        storage.pending[0].fail()
        await wait_all_tasks_blocked()
        storage.holding = False
        assert sent.results == ["state_not_saved"]
        async with (await mill(runtime)).try_receive() as delivery:
            assert delivery is None
        assert recorder_of(runtime).counts["effect_dropped"] == 0


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("ending", ["", "fail"])
async def test_an_atomic_turn_gives_back_what_it_took_and_put_in(
    ending: str, durable: bool, autojump_clock: MockClock
) -> None:
    held = HeldStorage()
    held.holding = False
    storage = held if durable else MemoryStorage()
    async with opened(Mill, storage=storage) as runtime, trio.open_nursery() as nursery:
        actor, sent, got = await mill(runtime), Sent(runtime, nursery), list[object]()
        await sent.ask("rye")

        async def attempt() -> None:
            try:
                got.append(await call(runtime, Mill.at_once, ending))
            except errors.UserError as error:
                got.append(error.code)

        nursery.start_soon(attempt)
        await wait_all_tasks_blocked()
        await sent.send("oats")  # of others, meanwhile
        assert (sent.results, sent.stored) == ([], ["oats"])
        go_on("end")
        await wait_all_tasks_blocked()
        if ending == "fail":
            assert (got, sent.results) == (["user_error"], [])
            assert [await actor.take() for _ in range(2)] == ["rye", "oats"]
        else:
            assert (got, sent.results) == (["rye"], ["done at once"])
            assert [await actor.take() for _ in range(2)] == ["mine", "oats"]
        async with actor.try_receive() as delivery:
            assert delivery is None


class Lazy(Mill, name="mill", durability="interval"):
    pass


async def test_where_nobody_waits_for_the_store_everything_is_told_at_once(
    autojump_clock: MockClock,
) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Lazy, storage=storage) as runtime:
        actor: Lazy = (await wake(runtime, Lazy)).actor
        lazy = handle(runtime, Lazy)
        await lazy.send(Mill.grain, "rye")
        await lazy.send(Mill.grain, "oats")
        assert await actor.take() == "rye"
        assert await rows(storage) == {}
        await trio.sleep(2)
        assert await rows(storage) == {1: "oats"}
