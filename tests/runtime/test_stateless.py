"""Stateless calls of a class with connection hooks: short connections of their own."""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import awake, call, opened, put_away, recorder_of, wake
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.lifecycle.connection import ConnectionEvent
from trivet.runtime.runtime import Runtime


@attrs.frozen
class Ticket:
    """What a caller shows, and what the hooks shall do with it: ``{"connect": "fail"}``."""

    name: str = "ann"
    script: dict[str, str] = attrs.Factory(dict[str, str])


class Desk(Actor[list[str], Ticket, Ticket]):
    """Logs everything in its state, and plays each ticket's script."""

    async def on_before_connect(self, params: Ticket) -> None:
        await self.play("before", params)

    async def create_conn_state(self, params: Ticket) -> Ticket:
        await self.play("state", params)
        return params

    async def on_connect(self, conn: Conn[Ticket]) -> None:
        assert conn.kind == "call"
        self.state.append(f"{conn.state.name} in")
        await self.play("connect", conn.state, conn)

    async def on_disconnect(self, conn: Conn[Ticket]) -> None:
        self.state.append(f"{conn.state.name} out {conn.close_cause}")
        await self.play("disconnect", conn.state, conn)
        self.state.append(f"{conn.state.name} gone")

    async def play(self, stage: str, ticket: Ticket, conn: Conn[Ticket] | None = None) -> None:
        match ticket.script.get(stage, "").split():
            case ["fail"]:
                raise errors.UserError("no entry", code=stage)
            case ["sleep", seconds]:
                await trio.sleep(float(seconds))
            case ["kick"]:
                assert conn is not None
                await conn.disconnect()
            case ["conn"]:
                assert self.conn is not None
            case _:
                pass

    @action
    async def ask(self, seconds: float = 0) -> str:
        self.state.append(f"{self.conn.state.name} asks")
        await trio.sleep(seconds)
        self.state.append(f"{self.conn.state.name} has asked")
        return self.conn.state.name

    @action
    def ask_now(self) -> str:
        assert self.conn.id in self.conns
        self.state.append(f"{self.conn.state.name} asks")
        return self.conn.state.name

    @action
    async def leave(self) -> str:
        await self.conn.disconnect()
        self.state.append(f"{self.conn.state.name} goes on")
        return self.conn.state.name

    @action
    async def throw_out(self, name: str) -> None:
        await trio.sleep(1)
        for conn in self.conns.select(lambda conn: conn.state.name == name):
            await conn.disconnect("out")


def log(runtime: Runtime) -> list[str]:
    instance = awake(runtime, Desk)
    assert instance is not None
    state: list[str] = instance.state.value
    return state


async def ask(runtime: Runtime, *args: Any, name: str = "ann", **script: str) -> Any:
    return await call(runtime, Desk.ask, *args, params=Ticket(name, script))


async def test_the_hooks_run_around_the_action() -> None:
    async with opened(Desk) as runtime:
        assert await ask(runtime) == "ann"
        await wait_all_tasks_blocked()
        assert log(runtime) == ["ann in", "ann asks", "ann has asked", "ann out client", "ann gone"]
        assert await call(runtime, Desk.ask_now, params=Ticket("bob")) == "bob"
        await wait_all_tasks_blocked()
        assert log(runtime)[5:] == ["bob in", "bob asks", "bob out client", "bob gone"]


