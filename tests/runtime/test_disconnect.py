"""What ``await conn.disconnect()`` promises: each kind of peer, hook and place it is called from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import Manner, PlayedLink
from tests.runtime.runtimes import awake, opened, recorder_of
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.lifecycle.connection import ConnectionEvent
from trivet.runtime.connection import Connection
from trivet.runtime.instance import Instance
from trivet.runtime.runtime import Runtime

CLOSING: dict[Manner, float] = {"prompt": 0, "polite": 0, "vanished": 2, "silent": 5}
LEAVING: dict[str, float] = {"quick": 0, "slow": 3, "hanging": 5, "failing": 1}


@attrs.frozen
class Guest:
    """Who connects, how its ``on_disconnect`` behaves, and whom its hooks throw out."""

    name: str
    leaves: str = "quick"
    throws_out_at: str = ""
    throws_out: str = ""


@attrs.define
class Report:
    """What was the case when a disconnect returned."""

    took: float
    gone: bool
    visible: bool
    left: bool
    hooks_running: int


class Club(Actor[None, Guest, Guest], call_hooks=False):
    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.log: list[str] = []
        self.hooks_running = 0
        self.kept: Conn[Guest] | None = None
        self.wanted, self.orders = trio.open_memory_channel[str](10)

    async def create_conn_state(self, params: Guest) -> Guest:
        return params

    async def on_connect(self, conn: Conn[Guest]) -> None:
        await self.throw_out_at("connect", conn)

    async def on_disconnect(self, conn: Conn[Guest]) -> None:
        self.hooks_running += 1
        self.log.append(f"{conn.state.name} leaves")
        assert conn.id not in self.conns
        try:
            await self.throw_out_at("disconnect", conn)
            match conn.state.leaves:
                case "slow":
                    await trio.sleep(3)
                case "hanging":
                    await trio.sleep_forever()
                case "failing":
                    await trio.sleep(1)
                    raise ValueError("something broke")
        finally:
            self.hooks_running -= 1
            self.log.append(f"{conn.state.name} left")

    async def throw_out_at(self, hook: str, conn: Conn[Guest]) -> None:
        if conn.state.throws_out_at == hook:
            await self.throw_out(conn.state.throws_out)

    async def run(self) -> None:
        async for name in self.orders:
            self.start_soon(self.throw_out, name)

    def guest(self, name: str) -> Conn[Guest]:
        conn = self.conns.find(lambda conn: conn.state.name == name)
        assert conn is not None
        return conn

    async def throw_out(self, name: str) -> None:
        await self.disconnect(self.guest(name))

    async def disconnect(self, conn: Conn[Guest]) -> None:
        assert isinstance(conn, Connection)
        assert conn.inbox is not None
        began, running = trio.current_time(), self.hooks_running
        await conn.disconnect("out")
        self.reports.append(
            Report(
                took=trio.current_time() - began,
                gone=conn.inbox.closed.is_set(),
                visible=conn.id in self.conns,
                left=conn.ended.is_set(),
                hooks_running=self.hooks_running - running,
            )
        )

    @action
    async def kick(self, name: str) -> str:
        await self.throw_out(name)
        self.log.append("kicked")
        return "done"

    @action
    async def kick_twice(self, name: str) -> None:
        conn = self.guest(name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.disconnect, conn)
            nursery.start_soon(self.disconnect, conn)

    @action
    async def kick_kept(self) -> None:
        assert self.kept is not None
        await self.disconnect(self.kept)

    @action
    async def nap(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.log.append("napped")


@attrs.define
class Scene:
    """Ann and Bob in the club; Bob is going to be thrown out."""

    runtime: Runtime
    ann: PlayedLink
    bob: PlayedLink

    @property
    def instance(self) -> Instance:
        instance = awake(self.runtime, Club)
        assert instance is not None
        return instance

    @property
    def club(self) -> Any:
        return self.instance.actor

    def enter(self, guest: Guest, manner: Manner = "polite") -> PlayedLink:
        link = PlayedLink(self.runtime, manner=manner)
        link.connect(Club, "a", params=guest)
        return link


@asynccontextmanager
async def scene(manner: Manner = "polite", leaves: str = "quick") -> AsyncGenerator[Scene]:
    async with opened(Club) as runtime:
        it = Scene(runtime, PlayedLink(runtime), PlayedLink(runtime))
        it.ann, it.bob = it.enter(Guest("ann")), it.enter(Guest("bob", leaves), manner)
        await it.ann.gets("init")
        await it.bob.gets("init")
        yield it
        await trio.sleep(30)
        assert it.club.log.count("bob leaves") == it.club.log.count("bob left") == 1
        assert it.bob.gone


async def from_anothers_action(it: Scene) -> None:
    it.ann.call("kick", "bob")


async def from_its_own_action(it: Scene) -> None:
    it.bob.call("kick", "bob")


async def from_run(it: Scene) -> None:
    await it.club.wanted.send("bob")


async def from_two_places_of_one_turn(it: Scene) -> None:
    it.ann.call("kick_twice", "bob")


async def from_outside_and_an_action(it: Scene) -> None:
    it.club.kept = it.club.guest("bob")
    it.ann.call("kick_kept")
    await it.club.disconnect(it.club.kept)


async def from_anothers_on_disconnect(it: Scene) -> None:
    eve = it.enter(Guest("eve", throws_out_at="disconnect", throws_out="bob"))
    await eve.gets("init")
    eve.vanish()


async def from_anothers_on_connect(it: Scene) -> None:
    it.enter(Guest("eve", throws_out_at="connect", throws_out="bob"))


WHERE: list[Callable[[Scene], Awaitable[None]]] = [
    from_anothers_action,
    from_its_own_action,
    from_run,
    from_two_places_of_one_turn,
    from_outside_and_an_action,
    from_anothers_on_disconnect,
    from_anothers_on_connect,
]
HOOKS = {from_anothers_on_disconnect, from_anothers_on_connect}


@pytest.mark.parametrize("leaves", LEAVING)
@pytest.mark.parametrize("manner", CLOSING)
@pytest.mark.parametrize("where", WHERE)
async def test_on_return_everything_is_over(
    where: Callable[[Scene], Awaitable[None]],
    manner: Manner,
    leaves: str,
    autojump_clock: MockClock,
) -> None:
    takes = CLOSING[manner] + LEAVING[leaves]
    if where in HOOKS and takes >= 5:
        pytest.skip("the hook that waits is cut before")
    async with scene(manner, leaves) as it:
        await where(it)
        await trio.sleep(20)
        twice = where in {from_two_places_of_one_turn, from_outside_and_an_action}
        expected = Report(takes, gone=True, visible=False, left=True, hooks_running=0)
        assert it.club.reports == [expected] * (2 if twice else 1)
        assert it.bob.closing == (1000, "out")
        assert it.bob.aborted == (manner == "silent")
        if where is from_its_own_action:  # it went on; its reply was dropped
            assert it.club.log[-1] == "kicked"
            assert recorder_of(it.runtime).counts["reply_dropped"] == 1
            assert not any(frame[0] == "reply" for frame in it.bob.frames)


@pytest.mark.parametrize("leaves", LEAVING)
@pytest.mark.parametrize("manner", CLOSING)
async def test_while_a_turn_holds_the_actor_the_hook_stays_queued(
    manner: Manner, leaves: str, autojump_clock: MockClock
) -> None:
    async with scene(manner, leaves) as it:
        it.ann.call("nap", 20.0)
        await from_run(it)
        await trio.sleep(19)
        assert it.club.reports == [
            Report(CLOSING[manner] + 5, gone=True, visible=False, left=False, hooks_running=0)
        ]
        assert "bob leaves" not in it.club.log
        await trio.sleep(20)
        assert it.club.log == ["napped", "bob leaves", "bob left"]


async def test_a_turn_that_ends_meanwhile_lets_the_hook_run(autojump_clock: MockClock) -> None:
    async with scene(leaves="slow") as it:
        it.ann.call("nap", 1.0)
        await from_run(it)
        await trio.sleep(10)
        assert it.club.reports == [Report(4, gone=True, visible=False, left=True, hooks_running=0)]


async def test_ten_seconds_are_the_bound_whatever_others_do(autojump_clock: MockClock) -> None:
    async with scene("silent", "hanging") as it:
        it.ann.call("nap", 8.0)
        await from_run(it)
        await trio.sleep(20)
        (report,) = it.club.reports
        assert (report.took, report.gone, report.visible) == (10, True, False)


async def test_a_queued_hook_is_pulled_forward(autojump_clock: MockClock) -> None:
    async with scene(leaves="slow") as it:
        it.club.kept = it.club.guest("bob")
        it.ann.call("nap", 1.0)
        it.ann.call("kick_kept")
        last = it.ann.call("nap", 1.0)
        it.bob.vanish()  # its hook is the last in the queue
        await it.ann.gets("reply", last)
        assert it.club.log == ["napped", "bob leaves", "bob left", "napped"]
        assert it.club.kept.close_cause == "network"
        assert it.club.reports[0].took == 3


async def test_whom_one_waits_for_in_a_row_leave_in_that_order(autojump_clock: MockClock) -> None:
    async with scene(leaves="slow") as it:
        carl = it.enter(Guest("carl", "slow"))
        await carl.gets("init")

        async def kick_all() -> None:
            async with it.club.turn():
                for name in ("carl", "bob", "ann"):
                    await it.club.throw_out(name)

        await kick_all()
        assert [report.took for report in it.club.reports] == [3, 3, 0]
        names = [line.split()[0] for line in it.club.log]
        assert names == ["carl", "carl", "bob", "bob", "ann", "ann"]


async def test_whom_one_waits_for_at_once_leave_one_by_one(autojump_clock: MockClock) -> None:
    async with scene(leaves="slow") as it:
        links = [it.enter(Guest(name, "slow")) for name in ("carl", "dora")]
        for link in links:
            await link.gets("init")
        async with it.club.turn(), trio.open_nursery() as nursery:
            for name in ("bob", "carl", "dora"):
                nursery.start_soon(it.club.throw_out, name)
        assert trio.current_time() == 6  # two hooks of 3 s; the third did not begin in time
        log = it.club.log
        assert [line.split()[1] for line in log] == ["leaves", "left"] * 2
        await trio.sleep(4)
        assert [line.split()[1] for line in log] == ["leaves", "left"] * 3


async def test_a_lender_that_is_cut_does_not_run_beside_the_hook(
    autojump_clock: MockClock,
) -> None:
    async with scene(leaves="slow") as it, it.club.turn():
        with trio.move_on_after(1) as scope:
            await it.club.throw_out("bob")
        assert scope.cancelled_caught
        assert it.club.log == ["bob leaves", "bob left"]
        assert trio.current_time() == 3


async def test_a_circle_of_two_hooks_is_refused(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene() as it:
        for name, other in (("carl", "dora"), ("dora", "carl")):
            guest = Guest(name, throws_out_at="disconnect", throws_out=other)
            await it.enter(guest).gets("init")
        conns = {conn.state.name: conn for conn in it.instance.conns.all()}

        async def throw_out_again(name: str) -> None:
            await conns[name].disconnect()

        it.club.throw_out = throw_out_again
        await conns["carl"].disconnect()
        assert "WouldDeadlockError" in caplog.text
        assert trio.current_time() == 0
        await wait_all_tasks_blocked()
        assert it.club.log == ["carl leaves", "dora leaves", "dora left", "carl left"]
        await conns["bob"].disconnect()


@pytest.mark.parametrize("hook", ["connect", "disconnect"])
async def test_a_hook_cannot_await_the_end_of_its_own_connection(
    hook: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene() as it:
        narcissus = it.enter(Guest("narcissus", throws_out_at=hook, throws_out="narcissus"))
        if hook == "connect":
            assert await narcissus.closed() == (1011, "actor.would_deadlock")
        else:
            await narcissus.gets("init")
            conn = it.club.guest("narcissus")

            async def throw_out_again(name: str) -> None:
                await conn.disconnect()

            it.club.throw_out = throw_out_again
            narcissus.vanish()
            await trio.sleep(1)
            assert "WouldDeadlockError" in caplog.text
        assert trio.current_time() <= 1
        it.bob.vanish()


async def test_an_ended_connection_says_so_and_stays_readable(autojump_clock: MockClock) -> None:
    async with scene() as it:
        conn = it.club.guest("bob")
        await conn.disconnect("out", reconnect=False)
        assert it.bob.closing == (4001, "out")
        assert (conn.state.name, conn.close_cause) == ("bob", "kick")
        await conn.disconnect("again")
        assert it.bob.closing == (4001, "out")
        assert recorder_of(it.runtime).steps(ConnectionEvent.CLOSE) == 1


async def test_kicking_somebody_who_is_connecting(autojump_clock: MockClock) -> None:
    async with scene() as it:
        it.ann.call("nap", 20.0)
        carl = it.enter(Guest("carl"))
        await wait_all_tasks_blocked()
        began = trio.current_time()
        conn = it.club.guest("carl")
        await conn.disconnect("out")
        assert trio.current_time() - began == 5  # the hook is still in the queue
        assert carl.closing == (1000, "out")
        assert "init" not in {frame[0] for frame in carl.frames}
        await trio.sleep(20)
        assert it.club.log == ["napped", "carl leaves", "carl left"]
        it.bob.vanish()


async def test_only_the_hooks_own_connection_is_refused(autojump_clock: MockClock) -> None:
    async with scene() as it:
        with pytest.raises(errors.NoConnectionError):
            assert it.club.conn
        await from_anothers_on_connect(it)
        await it.bob.closed()
