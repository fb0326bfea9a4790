"""Destroying: everything of the actor is gone, and only then whoever did it hears so."""

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
from trivet.declare.handle import Address
from trivet.declare.interfaces import Conn
from trivet.declare.registry import definition_of
from trivet.runtime.runtime import Runtime

LOG: list[str] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    LOG.clear()


class Mortal(Actor[list[str]], sleep_after=math.inf, call_hooks=False):
    said = Event[str]()

    def note(self, what: str) -> None:
        LOG.append(f"{what} {trio.current_time():g}")

    async def on_create(self, input: None) -> None:
        self.note("create")

    async def on_sleep(self) -> None:
        self.note("sleep")

    async def on_destroy(self) -> None:
        self.note("destroy")
        assert self.stopping
        assert len(self.conns) == len([conn for conn in self.conns.values() if conn.kind])
        self.broadcast(Mortal.said, "farewell")
        await trio.sleep(2)
        self.note("destroyed")

    async def on_disconnect(self, conn: Conn[None]) -> None:
        self.note(f"{conn.close_cause}")

    @action
    def add(self, word: str) -> list[str]:
        self.state.append(word)
        return self.state

    @action
    def end(self) -> str:
        self.destroy()
        assert not self.stopping
        return "ending"

    @action
    def end_badly(self) -> None:
        self.destroy()
        raise errors.UserError("and yet")

    @action
    async def end_slowly(self) -> str:
        self.destroy()
        await trio.sleep(3)
        assert not self.stopping
        return "ending"

    @action
    async def nap(self, seconds: float) -> str:
        await trio.sleep(seconds)
        return "napped"

    @action
    def end_beside(self) -> None:
        self.start_soon(self.end_later)

    async def end_later(self) -> None:
        self.destroy()

    @action
    def work(self, seconds: float) -> None:
        self.wait_until(self.note_later, seconds)

    async def note_later(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.note("worked")


async def missing(runtime: Runtime, actor_id: str, actor: type[Actor[Any]] = Mortal) -> None:
    for target in (runtime.client.get(actor, "a"), runtime.client.get_by_id(actor, actor_id)):
        with pytest.raises(errors.ActionError) as caught:
            await target.call_by_name("add", "x")
        assert (caught.value.group, caught.value.code) == ("actor", "not_found")


@pytest.mark.parametrize(("name", "after"), [("end", 2), ("end_slowly", 5)])
async def test_the_answer_comes_when_it_is_gone(
    name: str, after: float, autojump_clock: MockClock
) -> None:
    async with opened(Mortal) as runtime:
        await call(runtime, Mortal.add, "a")
        actor_id = await handle(runtime, Mortal).resolve()
        assert await call(runtime, getattr(Mortal, name)) == "ending"
        assert trio.current_time() == after
        assert ["create 0", f"destroy {after - 2}", f"destroyed {after}"] == LOG
        assert await runtime.storage.load(actor_id) is None
        await missing(runtime, actor_id)
        assert await call(runtime, Mortal.add, "b") == ["b"]
        assert await handle(runtime, Mortal).resolve() != actor_id


async def test_so_does_an_error(autojump_clock: MockClock) -> None:
    async with opened(Mortal) as runtime:
        with pytest.raises(errors.UserError, match="and yet"):
            await call(runtime, Mortal.end_badly)
        assert trio.current_time() == 2


@pytest.mark.parametrize("name", ["end", "end_slowly"])
async def test_over_a_connection_it_comes_before_the_close(
    name: str, autojump_clock: MockClock
) -> None:
    async with opened(Mortal) as runtime:
        link, other = PlayedLink(runtime), PlayedLink(runtime)
        for one in (link, other):
            one.connect(Mortal, "a")
            one.subscribe("said")
            await one.gets("init")
        number = link.call(name)
        assert await link.closed() == (4002, "actor.destroyed")
        assert link.frames[1:] == [("event", "said", "farewell"), ("reply", number, "ending")]
        assert await other.closed() == (4002, "actor.destroyed")
        assert other.frames[1:] == [("event", "said", "farewell")]
        end = 2 if name == "end" else 5
        assert LOG[-2:] == [f"destroy {end}", f"destroy {end}"]
        assert trio.current_time() == end
        assert not link.aborted
        assert not other.aborted
        assert awake(runtime, Mortal) is None


class Lingering(Mortal):
    async def on_disconnect(self, conn: Conn[None]) -> None:
        await trio.sleep(3)


@pytest.mark.parametrize("seconds", [1, 4])
async def test_whoever_is_kicked_meanwhile_is_closed_at_once(
    seconds: int, autojump_clock: MockClock
) -> None:
    """Before its hook has run, and afterwards: its link would stand until the actor is gone."""
    async with opened(Lingering) as runtime, trio.open_nursery() as nursery:
        links = [PlayedLink(runtime) for _ in range(3)]
        for link in links:
            link.connect(Lingering, "a")
            await link.gets("init")
        conns = (await wake(runtime, Lingering)).conns.all()
        nursery.start_soon(runtime.destroy, definition_of(Lingering), Address(key=("a",)))
        await trio.sleep(2 + seconds)
        await conns[0].disconnect("out")
        assert links[0].closing == (1000, "out")
        assert links[0].gone
        assert not links[0].aborted
    assert links[2].closing == (4002, "actor.destroyed")
    assert not any(link.aborted for link in links)


async def test_a_turn_that_runs_may_still_answer(autojump_clock: MockClock) -> None:
    async with opened(Mortal) as runtime, trio.open_nursery() as nursery:
        answers: list[str] = []

        async def nap() -> None:
            answers.append(await call(runtime, Mortal.nap, 4.0))

        nursery.start_soon(nap)
        await wait_all_tasks_blocked()
        address = Address(key=("a",))
        await runtime.destroy(definition_of(Mortal), address)
        await wait_all_tasks_blocked()
        assert answers == ["napped"]
        assert LOG == ["create 0", "destroy 4", "destroyed 6"]


async def test_calls_that_wait_get_the_next_actor(autojump_clock: MockClock) -> None:
    async with opened(Mortal) as runtime, trio.open_nursery() as nursery:
        actor_id = (await wake(runtime, Mortal)).actor_id
        nursery.start_soon(call, runtime, Mortal.end_slowly)
        await wait_all_tasks_blocked()

        async def by_id() -> None:
            with pytest.raises(errors.ActionError, match="not found"):
                await runtime.client.get_by_id(Mortal, actor_id).call(Mortal.add, "id")

        nursery.start_soon(by_id)
        assert await call(runtime, Mortal.add, "next") == ["next"]
        assert LOG == ["create 0", "destroy 3", "destroyed 5", "create 5"]


async def test_it_may_be_made_anew_at_once(autojump_clock: MockClock) -> None:
    async with opened(Mortal) as runtime, trio.open_nursery() as nursery:
        first = await wake(runtime, Mortal)
        nursery.start_soon(call, runtime, Mortal.end)
        await wait_all_tasks_blocked()
        assert first.stopping
        made = await runtime.client.create(Mortal, "a")
        assert await made.call(Mortal.add, "new") == ["new"]


async def test_from_a_task_without_a_turn(autojump_clock: MockClock) -> None:
    async with opened(Mortal) as runtime:
        actor_id = (await wake(runtime, Mortal)).actor_id
        await call(runtime, Mortal.end_beside)
        await trio.sleep(10)
        await missing(runtime, actor_id)


async def test_work_that_is_waited_for_ends_first(autojump_clock: MockClock) -> None:
    async with opened(Mortal) as runtime:
        await call(runtime, Mortal.work, 5.0)
        await call(runtime, Mortal.end)
        assert LOG == ["create 0", "destroy 0", "destroyed 2", "worked 5"]
        assert trio.current_time() == 5


class Wavering(Mortal):
    async def on_sleep(self) -> None:
        self.note("sleep")
        self.destroy()
        self.note("asleep")


async def test_an_actor_that_goes_to_sleep_may_be_destroyed_instead(
    autojump_clock: MockClock,
) -> None:
    async with opened(Wavering) as runtime:
        link = PlayedLink(runtime)
        link.connect(Wavering, "a")
        await link.gets("init")
        actor_id = (await wake(runtime, Wavering)).actor_id
        await put_away(runtime, Wavering)
        assert LOG == ["create 0", "sleep 0", "asleep 0", "destroy 0", "destroyed 2", "destroy 2"]
        assert link.closing == (4002, "actor.destroyed")
        await missing(runtime, actor_id, Wavering)


async def test_one_that_sleeps_is_woken_for_its_hook(autojump_clock: MockClock) -> None:
    async with opened(Mortal) as runtime:
        actor_id = (await wake(runtime, Mortal)).actor_id
        await put_away(runtime, Mortal)
        await runtime.destroy(definition_of(Mortal), Address(actor_id=actor_id))
        assert LOG == ["create 0", "sleep 0", "destroy 0", "destroyed 2"]
        await missing(runtime, actor_id)


async def test_many_at_once_are_one(autojump_clock: MockClock) -> None:
    async with opened(Mortal) as runtime:
        await wake(runtime, Mortal)
        found: list[str] = []

        async def destroy() -> None:
            try:
                await runtime.destroy(definition_of(Mortal), Address(key=("a",)))
            except errors.ActionError as error:
                found.append(error.code)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(destroy)
        assert LOG == ["create 0", "destroy 0", "destroyed 2"]
        assert set(found) <= {"not_found"}


class Throwing(Mortal):
    async def on_destroy(self) -> None:
        raise ValueError("not me")


async def test_an_error_of_on_destroy_keeps_nothing_from_going_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened(Throwing) as runtime:
        actor_id = (await wake(runtime, Throwing)).actor_id
        assert await handle(runtime, Throwing).call(Mortal.end) == "ending"
        assert "not me" in caplog.text
        assert recorder_of(runtime).counts["hook_failed"] == 1
        await missing(runtime, actor_id, Throwing)


class Early(Mortal):
    async def on_create(self, input: None) -> None:
        self.destroy()


async def test_it_cannot_be_destroyed_while_it_starts() -> None:
    async with opened(Early) as runtime:
        with pytest.raises(errors.ActionError) as caught:
            await wake(runtime, Early)
        assert (caught.value.group, caught.value.code) == ("actor", "starting")


class Regretful(Mortal, grace=1.0):
    """Wants to be no more when it is almost asleep, and its grace is over."""

    async def on_sleep(self) -> None:
        await trio.sleep(0.5)

    async def on_disconnect(self, conn: Conn[None]) -> None:
        self.note(f"{conn.close_cause}")
        if conn.close_cause == "network":
            await trio.sleep(2)
            self.wait_until(self.regret)

    async def regret(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.destroy()


async def test_also_when_the_grace_is_over(autojump_clock: MockClock) -> None:
    async with opened(Regretful) as runtime, trio.open_nursery() as nursery:
        stays, leaves = PlayedLink(runtime), PlayedLink(runtime)
        for link in (stays, leaves):
            link.connect(Regretful, "a")
            await link.gets("init")
        actor_id = (await wake(runtime, Regretful)).actor_id
        nursery.start_soon(put_away, runtime, Regretful)
        await trio.sleep(0.2)
        leaves.vanish("network")
        assert await stays.closed() == (4002, "actor.destroyed")
        assert LOG[1:] == ["network 0.5", "destroy 2.5", "destroy 2.5"]
        await missing(runtime, actor_id, Regretful)
