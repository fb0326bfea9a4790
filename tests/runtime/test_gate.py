"""The gate on a durable store whose saves the test ends one by one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.fakes import fake_instance
from tests.runtime.runtimes import Recorder
from tests.runtime.stores import HeldStorage
from trivet.declare.options import Options
from trivet.declare.values import Place, shape_of
from trivet.ports.records import ActorRecord
from trivet.ports.storage import Storage
from trivet.runtime.between_turns import BetweenTurns
from trivet.runtime.gate import Gate
from trivet.runtime.journal import Journal
from trivet.runtime.mailbox import Mailbox
from trivet.runtime.state import State
from trivet.runtime.turn import Turn
from trivet.storage.memory import MemoryStorage

NUMBERS = shape_of(list[int], place=Place.STATE, where="Fake: state")


@attrs.define(eq=False)
class Gated:
    """A gate with what it needs of its instance, and a log of what came out."""

    runtime: Any
    state: State
    mailbox: Mailbox
    holds_effects: bool
    definition: Any = attrs.Factory(lambda: SimpleNamespace(name="Fake", options=Options()))
    journal: Journal | None = None
    state_watch: None = None
    is_stored: bool = True
    actor_id: str = "1"
    generation: int = 1
    label: str = "Fake/a"
    key: tuple[str, ...] = ("a",)
    crashes: list[str] = attrs.Factory(list[str])
    log: list[str] = attrs.Factory(list[str])

    def crash(self, why: str) -> None:
        self.crashes.append(why)

    def autosave(self) -> None:
        """Not due by itself."""

    def change(self, number: int) -> None:
        self.state.touched = True
        self.state.value.append(number)

    def say(self, gate: Gate, word: str) -> None:
        def dropped(error: errors.Error) -> None:
            self.log.append(f"{word}: {error.code}")

        gate.emit(lambda: self.log.append(word), dropped)


@asynccontextmanager
async def gated(storage: Storage) -> AsyncGenerator[tuple[Gate, Gated]]:
    owner = fake_instance()
    state = State(owner, NUMBERS)
    state.restore(NUMBERS.encode([]))
    record = ActorRecord(id="1", name="Fake", key=("a",), created_at=0)
    await storage.create(record, "power")
    async with trio.open_nursery() as nursery:
        runtime = SimpleNamespace(
            storage=storage, between_turns=BetweenTurns(), observer=Recorder()
        )
        nursery.start_soon(runtime.between_turns.run)
        instance = Gated(runtime, state, owner.mailbox, storage.durable)
        gate = owner.mailbox.gate = Gate(cast("Any", instance))
        yield gate, instance
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_what_rests_on_no_change_leaves_at_once() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        assert gate.is_open
        actor.say(gate, "hello")
        assert actor.log == ["hello"]
    assert storage.saves == []


async def test_an_effect_waits_for_the_save_of_what_was_changed_before_it() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        actor.change(1)
        actor.say(gate, "changed")
        await wait_all_tasks_blocked()
        assert actor.log == []
        (save,) = storage.saves
        assert save.data == NUMBERS.encode([1])
        save.succeed()
        await wait_all_tasks_blocked()
        assert actor.log == ["changed"]
        assert gate.is_open


async def test_a_state_that_was_only_read_is_not_saved() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        actor.state.touched = True
        actor.say(gate, "read")
        assert actor.log == ["read"]
        assert gate.is_open
    assert storage.saves == []


async def test_what_a_turn_says_waits_for_what_it_changes_then() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        turn = Turn(fake_instance(), "turn")
        actor.mailbox.put(turn)
        actor.say(gate, "first")
        actor.change(1)
        actor.mailbox.end(turn)
        await wait_all_tasks_blocked()
        assert actor.log == []
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert actor.log == ["first"]


async def test_effects_leave_in_the_order_they_were_made() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        actor.change(1)
        actor.say(gate, "one")
        await wait_all_tasks_blocked()
        actor.say(gate, "two")  # rests on nothing new, and yet stands behind
        actor.change(2)
        actor.say(gate, "three")
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert actor.log == ["one"]
        storage.saves[1].succeed()
        await wait_all_tasks_blocked()
        assert actor.log == ["one", "two", "three"]


async def test_one_save_is_in_flight_and_the_next_takes_the_newest_state() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        for number in range(5):
            actor.change(number)
            actor.say(gate, str(number))
            await wait_all_tasks_blocked()
            assert len(storage.saves) == 1
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert [save.data for save in storage.saves] == [
            NUMBERS.encode([0]),
            NUMBERS.encode([0, 1, 2, 3, 4]),
        ]
        storage.saves[1].succeed()
        await wait_all_tasks_blocked()
        assert actor.log == ["0", "1", "2", "3", "4"]


async def test_settling_waits_for_everything_before() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        await gate.settle()  # nothing to wait for
        actor.change(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gate.settle)
            await wait_all_tasks_blocked()
            assert nursery.child_tasks
            storage.saves[0].succeed()


async def test_a_failed_save_drops_what_is_in_the_gate_and_tells() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        actor.change(1)
        actor.say(gate, "one")
        await wait_all_tasks_blocked()
        actor.change(2)
        actor.say(gate, "two")
        gate.emit(lambda: actor.log.append("nobody waits for this"))
        storage.saves[0].fail()
        await wait_all_tasks_blocked()
        assert actor.log == ["one: state_not_saved", "two: state_not_saved"]
        assert len(actor.crashes) == 1
        assert actor.runtime.observer.counts["save_failed"] == 1


async def test_after_a_failed_save_nothing_leaves_and_nothing_is_stored() -> None:
    """Who comes later rests on a state that will not be: the next instance starts from the old."""
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        actor.change(1)
        actor.say(gate, "one")
        await wait_all_tasks_blocked()
        storage.saves[0].fail()
        await wait_all_tasks_blocked()
        assert not gate.is_open
        actor.say(gate, "later")
        assert actor.log == ["one: state_not_saved", "later: state_not_saved"]
        actor.change(2)
        with pytest.raises(errors.ActionError, match="state_not_saved"):
            await gate.settle()
        await gate.save_last()
    assert len(storage.saves) == 1
    assert len(actor.crashes) == 1


async def test_a_state_that_does_not_fit_is_a_failed_save() -> None:
    storage = HeldStorage()
    async with gated(storage) as (gate, actor):
        actor.state.touched = True
        actor.state.value.append("one")
        with pytest.raises(errors.ActionError) as caught:
            await gate.settle()
        assert caught.value.code == "state_not_serializable"
        assert "@ $[0]" in str(caught.value.metadata)
    assert storage.saves == []
    assert len(actor.crashes) == 1


async def test_who_settles_in_vain_gets_an_exception_of_his_own() -> None:
    storage = HeldStorage()
    caught: list[errors.ActionError] = []
    async with gated(storage) as (gate, actor):

        async def settle() -> None:
            try:
                await gate.settle()
            except errors.ActionError as error:
                caught.append(error)

        actor.change(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(settle)
            nursery.start_soon(settle)
            await wait_all_tasks_blocked()
            storage.saves[0].fail()
    assert len({id(error) for error in caught}) == 2


async def test_the_last_save_takes_what_is_left_and_raises_nothing() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with gated(storage) as (gate, actor):
        actor.change(1)
        await gate.save_last()
        assert [save.data for save in storage.saves] == [NUMBERS.encode([1])]
        storage.holding = True
        actor.change(2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gate.save_last)
            await wait_all_tasks_blocked()
            storage.saves[1].fail()


async def test_in_memory_nothing_waits_and_settling_stores() -> None:
    storage = MemoryStorage()
    async with gated(storage) as (gate, actor):
        actor.change(1)
        assert gate.is_open
        actor.say(gate, "at once")
        assert actor.log == ["at once"]
        await gate.settle()
        record = await storage.load("1")
        assert record is not None
        assert record.state == NUMBERS.encode([1])


async def test_in_memory_a_save_that_fails_is_tried_again() -> None:
    storage = HeldStorage()
    storage.durable = False
    async with gated(storage) as (gate, actor):
        actor.change(1)
        async with trio.open_nursery() as nursery:

            async def settle() -> None:
                with pytest.raises(errors.ActionError, match="state_not_saved"):
                    await gate.settle()

            nursery.start_soon(settle)
            await wait_all_tasks_blocked()
            storage.saves[0].fail()
        storage.holding = False
        await gate.settle()
    assert [save.data for save in storage.saves] == [NUMBERS.encode([1])] * 2
    assert actor.crashes == []
