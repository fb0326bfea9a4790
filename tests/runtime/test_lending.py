"""Turns that await the end of connections, and hooks that await each other's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.club import Guest, Scene, scene
from tests.runtime.links import Manner


async def test_a_queued_hook_is_pulled_forward(autojump_clock: MockClock) -> None:
    async with scene(leaves="slow") as it:
        it.club.kept = it.club.guest("bob")
        it.ann.call("nap", 1.0)
        it.ann.call("kick_kept")
        last = it.ann.call("nap", 1.0)
        it.bob.vanish()  # its hook is the last in the queue
        await it.ann.gets("reply", last)
        assert it.club.log == ["napped", "bob leaves", "bob left", "napped"]
        assert it.club.kept.close_cause == "network"
        assert it.club.reports[0].took == 3


async def test_whom_one_waits_for_in_a_row_leave_in_that_order(autojump_clock: MockClock) -> None:
    async with scene(leaves="slow") as it:
        carl = it.enter(Guest("carl", "slow"))
        await carl.gets("init")

        async def kick_all() -> None:
            async with it.club.turn():
                for name in ("carl", "bob", "ann"):
                    await it.club.throw_out(name)

        await kick_all()
        assert [report.took for report in it.club.reports] == [3, 3, 0]
        names = [line.split()[0] for line in it.club.log]
        assert names == ["carl", "carl", "bob", "bob", "ann", "ann"]


async def test_whom_one_waits_for_at_once_leave_one_by_one(autojump_clock: MockClock) -> None:
    async with scene(leaves="slow") as it:
        links = [it.enter(Guest(name, "slow")) for name in ("carl", "dora")]
        for link in links:
            await link.gets("init")
        async with it.club.turn(), trio.open_nursery() as nursery:
            for name in ("bob", "carl", "dora"):
                nursery.start_soon(it.club.throw_out, name)
        assert trio.current_time() == 6  # two hooks of 3 s; the third did not begin in time
        log = it.club.log
        assert [line.split()[1] for line in log] == ["leaves", "left"] * 2
        await trio.sleep(4)
        assert [line.split()[1] for line in log] == ["leaves", "left"] * 3


async def test_a_lender_that_is_cut_does_not_run_beside_the_hook(
    autojump_clock: MockClock,
) -> None:
    async with scene(leaves="slow") as it, it.club.turn():
        with trio.move_on_after(1) as scope:
            await it.club.throw_out("bob")
        assert scope.cancelled_caught
        assert it.club.log == ["bob leaves", "bob left"]
        assert trio.current_time() == 3


async def test_a_circle_of_two_hooks_is_refused(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene() as it:
        for name, other in (("carl", "dora"), ("dora", "carl")):
            guest = Guest(name, throws_out_at="disconnect", throws_out=other)
            await it.enter(guest).gets("init")
        conns = {conn.state.name: conn for conn in it.instance.conns.all()}

        async def throw_out_again(name: str) -> None:
            await conns[name].disconnect()

        it.club.throw_out = throw_out_again
        await conns["carl"].disconnect()
        assert "WouldDeadlockError" in caplog.text
        assert trio.current_time() == 0
        await wait_all_tasks_blocked()
        assert it.club.log == ["carl leaves", "dora leaves", "dora left", "carl left"]
        await conns["bob"].disconnect()


@pytest.mark.parametrize("hook", ["connect", "disconnect"])
async def test_a_hook_cannot_await_the_end_of_its_own_connection(
    hook: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene() as it:
        narcissus = it.enter(Guest("narcissus", throws_out_at=hook, throws_out="narcissus"))
        if hook == "connect":
            assert await narcissus.closed() == (1011, "actor.would_deadlock")
        else:
            await narcissus.gets("init")
            conn = it.club.guest("narcissus")

            async def throw_out_again(name: str) -> None:
                await conn.disconnect()

            it.club.throw_out = throw_out_again
            narcissus.vanish()
            await trio.sleep(1)
            assert "WouldDeadlockError" in caplog.text
        assert trio.current_time() <= 1
        it.bob.vanish()


async def throw_two_hanging_ones_out() -> None:
    async with scene(leaves="hanging") as it:
        await it.enter(Guest("carl", "hanging")).gets("init")
        carl = it.club.guest("carl")

        async def throw_carl_out() -> None:
            await carl.disconnect()
            begun = "carl leaves" in it.club.log
            assert begun == carl.ended.is_set(), "it is back while the hook runs"

        async with it.club.turn(), trio.open_nursery() as nursery:
            nursery.start_soon(it.club.throw_out, "bob")
            nursery.start_soon(throw_carl_out)


@given(scheduler=st.random_module())
def test_a_lender_waits_for_a_hook_that_begins_when_its_patience_ends(scheduler: object) -> None:
    trio.run(throw_two_hanging_ones_out, clock=MockClock(autojump_threshold=0))


async def test_a_lender_waits_for_every_hook_that_borrows_within_hooks(
    autojump_clock: MockClock,
) -> None:
    async with scene(leaves="hanging") as it:
        names = ["carl", "dora", "emil", "bob"]
        for name, following in itertools.pairwise(names):
            guest = Guest(name, throws_out_at="disconnect", throws_out=following)
            await it.enter(guest, "vanished").gets("init")
        it.bob.manner = "vanished"
        async with it.club.turn():
            await it.club.throw_out("carl")
            assert it.club.hooks_running == 0
        # Each link takes two seconds to close; a hook is cut after five, unless another borrows.
        assert trio.current_time() == 4 * 2 + 5
        assert it.club.log.count("bob left") == 1


@asynccontextmanager
async def row_of_hooks(depth: int) -> AsyncGenerator[tuple[Scene, str]]:
    """Hooks that each await the end of the next at the last moment; the last never ends by itself.

    The first link never closes by itself.
    """
    names = [*(f"guest {number}" for number in range(depth - 1)), "bob"]
    async with scene("silent" if depth == 1 else "polite", leaves="hanging") as it:
        for name, following in itertools.pairwise(names):
            guest = Guest(name, throws_out_at="disconnect", throws_out=following, waits=4.5)
            manner: Manner = "silent" if name == names[0] else "polite"
            await it.enter(guest, manner).gets("init")
        yield it, names[0]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
async def test_a_turn_waits_five_seconds_more_for_each_hook_within_hooks(
    depth: int, autojump_clock: MockClock
) -> None:
    async with row_of_hooks(depth) as (it, first):
        async with it.club.turn():
            await it.club.throw_out(first)
            assert it.club.hooks_running == 0
        took = it.club.reports[-1].took
        assert took == 5 + 4.5 * (depth - 1) + 5
        assert took <= 5 + 5 * depth, "what the page says"


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
async def test_who_has_no_turn_waits_for_ten_seconds_at_most(
    depth: int, autojump_clock: MockClock
) -> None:
    async with row_of_hooks(depth) as (it, first):
        await it.club.throw_out(first)
        report = it.club.reports[-1]
        assert (report.gone, report.visible) == (True, False)
        if depth == 1:
            assert (report.took, report.left) == (10, True)
        else:  # the hook has been cut, and waits for those within it
            assert report.took == pytest.approx(10.1)
            assert (report.left, it.club.hooks_running) == (False, 2)
        await trio.sleep(5 * depth)
        assert it.club.hooks_running == 0


async def test_a_hook_that_is_cut_while_the_next_link_closes_waits_for_no_hook(
    autojump_clock: MockClock,
) -> None:
    async with scene("silent", leaves="hanging") as it:
        guest = Guest("eve", throws_out_at="disconnect", throws_out="bob", waits=3)
        await it.enter(guest, "silent").gets("init")
        async with it.club.turn():
            await it.club.throw_out("eve")
            assert it.club.log[-1] == "eve left"
        assert it.club.reports[-1].took == 10  # bob's link is given up three seconds later
