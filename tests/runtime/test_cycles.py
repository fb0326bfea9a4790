"""Actors that call each other in circles: refused exactly when the circle is real.

The test keeps a wait-for graph of its own, from what the actions themselves tell: which call holds
which actor, and which of its calls have not been answered. Every call has to end, and one that is
refused has to close a circle in that graph at that moment.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, opened, wake
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.runtime.runtime import Runtime

KEYS = "abcd"
PATIENCE = 10_000.0
ENDLESS = Limits(mailbox_wait=math.inf)

Step = tuple[Any, ...]
"""``("sleep", seconds)``, ``("touch", key)``, ``("walk", key, steps)``, ``("both", step, step)``"""


@attrs.define(eq=False)
class Asked:
    """One call: who waits for it, if a turn does, and whether it has been answered."""

    target: str
    by: Asked | None
    steps: list[Step] = attrs.Factory(list[Step])
    answered: bool = False


@attrs.define
class World:
    """What the test knows, from nobody but the actions."""

    runtime: Runtime
    calls: list[Asked] = attrs.Factory(list[Asked])
    holders: dict[str, Asked] = attrs.Factory(dict[str, Asked])
    refused: int = 0
    served: int = 0

    def enter(self, asked: Asked) -> None:
        assert asked.target not in self.holders, "two turns at once"
        self.holders[asked.target] = asked

    def leave(self, asked: Asked) -> None:
        del self.holders[asked.target]
        asked.answered = True

    def waits(self, start: str, goal: str) -> bool:
        """Whether an actor waits for another, directly or not."""
        seen, pending = set[str](), [start]
        while pending:
            key = pending.pop()
            if key == goal:
                return True
            if key not in seen:
                seen.add(key)
                holder = self.holders.get(key)
                pending += [
                    asked.target
                    for asked in self.calls
                    if asked.by is holder is not None and not asked.answered
                ]
        return False

    async def play(self, step: Step, by: Asked | None) -> None:
        match step:
            case ("sleep", seconds):
                await trio.sleep(seconds)
            case ("touch", key):
                await self.ask(Asked(key, by), Node.touch)
            case ("walk", key, steps):
                await self.ask(Asked(key, by, steps), Node.walk)
            case ("both", one, other):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.play, one, by)
                    nursery.start_soon(self.play, other, by)
            case _:
                raise AssertionError(step)

    async def ask(self, asked: Asked, action: Any) -> None:
        index = len(ASKED)
        ASKED.append(asked)
        self.calls.append(asked)
        refused = False
        try:
            assert await call(self.runtime, action, index, key=asked.target) == index
        except errors.CallCycleError:
            refused = True
        self.calls.remove(asked)
        if refused:
            assert asked.by is not None, "who has no turn closes no circle"
            assert self.waits(asked.target, asked.by.target), "a circle that is none"
        self.refused += refused
        self.served += not refused


WORLDS: list[World] = []
ASKED: list[Asked] = []


class Node(Actor):
    @action
    def touch(self, index: int) -> int:
        WORLDS[-1].enter(ASKED[index])
        WORLDS[-1].leave(ASKED[index])
        return index

    @action(timeout=math.inf)
    async def walk(self, index: int) -> int:
        WORLDS[-1].enter(ASKED[index])
        try:
            for step in ASKED[index].steps:
                await WORLDS[-1].play(step, ASKED[index])
        finally:
            WORLDS[-1].leave(ASKED[index])
        return index


def walks(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    walk: st.SearchStrategy[Step] = st.tuples(
        st.just("walk"), st.sampled_from(KEYS), st.lists(inner, min_size=1, max_size=3)
    )
    return st.one_of(walk, st.tuples(st.just("both"), walk, walk))


# Rich from the start: with random recursion, most scripts would be too short to meet another.
LEAVES: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("sleep"), st.sampled_from([0.0, 1.0, 2.0])),
    st.tuples(st.just("touch"), st.sampled_from(KEYS)),
)
SCRIPTS = st.lists(walks(LEAVES | walks(LEAVES)) | LEAVES, min_size=2, max_size=3)


async def live(scripts: list[list[Step]]) -> World:
    """Let every script be played by a task of its own, outside of any turn."""
    async with opened(Node, limits=ENDLESS) as runtime:
        world = World(runtime)
        WORLDS.append(world)

        async def play_all(script: list[Step]) -> None:
            for step in script:
                await world.play(step, None)

        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                for script in scripts:
                    nursery.start_soon(play_all, script)
        assert world.calls == []
        assert world.holders == {}
    return world


@given(scripts=st.lists(SCRIPTS, min_size=6, max_size=6), scheduler=st.random_module())
def test_every_call_ends_and_only_circles_are_refused(
    scripts: list[list[Step]], scheduler: object
) -> None:
    trio.run(live, scripts, clock=MockClock(autojump_threshold=0))


def run(*scripts: list[Step]) -> World:
    return trio.run(live, list(scripts), clock=MockClock(autojump_threshold=0))


def test_a_call_to_oneself_is_refused() -> None:
    world = run([("walk", "a", [("touch", "a"), ("walk", "a", [])])])
    assert (world.refused, world.served) == (2, 1)


def test_two_that_call_each_other_at_once_do_not_wait_for_ever() -> None:
    circle: list[list[Step]] = [
        [("walk", "a", [("sleep", 1.0), ("walk", "b", [])])],
        [("walk", "b", [("sleep", 1.0), ("walk", "a", [])])],
    ]
    world = run(*circle)
    assert (world.refused, world.served) == (1, 3)


def test_a_wait_that_was_answered_closes_no_circle() -> None:
    """The next turn of the one that has answered may call back before the caller has gone on."""
    for _ in range(20):
        world = run(
            [("walk", "a", [("walk", "b", [("sleep", 1.0)])])],
            [("sleep", 0.5), ("walk", "b", [("touch", "a")])],
        )
        assert (world.refused, world.served) == (0, 4)


async def test_a_circle_through_start_hooks_is_refused() -> None:
    class Needy(Actor):
        async def on_wake(self) -> None:
            other = "b" if self.key == ("a",) else "a"
            await self.client.get_or_create(Needy, other).call(Needy.hello)

        @action
        def hello(self) -> None:
            pass

    async with opened(Needy) as runtime:
        with pytest.raises(errors.CallCycleError) as caught:
            await wake(runtime, Needy)
        assert caught.value.metadata == {"path": ["Needy/b", "Needy/a", "Needy/b"]}


async def test_creating_an_actor_that_needs_the_creator_is_refused() -> None:
    class Child(Actor):
        async def on_create(self, input: None) -> None:
            await self.client.get(Parent, "a").call(Parent.hello)

    class Parent(Actor):
        @action
        async def beget(self) -> None:
            await self.client.create(Child, "c")

        @action
        def hello(self) -> None:
            pass

    async with opened(Parent, Child) as runtime:
        with pytest.raises(errors.CallCycleError):
            await call(runtime, Parent.beget)
        assert await call(runtime, Parent.hello) is None


async def test_a_creator_that_has_been_answered_closes_no_circle() -> None:
    class Child(Actor):
        async def on_wake(self) -> None:
            await trio.lowlevel.checkpoint()

        @action
        async def call_back(self) -> str:
            return await self.client.get(Parent, "a").call(Parent.hello)

    class Parent(Actor):
        @action
        async def beget(self) -> None:
            await self.client.create(Child, "c")

        @action
        def hello(self) -> str:
            return "hello"

    for _ in range(20):
        async with opened(Parent, Child) as runtime, trio.open_nursery() as nursery:
            nursery.start_soon(call, runtime, Parent.beget)
            await wait_all_tasks_blocked()
            child = runtime.client.get_or_create(Child, "c")
            assert await child.call(Child.call_back) == "hello"


async def test_hooks_of_the_called_may_call_whoever_does_not_wait(
    autojump_clock: MockClock,
) -> None:
    """Preflight needs no turn of the actor that is called: waiting for it is no circle yet."""

    class Front(Actor[None, None, str | None]):
        async def on_before_connect(self, params: str | None) -> None:
            await trio.sleep(2)
            if params == "refuse":
                raise errors.UserError("no", code="refused")

        @action
        def hello(self) -> str:
            return "hello"

        @action
        async def ask_back(self) -> str:
            await trio.sleep(1)
            return await self.client.get(Back, "a").call(Back.hello)

    class Back(Actor):
        @action
        async def ask(self) -> str:
            front = self.client.get(Front, "a").with_params("refuse")
            with pytest.raises(errors.UserError):
                await front.call(Front.hello)
            return "refused"

        @action
        def hello(self) -> str:
            return "hello"

    async with opened(Front, Back) as runtime, trio.open_nursery() as nursery:
        await wake(runtime, Front)
        nursery.start_soon(call, runtime, Front.ask_back)
        await trio.sleep(2.5)
        assert await call(runtime, Back.ask) == "refused"
