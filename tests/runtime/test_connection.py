"""Connections against a client that the test plays."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import opened, recorder_of
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.handle import Address
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.declare.registry import definition_of
from trivet.protocol.messages import ActionRequest
from trivet.runtime.call import current_deadline
from trivet.runtime.runtime import Runtime

LOG: list[str] = []


@attrs.frozen
class Login:
    name: str
    refuse: str = ""


@attrs.define
class Member:
    name: str


class Room(Actor[list[str], Member, Login]):
    said = Event[str]()
    joined = Event[tuple[str, int]]()

    async def on_before_connect(self, params: Login) -> None:
        LOG.append(f"before {params.name}")
        await self.maybe(params.refuse, "before")

    async def create_conn_state(self, params: Login) -> Member:
        LOG.append(f"state {params.name}")
        await self.maybe(params.refuse, "state")
        return Member(params.name)

    async def on_connect(self, conn: Conn[Member]) -> None:
        LOG.append(f"connect {conn.state.name} visible={conn.id in self.conns}")
        self.broadcast(Room.joined, (conn.state.name, len(self.conns)))
        conn.send(Room.said, "welcome")
        if conn.state.name.startswith("bad"):
            raise errors.UserError("not you", code="bad")
        if conn.state.name.startswith("hang"):
            await trio.sleep_forever()

    async def on_disconnect(self, conn: Conn[Member]) -> None:
        LOG.append(
            f"disconnect {conn.state.name} {conn.close_cause} visible={conn.id in self.conns}"
        )
        if conn.state.name.startswith("sticky"):
            await trio.sleep_forever()

    async def maybe(self, what: str, where: str) -> None:
        if what == where:
            raise errors.UserError("go away", code="refused")
        if what == f"hang {where}":
            await trio.sleep_forever()

    @action
    def say(self, text: str) -> int:
        self.state.append(f"{self.conn.state.name}: {text}")
        self.broadcast(Room.said, text)
        return len(self.state)

    @action
    def patience(self) -> float:
        return current_deadline() - trio.current_time()

    @action
    async def nap(self, seconds: float) -> str:
        await trio.sleep(seconds)
        return "napped"

    @action
    async def kick(self, name: str) -> list[str]:
        for conn in self.conns.select(lambda conn: conn.state.name == name):
            await conn.disconnect("out")
        return [conn.state.name for conn in self.conns.values()]


@asynccontextmanager
async def running(limits: Limits | None = None) -> AsyncGenerator[Runtime]:
    LOG.clear()
    async with opened(Room, limits=limits) as runtime:
        yield runtime


def joined(runtime: Runtime, params: Any, **options: Any) -> PlayedLink:
    link = PlayedLink(runtime, **options)
    link.connect(Room, "r", params=params)
    return link


async def test_the_order_of_a_connection() -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        assert ann.frames[1] == ("event", "said", "welcome")
        call = ann.call("say", "hi")
        assert await ann.gets("reply", call) == ("reply", call, 1)
        ann.vanish("client")
    assert LOG == [
        "before ann",
        "state ann",
        "connect ann visible=True",
        "disconnect ann client visible=False",
    ]


@pytest.mark.parametrize("where", ["before", "state"])
async def test_a_refused_client_never_was_there(where: str) -> None:
    async with running() as runtime:
        link = joined(runtime, Login("eve", refuse=where))
        assert await link.closed() == (1011, "user.refused")
        assert link.frames == [("failure", None, "user.refused")]
    assert not any(line.startswith(("connect", "disconnect")) for line in LOG)


async def test_a_failing_on_connect_still_gets_its_on_disconnect() -> None:
    async with running() as runtime:
        link = joined(runtime, Login("bad"))
        assert await link.closed() == (1011, "user.bad")
        await wait_all_tasks_blocked()
    assert LOG[-1] == "disconnect bad hook visible=False"


async def test_events_reach_subscribers_before_the_reply() -> None:
    async with running() as runtime:
        ann, bob = joined(runtime, Login("ann")), joined(runtime, Login("bob"))
        await ann.gets("init")
        await bob.gets("init")
        bob.subscribe("said")
        ann.subscribe("said")
        call = ann.call("say", "hi")
        assert ann.frames[-2:] == [("event", "said", "hi"), ("reply", call, 1)]
        assert bob.frames[-1] == ("event", "said", "hi")
        bob.subscribe("said", on=False)
        ann.call("say", "again")
        assert bob.frames[-1] == ("event", "said", "hi")


async def test_a_kick_returns_when_the_hook_has_ended() -> None:
    async with running() as runtime:
        ann, bob = joined(runtime, Login("ann")), joined(runtime, Login("bob"))
        await ann.gets("init")
        await bob.gets("init")
        call = ann.call("kick", "bob")
        assert await ann.gets("reply", call) == ("reply", call, ["ann"])
        assert bob.closing == (1000, "out")
        assert bob.gone
        assert LOG[-1] == "disconnect bob kick visible=False"


async def test_kicking_oneself_drops_the_reply() -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        ann.call("kick", "ann")
        assert await ann.closed() == (1000, "out")
        await wait_all_tasks_blocked()
        assert recorder_of(runtime).counts["reply_dropped"] == 1
        assert LOG[-1] == "disconnect ann kick visible=False"


async def test_a_hanging_hook_is_cut(autojump_clock: MockClock) -> None:
    async with running() as runtime:
        ann, bob = joined(runtime, Login("ann")), joined(runtime, Login("sticky"))
        await ann.gets("init")
        await bob.gets("init")
        started = trio.current_time()
        call = ann.call("kick", "sticky")
        await ann.gets("reply", call)
        assert trio.current_time() - started == pytest.approx(5)


@pytest.mark.parametrize("stage", ["hang before", "hang state"])
async def test_a_hanging_preflight_refuses_after_five_seconds(
    stage: str, autojump_clock: MockClock
) -> None:
    async with running() as runtime:
        link = joined(runtime, Login("eve", refuse=stage))
        assert await link.closed() == (1011, "actor.callback_timed_out")
        assert trio.current_time() == pytest.approx(5)


@pytest.mark.parametrize("stage", ["hang before", "hang state"])
async def test_a_client_that_leaves_during_preflight_stays_invisible(stage: str) -> None:
    async with running() as runtime:
        link = joined(runtime, Login("eve", refuse=stage))
        await wait_all_tasks_blocked()
        link.vanish()
        await wait_all_tasks_blocked()
        instance = runtime.directory.awake_now(definition_of(Room), Address(key=("r",)))
        assert instance is not None
        assert not instance.reception.connections
    assert not any("connect eve" in line for line in LOG)


async def test_a_client_that_leaves_in_on_connect_gets_its_on_disconnect() -> None:
    async with running() as runtime:
        link = joined(runtime, Login("hang"))
        await wait_all_tasks_blocked()
        link.vanish()
        await wait_all_tasks_blocked()
        assert LOG[-1] == "disconnect hang network visible=False"


async def test_a_busy_actor_closes_an_opening_as_starting(autojump_clock: MockClock) -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        ann.call("nap", 30.0)
        bob = joined(runtime, Login("bob"))
        assert await bob.closed() == (1011, "actor.starting")
        assert trio.current_time() == pytest.approx(15)


async def test_kick_of_a_silent_peer_takes_five_seconds(autojump_clock: MockClock) -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        bob = joined(runtime, Login("bob"), manner="silent")
        await ann.gets("init")
        await bob.gets("init")
        call = ann.call("kick", "bob")
        await ann.gets("reply", call)
        assert trio.current_time() == pytest.approx(5)
        assert bob.gone


async def test_the_sixty_fifth_call_waits_in_the_inbox(autojump_clock: MockClock) -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        calls = [ann.call("nap", 0.1) for _ in range(100)]
        assert ann.inbox is not None
        assert len(ann.inbox) == 36
        await ann.gets("reply", calls[-1])


async def test_a_flood_is_closed(autojump_clock: MockClock) -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        ann.call("nap", 1000.0)
        for _ in range(1200):
            ann.call("say", "x")
        assert await ann.closed() == (1008, "connection.flooding")


async def test_put_away_and_back_nobody_notices() -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        ann.subscribe("said")
        ann.call("say", "one")
        before = list(LOG)
        await runtime.put_away(definition_of(Room), Address(key=("r",)))
        assert runtime.directory.awake_now(definition_of(Room), Address(key=("r",))) is None
        call = ann.call("say", "two")
        assert await ann.gets("reply", call) == ("reply", call, 2)
        assert ("event", "said", "two") in ann.frames
        assert before == LOG
        assert sum(frame[0] == "init" for frame in ann.frames) == 1


async def test_a_client_that_left_while_parked_gets_its_hook_once() -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        await runtime.put_away(definition_of(Room), Address(key=("r",)))
        ann.vanish()
        await wait_all_tasks_blocked()
        assert LOG.count("disconnect ann network visible=False") == 1


async def test_calls_that_had_not_begun_move_to_the_next_instance(
    autojump_clock: MockClock,
) -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        first = ann.call("nap", 1.0)
        second, third = ann.call("say", "two"), ann.call("say", "three")
        await runtime.put_away(definition_of(Room), Address(key=("r",)))
        assert await ann.gets("reply", first)
        assert await ann.gets("reply", second) == ("reply", second, 1)
        assert await ann.gets("reply", third) == ("reply", third, 2)


async def test_leaving_the_runtime_closes_and_runs_hooks() -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
    assert ann.closing == (1012, "")
    assert LOG[-1] == "disconnect ann stop visible=False"


async def test_an_unknown_action_says_so() -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        for name in ("nope", "__class__", "state", "on_connect", "_trivet_host"):
            call = ann.call(name)
            assert await ann.gets("failure", call) == ("failure", call, "actor.action_not_found")


async def test_bad_arguments_do_not_reach_the_actor() -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        for args in ([], [1], ["a", "b"], [None]):
            call = ann.call("say", *args)
            assert ann.frames[-1] == ("failure", call, "actor.validation_error")


async def test_a_synchronous_action_can_read_its_callers_deadline(
    autojump_clock: MockClock,
) -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        assert ann.inbox is not None
        for call, deadline in enumerate((2500, None)):
            ann.inbox.receive(ActionRequest(call, "patience", [], deadline), 10)
        assert ann.frames[-2:] == [("reply", 0, 2.5), ("reply", 1, math.inf)]


async def test_names_that_are_no_events_are_accepted_and_not_kept() -> None:
    async with running() as runtime:
        ann = joined(runtime, Login("ann"))
        await ann.gets("init")
        for number in range(100):
            ann.subscribe(f"no such event {number}")
        ann.subscribe("said")
        assert ann.inbox is not None
        assert ann.inbox.connection is not None
        assert ann.inbox.connection.subscriptions == {"said": None}
        assert ann.closing is None
