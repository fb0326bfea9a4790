"""What ``await conn.disconnect()`` promises: each kind of peer, hook and place it is called from."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.club import Guest, Report, Scene, scene
from tests.runtime.links import Manner
from tests.runtime.runtimes import recorder_of
from trivet.lifecycle.connection import ConnectionEvent

CLOSING: dict[Manner, float] = {"prompt": 0, "polite": 0, "vanished": 2, "silent": 5}
LEAVING: dict[str, float] = {"quick": 0, "slow": 3, "hanging": 5, "failing": 1}


async def from_anothers_action(it: Scene) -> None:
    it.ann.call("kick", "bob")


async def from_its_own_action(it: Scene) -> None:
    it.bob.call("kick", "bob")


async def from_run(it: Scene) -> None:
    await it.club.wanted.send("bob")


async def from_two_places_of_one_turn(it: Scene) -> None:
    it.ann.call("kick_twice", "bob")


async def from_outside_and_an_action(it: Scene) -> None:
    it.club.kept = it.club.guest("bob")
    it.ann.call("kick_kept")
    await it.club.disconnect(it.club.kept)


async def from_anothers_on_disconnect(it: Scene) -> None:
    eve = it.enter(Guest("eve", throws_out_at="disconnect", throws_out="bob"))
    await eve.gets("init")
    eve.vanish()


async def from_anothers_on_connect(it: Scene) -> None:
    it.enter(Guest("eve", throws_out_at="connect", throws_out="bob"))


WHERE: list[Callable[[Scene], Awaitable[None]]] = [
    from_anothers_action,
    from_its_own_action,
    from_run,
    from_two_places_of_one_turn,
    from_outside_and_an_action,
    from_anothers_on_disconnect,
    from_anothers_on_connect,
]
HOOKS = {from_anothers_on_disconnect, from_anothers_on_connect}


@pytest.mark.parametrize(
    ("where", "manner", "leaves"),
    [
        (where, manner, leaves)
        for where, manner, leaves in itertools.product(WHERE, CLOSING, LEAVING)
        # A hook that waits as long as it may itself is cut before the end.
        if where not in HOOKS or CLOSING[manner] + LEAVING[leaves] < 5
    ],
)
async def test_on_return_everything_is_over(
    where: Callable[[Scene], Awaitable[None]],
    manner: Manner,
    leaves: str,
    autojump_clock: MockClock,
) -> None:
    takes = CLOSING[manner] + LEAVING[leaves]
    async with scene(manner, leaves) as it:
        await where(it)
        await trio.sleep(20)
        twice = where in {from_two_places_of_one_turn, from_outside_and_an_action}
        expected = Report(takes, gone=True, visible=False, left=True, hooks_running=0)
        assert it.club.reports == [expected] * (2 if twice else 1)
        assert it.bob.closing == (1000, "out")
        assert it.bob.aborted == (manner == "silent")
        if where is from_its_own_action:  # it went on; its reply was dropped
            assert it.club.log[-1] == "kicked"
            assert recorder_of(it.runtime).counts["reply_dropped"] == 1
            assert not any(frame[0] == "reply" for frame in it.bob.frames)


@pytest.mark.parametrize("leaves", LEAVING)
@pytest.mark.parametrize("manner", CLOSING)
async def test_while_a_turn_holds_the_actor_the_hook_stays_queued(
    manner: Manner, leaves: str, autojump_clock: MockClock
) -> None:
    async with scene(manner, leaves) as it:
        it.ann.call("nap", 20.0)
        await from_run(it)
        await trio.sleep(19)
        assert it.club.reports == [
            Report(CLOSING[manner] + 5, gone=True, visible=False, left=False, hooks_running=0)
        ]
        assert "bob leaves" not in it.club.log
        await trio.sleep(20)
        assert it.club.log == ["napped", "bob leaves", "bob left"]


async def test_a_turn_that_ends_meanwhile_lets_the_hook_run(autojump_clock: MockClock) -> None:
    async with scene(leaves="slow") as it:
        it.ann.call("nap", 1.0)
        await from_run(it)
        await trio.sleep(10)
        assert it.club.reports == [Report(4, gone=True, visible=False, left=True, hooks_running=0)]


async def test_ten_seconds_are_the_bound_whatever_others_do(autojump_clock: MockClock) -> None:
    async with scene("silent", "hanging") as it:
        it.ann.call("nap", 8.0)
        await from_run(it)
        await trio.sleep(20)
        (report,) = it.club.reports
        assert (report.took, report.gone, report.visible) == (10, True, False)


async def test_an_ended_connection_says_so_and_stays_readable(autojump_clock: MockClock) -> None:
    async with scene() as it:
        conn = it.club.guest("bob")
        await conn.disconnect("out", reconnect=False)
        assert it.bob.closing == (4001, "out")
        assert (conn.state.name, conn.close_cause) == ("bob", "kick")
        await conn.disconnect("again")
        assert it.bob.closing == (4001, "out")
        assert recorder_of(it.runtime).steps(ConnectionEvent.CLOSE) == 1


async def test_kicking_somebody_who_is_connecting(autojump_clock: MockClock) -> None:
    async with scene() as it:
        it.ann.call("nap", 20.0)
        carl = it.enter(Guest("carl"))
        await wait_all_tasks_blocked()
        began = trio.current_time()
        conn = it.club.guest("carl")
        await conn.disconnect("out")
        assert trio.current_time() - began == 5  # the hook is still in the queue
        assert carl.closing == (1000, "out")
        assert "init" not in {frame[0] for frame in carl.frames}
        await trio.sleep(20)
        assert it.club.log == ["napped", "carl leaves", "carl left"]
        it.bob.vanish()


async def test_only_the_hooks_own_connection_is_refused(autojump_clock: MockClock) -> None:
    async with scene() as it:
        with pytest.raises(errors.NoConnectionError):
            assert it.club.conn
        await from_anothers_on_connect(it)
        await it.bob.closed()
