"""``on_state_change``: once for each segment that changed the state, and it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, handle, opened, wake
from tests.runtime.scribes import PAUSES, go_on, saved, words
from tests.runtime.stores import HeldStorage
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.ports.storage import Storage
from trivet.storage.memory import MemoryStorage

SEEN: list[list[int]] = []
MISTAKES: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    SEEN.clear()
    MISTAKES.clear()


class Watched(Actor[list[int]]):
    changed = Event[int]()

    def on_state_change(self) -> None:
        SEEN.append([*self.state])
        self.broadcast(Watched.changed, len(self.state))
        match MISTAKES.pop(0) if MISTAKES else "":
            case "append":
                self.state.append(-1)
            case "assign":
                self.state = []
            case "refuse":
                raise errors.UserError("no", code="refused")
            case _:
                pass

    @action
    def add(self, *numbers: int) -> list[int]:
        for number in numbers:
            self.state.append(number)
        return self.state

    @action
    async def add_slowly(self, name: str) -> list[int]:
        self.state.append(1)
        await PAUSES.setdefault(name, trio.Event()).wait()
        self.state.append(2)
        return self.state

    @action
    async def save_between(self) -> None:
        self.state.append(1)
        await self.save()
        self.state.append(2)

    @action
    async def call_between(self) -> None:
        self.state.append(1)
        await self.client.get_or_create(Watched, "b").call(Watched.get)
        self.state.append(2)

    @action
    async def kick_between(self) -> None:
        self.state.append(1)
        for conn in tuple(self.conns.values()):
            await conn.disconnect("out")
        self.state.append(2)

    @action
    async def say_between(self, name: str) -> None:
        self.state.append(1)
        self.broadcast(Watched.changed, 0)
        await PAUSES.setdefault(name, trio.Event()).wait()
        self.state.append(2)

    @action(atomic=True)
    def add_at_once(self, number: int) -> None:
        self.state.append(number)

    @action
    def add_and_fail(self, number: int) -> None:
        self.state.append(number)
        raise ValueError("something broke")

    @action(readonly=True)
    def get(self) -> list[int]:
        return self.state

    @action
    def look(self) -> int:
        return len(self.state)

    @action
    async def add_elsewhere(self, number: int) -> None:
        done = trio.Event()

        async def add() -> None:
            async with self.turn():
                self.state.append(number)
            done.set()

        self.start_soon(add)


class Beside(Actor[list[int]]):
    def on_state_change(self) -> None:
        SEEN.append([*self.state])

    @action(concurrent=True)
    async def add(self, number: int, name: str) -> None:
        self.state.append(number)
        await PAUSES.setdefault(name, trio.Event()).wait()
        self.state.append(-number)


async def test_each_turn_that_changes_it_is_one_call() -> None:
    async with opened(Watched) as runtime:
        for number in range(3):
            await call(runtime, Watched.add, number)
        assert await call(runtime, Watched.look) == 3
        assert await call(runtime, Watched.get) == [0, 1, 2]
        assert SEEN == [[0], [0, 1], [0, 1, 2]]


async def test_a_hundred_changes_of_one_turn_are_one_call() -> None:
    async with opened(Watched) as runtime:
        await call(runtime, Watched.add, *range(100))
        assert [list(range(100))] == SEEN


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(
    "action", [Watched.save_between, Watched.call_between, Watched.kick_between]
)
async def test_each_segment_is_one_call(action: Action[Any, ..., Any], durable: bool) -> None:
    async with opened(Watched, storage=_storage(durable)) as runtime:
        link = PlayedLink(runtime)
        link.connect(Watched, "a")
        await link.gets("init")
        await call(runtime, action)
        assert SEEN == [[1], [1, 2]]


async def test_a_segment_that_ends_because_something_was_said_is_one_call() -> None:
    storage = HeldStorage()
    async with opened(Watched, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Watched, "a")
        await link.gets("init")
        link.subscribe("changed")
        link.call("say_between", "end")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1]]
        assert SEEN == [[1]]
        await storage.store()
        assert words(link) == [0, 1]
        go_on("end")
        await wait_all_tasks_blocked()
        assert words(link) == [0, 1]
        await storage.store()
        assert words(link) == [0, 1, 2, "reply"]
        assert SEEN == [[1], [1, 2]]


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("mistake", ["append", "assign"])
async def test_a_change_inside_is_undone_and_fails_the_turn(mistake: str, durable: bool) -> None:
    async with opened(Watched, storage=_storage(durable)) as runtime:
        MISTAKES.append(mistake)
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Watched.add, 1)
        assert (caught.value.group, caught.value.code) == ("actor", "state_mutation_reentrant")
        assert await call(runtime, Watched.get) == [1]  # what the turn itself wrote is kept
        assert SEEN == [[1]]


async def test_what_it_raises_fails_the_turn() -> None:
    async with opened(Watched) as runtime:
        MISTAKES.append("refuse")
        with pytest.raises(errors.UserError, match="no"):
            await call(runtime, Watched.add, 1)
        assert await call(runtime, Watched.add, 2) == [1, 2]
        assert SEEN == [[1], [1, 2]]


async def test_what_it_raises_in_the_middle_fails_the_turn_at_its_end() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Watched, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Watched, "a")
        await link.gets("init")
        link.subscribe("changed")
        MISTAKES.append("append")
        link.call("say_between", "end")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1]]
        go_on("end")
        assert (await link.gets("failure"))[2] == "actor.state_mutation_reentrant"
        assert SEEN[0] == [1]
        assert -1 not in await call(runtime, Watched.get)


async def test_a_failing_turn_has_changed_it_nevertheless(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened(Watched) as runtime:
        MISTAKES.append("refuse")
        with pytest.raises(errors.ActionError, match="internal_error"):
            await call(runtime, Watched.add_and_fail, 1)
        assert SEEN == [[1]]


@pytest.mark.parametrize("mistake", ["append", "assign", "refuse"])
async def test_an_atomic_turn_is_undone_with_it(mistake: str) -> None:
    async with opened(Watched) as runtime:
        MISTAKES.append(mistake)
        with pytest.raises(errors.ActionError):
            await call(runtime, Watched.add_at_once, 1)
        assert await call(runtime, Watched.look) == 0
        await call(runtime, Watched.add_at_once, 2)
        assert SEEN == [[1], [2]]


async def test_turns_that_are_no_actions() -> None:
    async with opened(Watched) as runtime:
        await call(runtime, Watched.add_elsewhere, 1)
        await wait_all_tasks_blocked()
        assert SEEN == [[1]]


async def test_connection_hooks_and_the_start() -> None:
    class Hooked(Watched):
        async def create_state(self, input: None) -> list[int]:
            return [0]

        async def on_create(self, input: None) -> None:
            self.state.append(1)

        async def on_wake(self) -> None:
            self.state.append(2)

        async def on_connect(self, conn: Conn[None]) -> None:
            self.state.append(3)

        async def on_disconnect(self, conn: Conn[None]) -> None:
            self.state.append(4)

    async with opened(Hooked) as runtime:
        await wake(runtime, Hooked)
        assert SEEN == [[0, 1], [0, 1, 2]]
        link = PlayedLink(runtime)
        link.connect(Hooked, "a")
        await link.gets("init")
        assert SEEN[2:] == [[0, 1, 2, 3]]
        link.vanish()
        await wait_all_tasks_blocked()
        assert SEEN[3:] == [[0, 1, 2, 3, 4]]
        MISTAKES.append("refuse")
        refused = PlayedLink(runtime)
        refused.connect(Hooked, "a")
        assert await refused.closed() == (1011, "user.refused")


async def test_concurrent_actions_are_looked_at_where_they_end() -> None:
    async with opened(Beside) as runtime, trio.open_nursery() as nursery:
        beside = handle(runtime, Beside)
        for number in (1, 2):
            nursery.start_soon(beside.call_by_name, "add", number, str(number))
            await wait_all_tasks_blocked()
        for number in (1, 2):
            go_on(str(number))
            await wait_all_tasks_blocked()
        assert SEEN == [[1, 2, -1], [1, 2, -1, -2]]


async def test_an_immutable_state() -> None:
    class Count(Actor[int]):
        def on_state_change(self) -> None:
            SEEN.append([self.state])

        @action
        def set(self, value: int) -> int:
            self.state = value
            return self.state

    async with opened(Count) as runtime:
        for value in (0, 1, 1, 2):
            assert await call(runtime, Count.set, value) == value
        assert SEEN == [[1], [2]]


def _storage(durable: bool) -> Storage:
    if not durable:
        return MemoryStorage()
    storage = HeldStorage()
    storage.holding = False
    return storage


@given(
    steps=st.lists(
        st.sampled_from(["add", "look", "get", "add_and_fail", "save_between", "add_at_once"]),
        max_size=12,
    ),
    durable=st.booleans(),
    scheduler=st.random_module(),
)
def test_it_sees_every_state_that_is_told(
    steps: list[str], durable: bool, scheduler: object
) -> None:
    SEEN.clear()
    trio.run(live, steps, durable, clock=MockClock(autojump_threshold=0))


async def live(steps: list[str], durable: bool) -> None:
    expected: list[list[int]] = []
    state: list[int] = []
    async with opened(Watched, storage=_storage(durable)) as runtime:
        watched = handle(runtime, Watched)
        for number, step in enumerate(steps):
            match step:
                case "look" | "get":
                    await watched.call_by_name(step)
                    continue
                case "save_between":
                    await watched.call_by_name(step)
                    expected.append([*state, 1])
                    state = [*state, 1, 2]
                case "add_and_fail":
                    with pytest.raises(errors.ActionError):
                        await watched.call_by_name(step, number)
                    state = [*state, number]
                case _:
                    await watched.call_by_name(step, number)
                    state = [*state, number]
            expected.append(state)
        assert expected == SEEN
