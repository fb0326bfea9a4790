"""How long everything in a snapshot has been as it is."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, put_away, wake
from tests.runtime.scribes import Scribe, go_on
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.runtime.runtime import Runtime
from trivet.runtime.snapshot import ActorSnapshot


class Slow(Actor, name="slow"):
    async def on_connect(self, conn: Conn[None]) -> None:
        await trio.sleep(4)

    async def on_disconnect(self, conn: Conn[None]) -> None:
        await trio.sleep(4)

    @action
    async def wait(self, seconds: float) -> None:
        await trio.sleep(seconds)


class Direct(Actor, name="direct"):
    @action
    async def wait(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @action(timeout=float("inf"))
    async def wait_long(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @action
    def quick(self) -> None:
        pass


class Holding(Actor, name="holding"):
    async def run(self) -> None:
        await trio.sleep(1)
        async with self.turn():
            await trio.sleep(100)


class Caller(Actor, name="caller"):
    @action
    async def ask(self) -> None:
        await trio.sleep(1)
        await self.client.get_or_create(Direct, "a").call(Direct.wait, 50)


class Starting(Actor, name="starting"):
    async def on_wake(self) -> None:
        await trio.sleep(20)


def seen(runtime: Runtime, name: str) -> ActorSnapshot:
    (actor,) = [actor for actor in runtime.snapshot().actors if actor.name == name]
    return actor


def turn_age(runtime: Runtime, name: str) -> tuple[str, float | None]:
    turn = seen(runtime, name).turn
    assert turn is not None
    return turn.label, turn.age


async def test_a_turn_that_runs_and_those_that_wait(autojump_clock: MockClock) -> None:
    async with opened(Direct) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Direct.wait, 10)
        await trio.sleep(3)
        assert turn_age(runtime, "direct") == ("wait", 3)
        assert seen(runtime, "direct").oldest_wait is None
        nursery.start_soon(call, runtime, Direct.wait_long, 10)
        await trio.sleep(2)
        nursery.start_soon(call, runtime, Direct.quick)
        await trio.sleep(4)
        direct = seen(runtime, "direct")
        assert [turn.age for turn in direct.waiting] == [6, 4]
        assert (direct.oldest_wait, turn_age(runtime, "direct")) == (6, ("wait", 9))
        await trio.sleep(3)
        assert turn_age(runtime, "direct") == ("wait_long", 2)
        direct = seen(runtime, "direct")
        assert (direct.oldest_wait, [turn.age for turn in direct.waiting]) == (7, [7])
        assert direct.age == 12


async def test_a_turn_that_begins_now_is_new(autojump_clock: MockClock) -> None:
    async with opened(Direct) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Direct.wait, 10)
        await trio.sleep(1)
        nursery.start_soon(call, runtime, Direct.wait, 10)
        ages: list[float | None] = []

        async def look() -> None:
            await trio.sleep_until(trio.current_time() + 9)
            for _ in range(3):
                ages.append(turn_age(runtime, "direct")[1])
                await trio.lowlevel.checkpoint()

        await look()
        assert set(ages) <= {0, 10}, "a wait is never taken for the turn's own age"
        nursery.cancel_scope.cancel()


async def test_a_turn_that_waits_for_another_actor(autojump_clock: MockClock) -> None:
    async with opened(Direct, Caller) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Caller.ask)
        await trio.sleep(3)
        turn = seen(runtime, "caller").turn
        assert turn is not None
        assert (turn.waits_for, turn.waits_age, turn.age) == (["direct/a"], 2, 3)
        waited_for = seen(runtime, "direct").turn
        assert waited_for is not None
        assert (waited_for.waits_for, waited_for.waits_age) == ([], None)


async def test_connections_and_their_hooks(autojump_clock: MockClock) -> None:
    async with opened(Slow) as runtime:
        link = PlayedLink(runtime)
        link.connect(Slow, "a")
        await trio.sleep(1)
        (conn,) = seen(runtime, "slow").connections
        assert (conn.phase, conn.age) == ("connecting", 1)
        assert turn_age(runtime, "slow") == ("on_connect", 1)
        await trio.sleep(5)
        (conn,) = seen(runtime, "slow").connections
        assert (conn.phase, conn.age) == ("open", 2)
        link.vanish()
        await trio.sleep(3)
        assert turn_age(runtime, "slow") == ("on_disconnect", 3)
        (conn,) = seen(runtime, "slow").connections
        assert conn.age == 3


async def test_a_stateless_call_with_hooks(autojump_clock: MockClock) -> None:
    async with opened(Slow) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Slow.wait, 3)
        await trio.sleep(5)
        assert turn_age(runtime, "slow") == ("wait", 5), "its on_connect is part of its turn"


async def test_a_turn_of_its_own(autojump_clock: MockClock) -> None:
    async with opened(Holding) as runtime:
        await wake(runtime, Holding)
        await trio.sleep(4)
        assert turn_age(runtime, "holding") == ("turn", 3)


async def test_a_start_and_a_parked_link(autojump_clock: MockClock) -> None:
    async with opened(Starting, Direct) as runtime, trio.open_nursery() as nursery:
        link = PlayedLink(runtime)
        link.connect(Direct, "a")
        await wait_all_tasks_blocked()
        await put_away(runtime, Direct)
        nursery.start_soon(wake, runtime, Starting)
        await trio.sleep(7)
        starting = seen(runtime, "starting")
        assert (starting.phase, starting.age) == ("starting", 7)
        assert turn_age(runtime, "starting") == ("start", 7)
        (parked,) = runtime.snapshot().parked
        assert parked.age == 7


async def test_a_save_in_flight(autojump_clock: MockClock) -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        await wake(runtime, Scribe)
        assert seen(runtime, "Scribe").saving is None
        nursery.start_soon(call, runtime, Scribe.do, "add 1; save; pause end")
        await trio.sleep(3)
        nursery.start_soon(call, runtime, Scribe.now, "add 2")
        await trio.sleep(1)
        assert seen(runtime, "Scribe").saving == 4
        storage.pending[0].succeed()
        await wait_all_tasks_blocked()
        assert seen(runtime, "Scribe").saving is None
        go_on("end")
        await trio.sleep(2)
        assert seen(runtime, "Scribe").saving == 2
        storage.holding = False
        await storage.store()
