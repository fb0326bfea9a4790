from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, opened, wake
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn


class Keeper(Actor[list[str]], call_hooks=False):
    async def on_connect(self, conn: Conn) -> None:
        async with self.turn():
            pass

    async def write(self, text: str, seconds: float = 0) -> None:
        async with self.turn():
            before = len(self.state)
            await trio.sleep(seconds)
            assert len(self.state) == before
            self.state = [*self.state, text]

    async def write_and_fail(self, text: str) -> None:
        async with self.turn():
            self.state.append(text)
            raise ValueError("oops")

    @action
    async def nested(self) -> None:
        await self.write("nested")

    @action
    async def in_a_child(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.write, "nested")

    @action
    async def nap(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.state = [*self.state, "napped"]

    @action
    async def assign_in_a_child(self) -> None:
        async def assign() -> None:
            await trio.lowlevel.checkpoint()
            self.state = ["by a child"]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(assign)

    @action
    async def lend_out(self) -> None:
        """Start a task that outlives the turn, in a nursery that is not the actor's."""
        NURSERIES[-1].start_soon(self.outlive)

    async def outlive(self) -> None:
        await wait_all_tasks_blocked()
        for use in (self.assign, self.use_conn):
            with pytest.raises((errors.NotInTurnError, errors.NoConnectionError)):
                use()
        await self.write("outlived")

    def assign(self) -> None:
        self.state = []

    def use_conn(self) -> None:
        assert self.conn

    @action
    def get(self) -> list[str]:
        return self.state


NURSERIES: list[trio.Nursery] = []


async def test_turns_of_other_tasks_exclude_each_other(autojump_clock: MockClock) -> None:
    async with opened(Keeper) as runtime, trio.open_nursery() as nursery:
        actor = (await wake(runtime, Keeper)).actor
        nursery.start_soon(call, runtime, Keeper.nap, 1.0)
        await wait_all_tasks_blocked()
        for text in "abc":
            nursery.start_soon(actor.write, text, 1.0)
            await wait_all_tasks_blocked()
        assert await call(runtime, Keeper.get) == ["napped", "a", "b", "c"]
        assert trio.current_time() == 4


@pytest.mark.parametrize("action", [Keeper.nested, Keeper.in_a_child])
async def test_a_turn_inside_a_turn_is_refused(action: Action[Any, ..., Any]) -> None:
    async with opened(Keeper) as runtime:
        with pytest.raises(errors.ActionError, match="already_in_turn"):
            await call(runtime, action)
        assert await call(runtime, Keeper.get) == []


async def test_a_turn_inside_a_hook_is_refused() -> None:
    async with opened(Keeper) as runtime:
        link = PlayedLink(runtime)
        link.connect(Keeper, "a")
        assert await link.closed() == (1011, "actor.already_in_turn")


async def test_a_child_of_a_turn_belongs_to_it() -> None:
    async with opened(Keeper) as runtime:
        await call(runtime, Keeper.assign_in_a_child)
        assert await call(runtime, Keeper.get) == ["by a child"]


async def test_a_task_that_outlives_its_turn_has_none() -> None:
    async with opened(Keeper) as runtime:
        async with trio.open_nursery() as nursery:
            NURSERIES.append(nursery)
            await call(runtime, Keeper.lend_out)
        assert await call(runtime, Keeper.get) == ["outlived"]


async def test_a_turn_of_one_actor_is_none_of_another() -> None:
    async with opened(Keeper) as runtime:
        first = (await wake(runtime, Keeper, "a")).actor
        second = (await wake(runtime, Keeper, "b")).actor
        async with first.turn():
            with pytest.raises(errors.NotInTurnError):
                second.assign()
            async with second.turn():  # of another actor: allowed
                second.assign()
            first.assign()


async def test_a_failing_body_ends_the_turn() -> None:
    async with opened(Keeper) as runtime:
        actor = (await wake(runtime, Keeper)).actor
        with pytest.raises(ValueError, match="oops"):
            await actor.write_and_fail("kept")
        with pytest.raises(errors.NotInTurnError):
            actor.assign()
        assert await call(runtime, Keeper.get) == ["kept"]


async def test_a_cancelled_wait_takes_no_turn(autojump_clock: MockClock) -> None:
    async with opened(Keeper) as runtime, trio.open_nursery() as nursery:
        actor = (await wake(runtime, Keeper)).actor
        nursery.start_soon(call, runtime, Keeper.nap, 5.0)
        await wait_all_tasks_blocked()
        with trio.move_on_after(1):
            await actor.write("never")
        assert await call(runtime, Keeper.get) == ["napped"]


async def test_only_requests_are_ever_refused(autojump_clock: MockClock) -> None:
    async with opened(Keeper) as runtime, trio.open_nursery() as nursery:
        actor = (await wake(runtime, Keeper)).actor
        for _ in range(1001):
            nursery.start_soon(call, runtime, Keeper.nap, 0.01)
        await wait_all_tasks_blocked()
        with pytest.raises(errors.ActionError, match="overloaded"):
            await call(runtime, Keeper.get)
        await actor.write("served")
        assert (await call(runtime, Keeper.get))[-1] == "served"


async def test_outside_of_any_turn_state_is_read_only() -> None:
    async with opened(Keeper) as runtime:
        await wake(runtime, Keeper)
        instance = awake(runtime, Keeper)
        assert instance is not None
        assert instance.actor.state == []
        with pytest.raises(errors.NotInTurnError):
            instance.actor.assign()


async def test_a_turn_and_a_save_let_others_run() -> None:
    async with opened(Keeper) as runtime:
        actor = (await wake(runtime, Keeper)).actor
        with assert_checkpoints():
            async with actor.turn():
                pass
        with assert_checkpoints():
            await actor.save()
