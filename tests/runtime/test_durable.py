"""Effects of turns on a durable store: none is out before what it rests on is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, opened, put_away, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.registry import definition_of
from trivet.declare.values import Place, shape_of
from trivet.runtime.asking import ask
from trivet.runtime.runtime import Runtime

NUMBERS = shape_of(list[int], place=Place.STATE, where="state")


class Ledger(Actor[list[int]]):
    added = Event[int]()

    @action
    def add(self, number: int) -> int:
        self.state.append(number)
        self.broadcast(Ledger.added, number)
        return len(self.state)

    @action
    async def add_later(self, number: int) -> int:
        return self.add(number)

    @action
    def add_and_fail(self, number: int) -> None:
        self.add(number)
        raise errors.UserError("no", code="failed")

    @action
    async def add_and_fail_later(self, number: int) -> None:
        self.add_and_fail(number)

    @action
    def tell_first(self, number: int) -> int:
        self.broadcast(Ledger.added, number)
        self.state.append(number)
        return number

    @action
    async def tell_first_later(self, number: int) -> int:
        return self.tell_first(number)

    @action
    def ping(self) -> str:
        return "pong"

    @action
    async def add_two(self, number: int) -> int:
        """Two changes, of which the first is stored while the second is still to come."""
        self.state.append(number)
        await self.save()
        self.state.append(number)
        await trio.lowlevel.checkpoint()
        return len(self.state)

    @action
    async def add_slowly(self, number: int) -> None:
        """Say something in the middle of a turn, and change more after it."""
        self.add(number)
        await trio.sleep(1)
        self.add(number)


async def by_ask(runtime: Runtime, action: Action[Any, ..., Any], *args: Any) -> Any:
    method = definition_of(Ledger).methods[action]
    return await ask(await wake(runtime, Ledger), method, args, None)


async def outcome(asked: Callable[..., Any], log: list[str], *args: Any) -> None:
    try:
        log.append(str(await asked(*args)))
    except errors.ActionError as error:
        log.append(error.code)


ADDING = [
    (Ledger.add, "1"),
    (Ledger.add_later, "1"),
    (Ledger.add_and_fail, "failed"),
    (Ledger.add_and_fail_later, "failed"),
]


@pytest.mark.parametrize(("action", "said"), ADDING)
async def test_a_caller_is_answered_when_the_change_is_stored(
    action: Action[Any, ..., Any], said: str
) -> None:
    storage, log = HeldStorage(), list[str]()
    async with opened(Ledger, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(outcome, by_ask, log, runtime, action, 1)
        await wait_all_tasks_blocked()
        assert log == []
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert log == [said]
    assert [save.data for save in storage.saves] == [NUMBERS.encode([1])]


@pytest.mark.parametrize(("action", "_"), ADDING)
async def test_a_caller_whose_change_is_lost_is_told(action: Action[Any, ..., Any], _: str) -> None:
    storage, log = HeldStorage(), list[str]()
    async with opened(Ledger, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(outcome, by_ask, log, runtime, action, 1)
        await wait_all_tasks_blocked()
        storage.saves[0].fail()
        await wait_all_tasks_blocked()
        assert log == ["state_not_saved"]
        storage.holding = False
        assert await call(runtime, Ledger.add, 7) == 1


@pytest.mark.parametrize(("action", "said"), ADDING)
async def test_a_client_gets_events_and_reply_when_the_change_is_stored(
    action: Action[Any, ..., Any], said: str
) -> None:
    storage = HeldStorage()
    async with opened(Ledger, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Ledger, "a")
        await link.gets("init")
        link.subscribe("added")
        number = link.call(action.slot, 1)
        await wait_all_tasks_blocked()
        assert len(link.frames) == 1
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert link.frames[1] == ("event", "added", 1)
        answer = ("failure", number, "user.failed") if said == "failed" else ("reply", number, 1)
        assert link.frames[2] == answer


@pytest.mark.parametrize("action", [Ledger.tell_first, Ledger.tell_first_later])
async def test_what_is_said_before_the_change_waits_for_it_too(
    action: Action[Any, ..., Any],
) -> None:
    storage = HeldStorage()
    async with opened(Ledger, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Ledger, "a")
        await link.gets("init")
        link.subscribe("added")
        link.call(action.slot, 1)
        await wait_all_tasks_blocked()
        assert len(link.frames) == 1
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert [frame[0] for frame in link.frames] == ["init", "event", "reply"]


async def test_a_client_whose_change_is_lost_is_told_and_stays() -> None:
    storage = HeldStorage()
    async with opened(Ledger, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Ledger, "a")
        await link.gets("init")
        link.subscribe("added")
        number = link.call("add", 1)
        await wait_all_tasks_blocked()
        storage.saves[0].fail()
        assert await link.gets("failure") == ("failure", number, "actor.state_not_saved")
        storage.holding = False
        again = link.call("add", 2)
        assert await link.gets("reply") == ("reply", again, 1)
        assert ("event", "added", 1) not in link.frames
        assert ("event", "added", 2) in link.frames  # its subscription stayed, too


async def test_the_next_turn_does_not_wait_and_stands_behind() -> None:
    storage, log = HeldStorage(), list[str]()
    async with opened(Ledger, storage=storage) as runtime, trio.open_nursery() as nursery:
        for number in (1, 2, 3):
            nursery.start_soon(outcome, by_ask, log, runtime, Ledger.add, number)
            await wait_all_tasks_blocked()
        nursery.start_soon(outcome, by_ask, log, runtime, Ledger.ping)
        await wait_all_tasks_blocked()
        assert log == []  # a turn that only reads stands behind them, too
        instance = awake(runtime, Ledger)
        assert instance is not None
        assert instance.state.value == [1, 2, 3]
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert log == ["1"]
        storage.saves[1].succeed()
        await wait_all_tasks_blocked()
        assert sorted(log[1:]) == ["2", "3", "pong"]
    assert [save.data for save in storage.saves] == [
        NUMBERS.encode([1]),
        NUMBERS.encode([1, 2, 3]),
    ]


async def test_what_rests_on_nothing_is_answered_at_once() -> None:
    storage = HeldStorage()
    async with opened(Ledger, storage=storage) as runtime:
        assert await call(runtime, Ledger.ping) == "pong"
        assert storage.saves == []


async def test_saving_ends_the_segment() -> None:
    storage, log = HeldStorage(), list[str]()
    async with opened(Ledger, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(outcome, by_ask, log, runtime, Ledger.add_two, 1)
        await wait_all_tasks_blocked()
        assert [save.data for save in storage.saves] == [NUMBERS.encode([1])]
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        storage.saves[1].succeed()
        await wait_all_tasks_blocked()
        assert log == ["2"]


async def test_a_suspended_turn_may_be_stored_in_the_middle(autojump_clock: MockClock) -> None:
    storage, log = HeldStorage(), list[str]()
    async with opened(Ledger, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = PlayedLink(runtime)
        link.connect(Ledger, "a")
        await link.gets("init")
        link.subscribe("added")
        nursery.start_soon(outcome, by_ask, log, runtime, Ledger.add_slowly, 1)
        await wait_all_tasks_blocked()
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert link.frames[1:] == [("event", "added", 1)]
        await trio.sleep(2)
        assert log == []
        storage.saves[1].succeed()
        await wait_all_tasks_blocked()
        assert link.frames[1:] == [("event", "added", 1)] * 2
        assert log == ["None"]


async def test_a_failed_save_cuts_the_running_turn(autojump_clock: MockClock) -> None:
    storage, log = HeldStorage(), list[str]()
    async with opened(Ledger, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = PlayedLink(runtime)
        link.connect(Ledger, "a")
        await link.gets("init")
        link.subscribe("added")
        nursery.start_soon(outcome, by_ask, log, runtime, Ledger.add_slowly, 1)
        await wait_all_tasks_blocked()
        storage.saves[0].fail()
        await wait_all_tasks_blocked()
        assert log == ["state_not_saved"]
        assert trio.current_time() == 0
        storage.holding = False


async def test_reloading_finds_what_was_told() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Ledger, storage=storage) as runtime:
        for number in range(5):
            assert await call(runtime, Ledger.add, number) == number + 1
            await put_away(runtime, Ledger)
        assert await call(runtime, Ledger.add, 5) == 6
