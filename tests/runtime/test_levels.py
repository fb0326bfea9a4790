"""Durability: what each level promises, and what it costs."""

from __future__ import annotations

import math
import types
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import killed, opened, put_away, wake
from tests.runtime.scribes import Host, Scribe, connected, go_on, saved, stored, words
from tests.runtime.stores import HeldStorage
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.ports.errors import NotStored
from trivet.runtime.runtime import Runtime


class Power(Scribe, durability="power", call_hooks=False):
    pass


class Process(Scribe, durability="process", call_hooks=False):
    pass


class Interval(Scribe, durability="interval", call_hooks=False):
    pass


class Host1(Host, durability="interval", call_hooks=False):
    pass


class Nothing(Scribe, durability="none", call_hooks=False, sleep_after=math.inf):
    pass


class Heir(Interval, call_hooks=False):
    pass


def immediate() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


async def do(runtime: Runtime, actor: type[Scribe], script: str, action: Any = Scribe.now) -> Any:
    return await runtime.client.get_or_create(actor, "a").call(action, script)


@pytest.mark.parametrize(
    ("actor", "level"), [(Scribe, "power"), (Power, "power"), (Process, "process")]
)
async def test_levels_that_hold_effects_say_so_to_the_store(
    actor: type[Scribe], level: str
) -> None:
    storage = HeldStorage()
    async with opened(actor, storage=storage) as runtime:
        link = await connected(runtime, actor)
        link.call("now", "add 1; say one")
        await wait_all_tasks_blocked()
        assert [save.segment.durability for save in storage.saves] == [level]
        assert words(link) == []
        await storage.store()
        assert words(link) == ["one", "reply"]


@pytest.mark.parametrize("actor", [Interval, Heir])
async def test_within_an_interval_everything_is_stored_and_nobody_waits(
    actor: type[Scribe], autojump_clock: MockClock
) -> None:
    storage = immediate()
    async with opened(actor, storage=storage) as runtime:
        link = await connected(runtime, actor)
        for number in range(3):
            await do(runtime, actor, f"add {number}; say it")
            await trio.sleep(0.3)
        assert words(link) == ["it"] * 3
        assert storage.saves == []
        await trio.sleep(0.2)
        assert saved(storage) == [[0, 1, 2]]
        assert storage.saves[0].segment.durability == "interval"
        await trio.sleep(5)
        assert len(storage.saves) == 1


async def test_the_interval_is_an_option(autojump_clock: MockClock) -> None:
    storage = immediate()
    async with opened(Interval, storage=storage, limits=Limits(save_interval=7)) as runtime:
        await do(runtime, Interval, "add 1")
        await trio.sleep(6.9)
        assert storage.saves == []
        await trio.sleep(0.2)
        assert saved(storage) == [[1]]


async def test_a_long_turn_loses_no_more_than_an_interval(autojump_clock: MockClock) -> None:
    storage = immediate()
    async with opened(Interval, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(do, runtime, Interval, "add 1; pause a; add 2; pause b", Scribe.do)
        await trio.sleep(1.1)
        assert await stored(storage, Interval) == [1]
        go_on("a")
        await trio.sleep(1.1)
        assert await stored(storage, Interval) == [1, 2]
        await trio.sleep(5)
        assert len(storage.saves) == 2
        go_on("b")


@pytest.mark.parametrize("how", ["full", "held"])
async def test_a_save_that_failed_is_tried_again(how: str, autojump_clock: MockClock) -> None:
    storage = immediate()
    async with opened(Interval, storage=storage) as runtime:
        await do(runtime, Interval, "add 1")
        storage.full, storage.holding = how == "full", how == "held"
        await trio.sleep(1.5)
        assert len(storage.saves) == 1
        if how == "held":
            storage.saves[0].fail()
        await do(runtime, Interval, "add 2")
        storage.full = storage.holding = False
        assert await stored(storage, Interval) == []
        await trio.sleep(1.5)
        assert await stored(storage, Interval) == [1, 2]


async def test_a_failed_last_save_is_not_made_up_for_over_newer_states(
    autojump_clock: MockClock,
) -> None:
    storage = immediate()
    async with opened(Interval, storage=storage) as runtime:
        await do(runtime, Interval, "add 1")
        storage.full = True
        await put_away(runtime, Interval)
        storage.full = False
        await do(runtime, Interval, "add 2")
        await trio.sleep(5)
        assert await stored(storage, Interval) == [2]


async def test_an_atomic_turn_is_not_stored_by_halves(autojump_clock: MockClock) -> None:
    storage = immediate()
    async with opened(Interval, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(do, runtime, Interval, "add 1; pause a; add 2", Scribe.at_once)
        await trio.sleep(5)
        assert storage.saves == []
        go_on("a")
        await trio.sleep(1.1)
        assert saved(storage) == [[1, 2]]


async def test_a_connection_state_that_does_not_fit_loses_nothing_else(
    autojump_clock: MockClock,
) -> None:
    """What has been captured for a save that fails is there for the next."""
    storage = immediate()
    async with opened(Host1, storage=storage) as runtime:
        good, bad = await connected(runtime, Host1), await connected(runtime, Host1)
        await trio.sleep(2)
        await good.gets("reply", good.call("now", "note 1; add 1"))
        instance = await wake(runtime, Host1)
        conn = instance.conns[bad.frames[0][1]]
        conn.state = ["no number"]
        await trio.sleep(2)
        conn.state = [2]
        await trio.sleep(2)
        assert await stored(storage, Host1) == [1]
        record = await storage.find("Host1", ("a",))
        assert record is not None
        states = [conn.state for conn in record.connections]
        assert states == [instance.conns[link.frames[0][1]].encode_state() for link in (good, bad)]


async def test_leftovers_of_an_interval_are_run_too(autojump_clock: MockClock) -> None:
    storage = immediate()
    async with killed(Host1, storage=storage) as runtime:
        await connected(runtime, Host1)
        await trio.sleep(2)
        await connected(runtime, Host1)  # too late to be stored
        storage = storage.after_kill()
    async with opened(Host1, storage=storage) as runtime:
        await wake(runtime, Host1)
        assert await stored(storage, Host1) == [-1]


async def test_with_none_the_end_is_all_that_is_stored(autojump_clock: MockClock) -> None:
    storage = immediate()
    async with opened(Nothing, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Nothing, "a")
        link.subscribe("said")
        await link.gets("reply", link.call("now", "add 1; say one"))
        await trio.sleep(60)
        assert storage.saves == []
        await put_away(runtime, Nothing)
        assert saved(storage) == [[1]]
        assert storage.saves[0].segment.durability == "none"
        assert await do(runtime, Nothing, "add 2; save", Scribe.do) == 2
        assert saved(storage) == [[1], [1, 2]]


async def test_a_state_that_does_not_fit_is_told_to_who_saves() -> None:
    storage = immediate()

    async def run() -> None:
        async with opened(Nothing, storage=storage) as runtime:
            await do(runtime, Nothing, "spoil")
            with pytest.raises(errors.ActionError) as caught:
                await do(runtime, Nothing, "save", Scribe.do)
            assert caught.value.code == "state_not_serializable"

    with pytest.raises(NotStored, match="the last saves of 1 actors"):
        await run()


def test_an_unknown_level_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(ValueError, match=r"durability is one of 'power', .* not 'paper'"):
        types.new_class("Paper", (Actor,), {"durability": "paper"})


def test_a_state_limit_beyond_the_hard_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"state_limit must be .* \(16 MiB\) at most"):
        Limits(state_limit=16 * 1024 * 1024 + 1)
    assert Limits(state_limit=16 * 1024 * 1024).state_limit
