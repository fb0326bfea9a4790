"""Whatever sleeps, crashes, is killed or jumps: a scheduled call comes once, and exactly on time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.runtimes import awake, call, killed, opened, put_away
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.runtime.runtime import Runtime

Step = tuple[Any, ...]

DAY = 86_400.0
LOOK = 1.0
"""Seconds after which a runtime has seen that the clock on the wall has jumped."""

TINY = 0.001
"""Seconds that are no delay: a float of this size is no more exact."""

ACTORS, CALLS = 150, 4
"""More actors than are started at once, and the calls of each that one outage outlasts."""

MOST_CRASHES = 4
"""One more within a minute, and an actor is given a rest: then its calls come late."""


class PlannedError(Exception):
    """What a script wants to go wrong."""


@attrs.define
class World:
    """What the test knows.

    Attributes:
        looks: Whether runtimes look again and again at a clock that may jump.
        offset: What the clock on the wall is ahead of Trio's.
        pieces: Since when, by Trio's clock, which offset counts; ``-inf`` while nothing runs.
        planned: When each call is due by the clock on the wall, and since when that is known.
        rung: When each call came.
        crashes: How often each actor has crashed.
        kills: When a process was killed: what came at that moment may not have been stored.
    """

    looks: bool
    offset: float = 1_800_000_000.0
    pieces: list[tuple[float, float]] = attrs.Factory(list[tuple[float, float]])
    planned: dict[int, tuple[float, float]] = attrs.Factory(dict[int, tuple[float, float]])
    rung: defaultdict[int, list[float]] = attrs.Factory(lambda: defaultdict[int, list[float]](list))
    crashes: defaultdict[str, int] = attrs.Factory(lambda: defaultdict[str, int](int))
    kills: set[float] = attrs.Factory(set[float])

    def __call__(self) -> float:
        return self.offset + trio.current_time()

    def goes(self, offset: float) -> None:
        self.pieces.append((trio.current_time(), offset))

    def expected(self, number: int) -> tuple[float, float]:
        """When a call had to come: as soon as it was due and something ran.

        One that is due at the very moment at which that ends comes then, or later.
        """
        due, since = self.planned[number]
        ends = [begin for begin, _ in self.pieces[1:]] + [math.inf]
        soonest = math.inf
        for (begin, offset), end in zip(self.pieces, ends, strict=True):
            moment = max(begin, since, due - offset)
            if moment <= end and moment < math.inf:
                soonest = min(soonest, moment)
                if end - moment > TINY:
                    return soonest, moment
        raise AssertionError("it is never due")

    def check(self) -> None:
        """Check that each call came once, and on time."""
        slack = LOOK if self.looks else 0.0
        for number in self.planned:
            *cut, came = self.rung[number]
            assert self.kills.issuperset(cut), f"call {number} came at {self.rung[number]}"
            soonest, latest = self.expected(number)
            on_time = soonest - TINY <= came <= latest + slack + TINY
            assert on_time, f"call {number} came at {came}, not from {soonest} to {latest}"


WORLDS: list[World] = []


class Ringer(Actor[list[int]], sleep_after=3.0):
    @action
    def plan(self, seconds: float, number: int) -> None:
        WORLDS[-1].planned[number] = WORLDS[-1]() + seconds, trio.current_time()
        self.schedule.after(seconds, Ringer.ring, number)

    @action
    def ring(self, number: int) -> None:
        WORLDS[-1].rung[number].append(trio.current_time())
        self.state.append(number)

    @action
    def rung(self) -> list[int]:
        return self.state

    async def break_down(self) -> None:
        raise PlannedError


@asynccontextmanager
async def running(world: World, storage: HeldStorage, *, dies: bool) -> AsyncGenerator[Runtime]:
    """Run one process on the store, to its end or to its death."""
    process = (
        killed(Ringer, storage=storage)
        if dies
        else opened(Ringer, storage=storage, wall_clock=world)
    )
    async with process as runtime:
        runtime.wall_clock, runtime.wall_clock_jumps = world, world.looks
        world.goes(world.offset)
        yield runtime


async def play(world: World, runtime: Runtime, step: Step) -> None:
    match step:
        case ("plan", key, seconds):
            await call(runtime, Ringer.plan, seconds, len(world.planned), key=key)
        case ("wait", seconds):
            await trio.sleep(seconds)
        case ("jump", seconds):
            world.offset += seconds
            world.goes(world.offset)
            await trio.sleep(2 * LOOK)  # until it has been seen
        case ("put away", key):
            await put_away(runtime, Ringer, key)
        case ("crash", key):
            instance = awake(runtime, Ringer, key)
            if instance is not None and world.crashes[key] < MOST_CRASHES:
                world.crashes[key] += 1
                actor: Any = instance.actor
                actor.start_soon(actor.break_down)
                await wait_all_tasks_blocked()
        case _:
            raise AssertionError(step)


async def live(script: list[Step]) -> None:
    """Play a script, one process after the other on the same store, until every call is due."""
    world, storage = World(looks=any(step[0] == "jump" for step in script)), HeldStorage()
    storage.holding = False
    WORLDS.append(world)
    lives: list[list[Step]] = [[]]
    for step in script:
        lives[-1].append(step)
        if step[0] == "restart":
            lives.append([])
    for steps in lives[:-1]:
        *before, (_, dies, outage) = steps
        async with running(world, storage, dies=dies) as runtime:
            for one in before:
                await play(world, runtime, one)
            heir = storage.after_kill() if dies else storage
            if dies:
                world.kills.add(trio.current_time())
        storage = heir
        world.goes(-math.inf)
        await trio.sleep(outage)
    async with running(world, storage, dies=False) as runtime:
        for one in lives[-1]:
            await play(world, runtime, one)
        await trio.sleep(100)
        left = max((due for due, _ in world.planned.values()), default=0.0) - world()
        if world.looks and left > 0:  # a day of looking at the clock takes long
            await play(world, runtime, ("jump", left))
        await trio.sleep(100 if world.looks else DAY)
        told = [number for key in "ab" for number in await call(runtime, Ringer.rung, key=key)]
        assert sorted(told) == sorted(world.planned)
    world.check()


async def test_many_come_at_once_after_an_outage(autojump_clock: MockClock) -> None:
    world, storage = World(looks=False), HeldStorage()
    storage.holding = False
    WORLDS.append(world)
    keys = [str(number) for number in range(ACTORS)]
    async with running(world, storage, dies=True) as runtime:
        for key in keys * CALLS:
            await play(world, runtime, ("plan", key, 60.0 + len(world.planned)))
        heir = storage.after_kill()
    world.goes(-math.inf)
    await trio.sleep(DAY)
    async with running(world, heir, dies=False) as runtime:
        await wait_all_tasks_blocked()
        told = [number for key in keys for number in await call(runtime, Ringer.rung, key=key)]
        assert sorted(told) == sorted(world.planned)
        await trio.sleep(DAY)
    world.check()


KEY = st.sampled_from("ab")
PLAN: st.SearchStrategy[Step] = st.tuples(
    st.just("plan"), KEY, st.sampled_from([0.0, 0.5, 3.0, 60.0, 5000.0])
)
WAITING: st.SearchStrategy[Step] = st.tuples(
    st.just("wait"), st.sampled_from([0.0, 0.5, 1.0, 3.0, 4.0, 70.0])
)
STEADY: st.SearchStrategy[Step] = st.one_of(
    PLAN,
    PLAN,
    WAITING,
    st.tuples(st.sampled_from(["put away", "crash"]), KEY),
    st.tuples(st.just("restart"), st.booleans(), st.sampled_from([0.0, 2.0, 100.0, DAY])),
)
JUMP: st.SearchStrategy[Step] = st.tuples(st.just("jump"), st.sampled_from([DAY, -DAY]))


@given(script=st.lists(STEADY, min_size=3, max_size=20), scheduler=st.random_module())
def test_calls_come_once_and_exactly_on_time(script: list[Step], scheduler: object) -> None:
    trio.run(live, script, clock=MockClock(autojump_threshold=0))


@given(script=st.lists(STEADY | JUMP, min_size=3, max_size=15), scheduler=st.random_module())
def test_so_they_do_when_the_clock_jumps(script: list[Step], scheduler: object) -> None:
    short = [
        step if step[:1] != ("restart",) else (*step[:2], min(step[2], 100.0)) for step in script
    ]
    trio.run(live, short, clock=MockClock(autojump_threshold=0))
