"""``self.conn``: the connection whose call is running, made on first use for stateless calls."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, recorder_of, wake
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.lifecycle.connection import ConnectionEvent


@attrs.define
class Seat:
    visits: int = 0


class Counter(Actor[None, Seat]):
    """Has no connection hooks, so stateless calls get a connection only if they look at it."""

    moved = Event[int]()

    @action
    def ignore(self) -> int:
        return len(self.conns)

    @action
    def visit(self) -> tuple[str, int, bool]:
        self.conn.state.visits += 1
        return self.conn.kind, self.conn.state.visits, self.conn.id in self.conns

    @action
    async def visit_later(self) -> tuple[str, int, bool]:
        first = self.conn
        await trio.lowlevel.checkpoint()
        assert self.conn is first
        return self.visit()

    @action
    async def visit_in_a_child(self) -> bool:
        found: list[object] = []

        async def look() -> None:
            found.append(self.conn)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
        return found == [self.conn]

    @action
    def say(self) -> bool:
        return self.conn.send(Counter.moved, 1)

    @action
    async def kick_myself(self) -> tuple[bool, str | None]:
        await self.conn.disconnect()
        return self.conn.id in self.conns, self.conn.close_cause

    @action
    async def nap(self) -> None:
        assert self.conn
        await trio.sleep(5)

    @action(timeout=1)
    async def cut(self) -> None:
        assert self.conn
        await trio.sleep_forever()

    @action
    def fail(self) -> None:
        assert self.conn
        raise errors.UserError("no")


VISITS = [Counter.visit, Counter.visit_later]


async def test_a_call_that_does_not_look_has_none() -> None:
    async with opened(Counter) as runtime:
        assert await call(runtime, Counter.ignore) == 0
        assert recorder_of(runtime).connections == {}


@pytest.mark.parametrize("action", VISITS)
async def test_each_call_has_a_fresh_one(action: Action[Any, ..., Any]) -> None:
    async with opened(Counter) as runtime:
        for _ in range(2):
            assert await call(runtime, action) == ("call", 1, True)
        assert await call(runtime, Counter.ignore) == 0
        assert recorder_of(runtime).steps(ConnectionEvent.LEFT) == 2


@pytest.mark.parametrize("action", VISITS)
async def test_a_link_has_one_for_all_its_calls(action: Action[Any, ..., Any]) -> None:
    async with opened(Counter) as runtime:
        link = PlayedLink(runtime)
        link.connect(Counter, "a")
        for visits in (1, 2, 3):
            number = link.call(action.slot)
            assert await link.gets("reply", number) == (
                *("reply", number),
                ["connection", visits, True],
            )


async def test_children_of_a_call_share_it() -> None:
    async with opened(Counter) as runtime:
        assert await call(runtime, Counter.visit_in_a_child) is True


async def test_nobody_hears_what_is_sent_to_it() -> None:
    async with opened(Counter) as runtime:
        assert await call(runtime, Counter.say) is False


async def test_it_may_kick_itself() -> None:
    async with opened(Counter) as runtime:
        assert await call(runtime, Counter.kick_myself) == (False, "kick")


@pytest.mark.parametrize("action", [Counter.fail, Counter.cut])
async def test_it_ends_with_a_call_that_fails(
    action: Action[Any, ..., Any], autojump_clock: MockClock
) -> None:
    async with opened(Counter) as runtime:
        with pytest.raises(errors.ActionError):
            await call(runtime, action)
        assert await call(runtime, Counter.ignore) == 0


async def test_it_lasts_as_long_as_its_call(autojump_clock: MockClock) -> None:
    async with opened(Counter) as runtime:
        instance = await wake(runtime, Counter)
        with trio.move_on_after(1):
            await call(runtime, Counter.nap)
        assert len(instance.conns) == 1
        await trio.sleep(5)
        assert len(instance.conns) == 0


async def test_outside_of_calls_there_is_none() -> None:
    async with opened(Counter) as runtime:
        actor = (await wake(runtime, Counter)).actor
        with pytest.raises(errors.NoConnectionError):
            assert actor.conn
        async with actor.turn():
            with pytest.raises(errors.NoConnectionError):
                assert actor.conn


class Hooked(Actor[list[str], Seat], call_hooks=False):
    async def create_conn_state(self, params: None) -> Seat:
        self.look("create_conn_state")
        return Seat(100)

    async def on_before_connect(self, params: None) -> None:
        self.look("on_before_connect")

    async def on_connect(self, conn: Conn[Seat]) -> None:
        self.look("on_connect")

    async def on_disconnect(self, conn: Conn[Seat]) -> None:
        self.look("on_disconnect")

    async def on_before_action_response(self, action: object, args: object, output: Any) -> Any:
        return [output, self.conn.kind]

    def look(self, hook: str) -> None:
        with pytest.raises(errors.NoConnectionError):
            assert self.conn
        LOOKED.append(hook)

    @action
    def visit(self) -> Any:
        return self.conn.kind


LOOKED: list[str] = []


async def test_hooks_have_none_and_calls_without_hooks_still_do() -> None:
    LOOKED.clear()
    async with opened(Hooked) as runtime:
        assert await call(runtime, Hooked.visit) == ["call", "call"]
        assert LOOKED == []
        link = PlayedLink(runtime)
        link.connect(Hooked, "a")
        await link.gets("init")
        number = link.call("visit")
        assert await link.gets("reply", number) == (
            *("reply", number),
            ["connection", "connection"],
        )
        link.vanish()
        await wait_all_tasks_blocked()
        assert LOOKED == ["on_before_connect", "create_conn_state", "on_connect", "on_disconnect"]


class Slow(Actor):
    async def on_before_action_response(self, action: object, args: object, output: Any) -> Any:
        await trio.sleep_forever()

    @action
    def look(self) -> None:
        pass

    @action
    async def look_later(self) -> None:
        await trio.sleep(50)


@pytest.mark.parametrize("action", [Slow.look, Slow.look_later])
async def test_looking_at_a_result_takes_no_longer_than_the_action_may(
    action: Action[Any, ..., Any], autojump_clock: MockClock
) -> None:
    async with opened(Slow) as runtime:
        with pytest.raises(errors.ActionError, match="action_timed_out"):
            await call(runtime, action)
        assert trio.current_time() == 60
