"""The snapshot of a runtime in the middle of everything, and of one that does nothing."""

from __future__ import annotations

import json
from typing import Any

import attrs
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, put_away, wake
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.runtime.snapshot import ActorSnapshot, RuntimeSnapshot

SECRET = "the-password-is-swordfish"
TAKEN: list[RuntimeSnapshot] = []


class Slow(Actor[str], name="slow", limits=Limits(mailbox_per_connection=2)):
    """Answers when it is told to."""

    said = Event[str]()

    async def create_state(self, input: None) -> str:
        return SECRET

    async def run(self) -> None:
        await trio.sleep_forever()

    @action
    async def wait(self, secret: str = SECRET) -> None:
        await trio.sleep(100)


class Caller(Actor, name="caller"):
    @action
    async def ask(self) -> None:
        await self.client.get_or_create(Slow, "a").call(Slow.wait)


class Leaving(Actor, name="leaving"):
    """Lends its turn to the hook of whom it throws out."""

    async def on_disconnect(self, conn: Conn[None]) -> None:
        await trio.sleep(100)

    @action
    async def throw_out(self) -> None:
        await self.conn.disconnect()


class Starting(Actor, name="starting"):
    async def on_wake(self) -> None:
        await trio.sleep(20)


class Quiet(Actor[int], name="quiet"):
    """Does all its work at once."""

    @action
    def add(self) -> int:
        self.state += 1
        return self.state


class Looking(Actor, name="looking"):
    """Has a snapshot taken in the middle of a synchronous action."""

    @action
    def look(self) -> None:
        TAKEN.append(self.take())

    def take(self) -> RuntimeSnapshot:
        host: Any = self._trivet_host
        found: RuntimeSnapshot = host.instance.runtime.snapshot()
        return found


def found(snapshot: RuntimeSnapshot, name: str) -> ActorSnapshot:
    (actor,) = [actor for actor in snapshot.actors if actor.name == name]
    return actor


async def test_a_runtime_in_the_middle_of_everything(autojump_clock: MockClock) -> None:
    async with (
        opened(Slow, Caller, Leaving, Starting, Quiet) as runtime,
        trio.open_nursery() as nursery,
    ):
        link, kicked, parked = PlayedLink(runtime), PlayedLink(runtime), PlayedLink(runtime)
        link.connect(Slow, "a")
        kicked.connect(Leaving, "a")
        parked.connect(Quiet, "b")
        await wait_all_tasks_blocked()
        await call(runtime, Quiet.add)
        await put_away(runtime, Quiet, "b")
        link.subscribe("said")
        for _ in range(4):
            link.call("wait", SECRET)
        nursery.start_soon(call, runtime, Caller.ask)
        nursery.start_soon(wake, runtime, Starting)
        kicked.call("throw_out")
        await wait_all_tasks_blocked()
        link.backlog = (3, 300)

        snapshot = runtime.snapshot()

        slow = found(snapshot, "slow")
        assert (slow.key, slow.phase, slow.tasks) == (["a"], "awake", 1)
        assert slow.turn is not None
        assert (slow.turn.label, slow.turn.waits_for) == ("wait", [])
        assert [turn.label for turn in slow.waiting] == ["wait", "wait"]
        (conn,) = slow.connections
        assert slow.turn.conn == conn.id
        assert (conn.kind, conn.phase, conn.close_cause) == ("connection", "open", None)
        assert (conn.subscriptions, conn.queued, conn.inbox) == (1, 2, 2)
        assert (conn.outbox_messages, conn.outbox_bytes) == (3, 300)
        caller = found(snapshot, "caller")
        assert caller.turn is not None
        assert (caller.turn.label, caller.turn.waits_for) == ("ask", ["slow/a"])
        leaving = found(snapshot, "leaving")
        assert leaving.turn is not None
        assert (leaving.turn.label, leaving.turn.lends_to) == ("throw_out", "on_disconnect")
        assert [conn.close_cause for conn in leaving.connections] == ["kick"]
        assert found(snapshot, "quiet").turn is None
        assert [(one.actor, one.inbox) for one in snapshot.parked] == [("quiet/b", 0)]
        assert (snapshot.closing, snapshot.store.kind) == (False, "MemoryStorage")
        assert (snapshot.store.durable, snapshot.store.failed) == (False, False)
        text = json.dumps(attrs.asdict(snapshot))
        assert SECRET not in text
        assert runtime.snapshot() == snapshot, "looking changes nothing"
        nursery.cancel_scope.cancel()
    assert runtime.snapshot().closing


async def test_a_start_is_seen(autojump_clock: MockClock) -> None:
    async with opened(Starting) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(wake, runtime, Starting)
        await wait_all_tasks_blocked()
        assert found(runtime.snapshot(), "starting").phase == "starting"


async def test_it_may_be_taken_inside_an_action(autojump_clock: MockClock) -> None:
    async with opened(Looking) as runtime:
        await call(runtime, Looking.look)
    looking = found(TAKEN.pop(), "looking")
    assert looking.turn is not None
    assert looking.turn.label in {"a synchronous action", "look"}


async def test_it_makes_no_part_that_an_actor_did_not_need(autojump_clock: MockClock) -> None:
    async with opened(Quiet) as runtime:
        await call(runtime, Quiet.add)
        instance = await wake(runtime, Quiet)
        runtime.observer.count("played", 3)
        parts = ("_reception", "_background", "_conns", "_worker", "_nursery")
        before = [getattr(instance, part) for part in parts]
        assert None in before
        assert runtime.snapshot().counters == {"played": 3}
        assert [getattr(instance, part) for part in parts] == before


async def test_counters_are_a_copy(autojump_clock: MockClock) -> None:
    async with opened(Quiet) as runtime:
        before = runtime.counters
        runtime.observer.count("played")
        assert (dict(before), runtime.counters) == ({}, {"played": 1})