async def test_nothing_comes_between_the_hooks_of_one_call(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        for name in ("ann", "bob", "eve"):
            slow = {"connect": "sleep 1", "disconnect": "sleep 1"}
            nursery.start_soon(partial(ask, runtime, 1, name=name, **slow))
        await trio.sleep(20)
        lines = [line.split()[0] for line in log(runtime)]
        assert sorted(lines) == sorted(["ann"] * 5 + ["bob"] * 5 + ["eve"] * 5)
        assert [len(set(lines[start : start + 5])) for start in (0, 5, 10)] == [1, 1, 1]


@pytest.mark.parametrize("stage", ["before", "state"])
async def test_a_refused_call_was_never_there(stage: str) -> None:
    async with opened(Desk) as runtime:
        with pytest.raises(errors.UserError) as caught:
            await ask(runtime, **{stage: "fail"})
        assert caught.value.code == stage
        await wait_all_tasks_blocked()
        assert log(runtime) == []
        assert recorder_of(runtime).steps(ConnectionEvent.REFUSE) == 1


async def test_a_failing_on_connect_fails_the_call_and_still_gets_its_on_disconnect() -> None:
    async with opened(Desk) as runtime:
        with pytest.raises(errors.UserError) as caught:
            await ask(runtime, connect="fail")
        assert caught.value.code == "connect"
        await wait_all_tasks_blocked()
        assert log(runtime) == ["ann in", "ann out hook", "ann gone"]


@pytest.mark.parametrize("stage", ["before", "state", "connect"])
async def test_a_hook_that_hangs_fails_the_call(stage: str, autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        with pytest.raises(errors.ActionError) as caught:
            await ask(runtime, **{stage: "sleep 100"})
        assert caught.value.code == "callback_timed_out"
        assert trio.current_time() == 5


async def test_a_failing_on_disconnect_does_not_change_the_reply() -> None:
    async with opened(Desk) as runtime:
        assert await ask(runtime, disconnect="fail") == "ann"
        assert await ask(runtime, name="bob") == "bob"


async def test_an_action_that_was_cut_still_gets_its_on_disconnect(
    autojump_clock: MockClock,
) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(partial(ask, runtime, name="bob", before="sleep 1"))
        with pytest.raises(errors.ActionError, match="action_timed_out"):
            await ask(runtime, 100)
        await trio.sleep(1)
        assert log(runtime)[:5] == ["ann in", "ann asks", "ann out client", "ann gone", "bob in"]


async def test_an_actions_time_does_not_count_for_the_hooks(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        assert await ask(runtime, 58, connect="sleep 4", disconnect="sleep 4") == "ann"
        await trio.sleep(5)
        assert log(runtime)[-1] == "ann gone"


async def test_the_time_in_the_queue_does_not_count_for_the_hooks(
    autojump_clock: MockClock,
) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(ask, runtime, 58)
        await wait_all_tasks_blocked()
        assert await ask(runtime, connect="sleep 4") == "ann"
        assert trio.current_time() == 62


async def test_a_caller_may_leave_in_preflight(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        with trio.move_on_after(1):
            await ask(runtime, before="sleep 3")
        await trio.sleep(5)
        assert log(runtime) == []
        assert recorder_of(runtime).steps(ConnectionEvent.REFUSE) == 1


async def test_a_caller_who_leaves_in_the_queue_was_visible(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(partial(ask, runtime, 5, name="bob"))
        await wait_all_tasks_blocked()
        with trio.move_on_after(1):
            await ask(runtime)
        await trio.sleep(10)
        assert log(runtime)[-2:] == ["ann out client", "ann gone"]
        assert "ann asks" not in log(runtime)


async def test_a_caller_who_leaves_cuts_nothing_that_runs(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        with trio.move_on_after(1):
            await ask(runtime, 5)
        await trio.sleep(5)
        assert log(runtime)[-3:] == ["ann has asked", "ann out client", "ann gone"]


async def test_a_call_that_has_waited_too_long_is_dropped_with_its_connection(
    autojump_clock: MockClock,
) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        for name in ("ann", "bob"):
            nursery.start_soon(partial(ask, runtime, 40, name=name))
            await wait_all_tasks_blocked()
        with pytest.raises(errors.ActionError, match="overloaded"):
            await ask(runtime, name="eve")
        assert trio.current_time() == 60
        await trio.sleep(21)
        assert log(runtime)[-2:] == ["eve out client", "eve gone"]


async def test_a_call_kicks_itself_and_goes_on() -> None:
    async with opened(Desk) as runtime:
        assert await call(runtime, Desk.leave, params=Ticket()) == "ann"
        assert log(runtime) == ["ann in", "ann out kick", "ann gone", "ann goes on"]


async def test_a_call_that_was_kicked_in_the_queue_does_not_begin(
    autojump_clock: MockClock,
) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(partial(call, runtime, Desk.throw_out, "ann", params=Ticket("bob")))
        await wait_all_tasks_blocked()
        with pytest.raises(errors.ConnectionClosed):
            await ask(runtime)
        await trio.sleep(1)
        assert log(runtime) == ["bob in", "ann out kick", "ann gone", "bob out client", "bob gone"]


@pytest.mark.parametrize("stage", ["connect", "disconnect"])
async def test_a_hook_cannot_await_the_end_of_its_own_call(
    stage: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Desk) as runtime:
        if stage == "connect":
            with pytest.raises(errors.WouldDeadlockError):
                await ask(runtime, connect="kick")
        else:
            await ask(runtime, disconnect="kick")
            await wait_all_tasks_blocked()
            assert "WouldDeadlockError" in caplog.text
        assert trio.current_time() == 0


@pytest.mark.parametrize("stage", ["before", "state", "connect", "disconnect"])
async def test_hooks_have_no_connection_of_their_own(
    stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Desk) as runtime:
        if stage == "disconnect":
            await ask(runtime, disconnect="conn")
            await wait_all_tasks_blocked()
            assert "NoConnectionError" in caplog.text
        else:
            with pytest.raises(errors.NoConnectionError):
                await ask(runtime, **{stage: "conn"})


@pytest.mark.parametrize("stage", ["before", "connect"])
async def test_a_call_whose_actor_stops_moves_to_the_next_instance(
    stage: str, autojump_clock: MockClock
) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        await wake(runtime, Desk)
        first = {stage: "sleep 2"} if stage == "before" else {}
        if stage == "connect":
            nursery.start_soon(partial(ask, runtime, 2, name="bob"))
            await wait_all_tasks_blocked()
        nursery.start_soon(partial(ask, runtime, **first))
        await wait_all_tasks_blocked()
        await put_away(runtime, Desk)
        assert trio.current_time() == (0 if stage == "before" else 2)
        await trio.sleep(5)
        assert log(runtime)[-5:] == [
            *("ann in", "ann asks", "ann has asked", "ann out client", "ann gone")
        ]
