from __future__ import annotations

import attrs
import pytest
import trio
import trio.testing
from websockets.frames import Opcode

from tests.link.peers import Kind, Meeting, client_frame, meet, text
from trivet.link.ending import Ending
from trivet.link.frames import binary_frame
from trivet.link.keepalive import PINGS_AT_ONCE, RESOLUTION, Keepalive

Clock = trio.testing.MockClock


@attrs.define(eq=False)
class Silent:
    """A link whose client speaks when the test says so."""

    heard_at: float = attrs.Factory(trio.current_time)
    ending: Ending | None = None
    pinged: list[float] = attrs.Factory(list[float])
    expired: list[float] = attrs.Factory(list[float])

    def ping(self) -> None:
        self.pinged.append(trio.current_time())

    def expire(self) -> None:
        self.expired.append(trio.current_time())
        self.ending = Ending(1006, "", "keepalive")

    def speak(self) -> None:
        self.heard_at = trio.current_time()


async def until(moment: float, clock: Clock) -> None:
    await trio.testing.wait_all_tasks_blocked()
    while trio.current_time() < moment:
        clock.jump(0.25)  # exact in binary: moments are given in quarters
        await trio.testing.wait_all_tasks_blocked()


async def test_it_pings_after_twenty_seconds_and_gives_up_after_twenty_more(
    nursery: trio.Nursery, mock_clock: Clock
) -> None:
    keepalive, link = Keepalive(), Silent()
    keepalive.add(link)
    nursery.start_soon(keepalive.run)
    await until(200, mock_clock)
    assert (link.pinged, link.expired) == ([20], [40])


async def test_any_sign_of_life_counts(nursery: trio.Nursery, mock_clock: Clock) -> None:
    keepalive, link = Keepalive(), Silent()
    keepalive.add(link)
    nursery.start_soon(keepalive.run)
    await until(10, mock_clock)
    link.speak()
    await until(49.75, mock_clock)
    assert (link.pinged, link.expired) == ([30], [])
    link.speak()
    await until(200, mock_clock)
    assert (link.pinged, link.expired) == ([30, 69.75], [89.75])


async def test_an_answer_in_the_same_moment_counts(
    nursery: trio.Nursery, mock_clock: Clock
) -> None:
    keepalive, link = Keepalive(), Silent()
    keepalive.add(link)
    nursery.start_soon(keepalive.run)
    await until(20, mock_clock)
    assert link.pinged == [20]
    link.speak()
    await until(79, mock_clock)
    assert (link.pinged, link.expired) == ([20, 40], [60])


async def test_links_come_and_go(nursery: trio.Nursery, mock_clock: Clock) -> None:
    keepalive = Keepalive()
    nursery.start_soon(keepalive.run)
    await until(7, mock_clock)
    early, late, gone = Silent(), Silent(), Silent()
    keepalive.add(early)
    keepalive.add(gone)
    await until(20, mock_clock)
    late.speak()
    keepalive.add(late)
    await until(30, mock_clock)
    keepalive.discard(gone)
    keepalive.discard(gone)
    await until(200, mock_clock)
    assert (early.pinged, early.expired) == ([27], [47])
    assert (late.pinged, late.expired) == ([40], [60])
    assert (gone.pinged, gone.expired) == ([27], [])


async def test_a_link_that_is_ending_is_left_alone(
    nursery: trio.Nursery, mock_clock: Clock
) -> None:
    keepalive, link = Keepalive(), Silent(ending=Ending(1000, "", "server"))
    keepalive.add(link)
    nursery.start_soon(keepalive.run)
    await until(100, mock_clock)
    assert (link.pinged, link.expired) == ([], [])


async def test_its_times_are_options(nursery: trio.Nursery, mock_clock: Clock) -> None:
    keepalive, link = Keepalive(interval=30, timeout=2), Silent()
    keepalive.add(link)
    nursery.start_soon(keepalive.run)
    await until(100, mock_clock)
    assert (link.pinged, link.expired) == ([30], [32])


async def test_many_links_are_looked_at_together(nursery: trio.Nursery, mock_clock: Clock) -> None:
    keepalive = Keepalive()
    links = [Silent(heard_at=number / 100) for number in range(100)]
    for link in links:
        keepalive.add(link)
    nursery.start_soon(keepalive.run)
    await until(100, mock_clock)
    for link in links:
        (pinged,), (expired,) = link.pinged, link.expired
        assert 20 <= pinged - link.heard_at < 20 + RESOLUTION
        assert 20 <= expired - pinged < 20 + RESOLUTION
    assert len({link.pinged[0] for link in links}) <= 4


async def test_many_pings_are_sent_in_several_steps(
    nursery: trio.Nursery, mock_clock: Clock
) -> None:
    keepalive = Keepalive()
    links = [Silent() for _ in range(3 * PINGS_AT_ONCE)]
    for link in links:
        keepalive.add(link)

    class Steps(trio.abc.Instrument):
        longest = before = 0

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            self.before = sum(map(len, (link.pinged for link in links)))

        def after_task_step(self, task: trio.lowlevel.Task) -> None:
            pings = sum(map(len, (link.pinged for link in links)))
            self.longest = max(self.longest, pings - self.before)

    steps = Steps()
    nursery.start_soon(keepalive.run)
    trio.lowlevel.add_instrument(steps)
    await until(21, mock_clock)
    trio.lowlevel.remove_instrument(steps)
    assert steps.longest == PINGS_AT_ONCE
    assert all(link.pinged for link in links)


async def test_a_link_that_leaves_during_a_sweep_is_no_problem(
    nursery: trio.Nursery, mock_clock: Clock
) -> None:
    keepalive = Keepalive()
    links = [Silent() for _ in range(2 * PINGS_AT_ONCE)]
    for link in links:
        keepalive.add(link)

    async def leave() -> None:
        while not links[0].pinged:
            await trio.lowlevel.checkpoint()
        keepalive.discard(links[-1])

    nursery.start_soon(leave)
    nursery.start_soon(keepalive.run)
    mock_clock.jump(20)
    await trio.testing.wait_all_tasks_blocked()
    assert links[0].pinged == [20]


# -- with a real link -------------------------------------------------------------------------

over_any_transport = pytest.mark.parametrize("kind", ["socket", "memory", "lockstep"])


def watch(met: Meeting, nursery: trio.Nursery) -> None:
    keepalive = Keepalive()
    keepalive.add(met.link)
    nursery.start_soon(keepalive.run)


@over_any_transport
async def test_a_client_that_vanished_is_gone_after_forty_seconds(
    kind: Kind, nursery: trio.Nursery, mock_clock: Clock
) -> None:
    async with meet(kind) as met:
        watch(met, nursery)
        await until(39.75, mock_clock)
        assert not met.link.closed
        await until(40, mock_clock)
        await met.link.wait_closed()
        assert met.link.ending == Ending(1006, "", "keepalive")
        frame = await met.peer.next_frame()
        assert frame is not None
        assert frame.opcode is Opcode.PING


@over_any_transport
@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(client_frame(0x8A), id="pong"),
        pytest.param(text("hello"), id="message"),
        pytest.param(text("hello")[:3], id="part of a message"),
    ],
)
async def test_a_client_that_says_anything_lives(
    kind: Kind, sign: bytes, nursery: trio.Nursery, mock_clock: Clock
) -> None:
    async with meet(kind) as met:
        watch(met, nursery)
        await until(39, mock_clock)
        await met.peer.send(sign)
        await until(58.75, mock_clock)
        assert met.link.ending is None
        met.link.abort()


async def test_a_client_that_only_listens_slowly_lives(
    nursery: trio.Nursery, mock_clock: Clock
) -> None:
    async with meet("lockstep") as met:
        watch(met, nursery)
        met.link.push(binary_frame(b"x" * 100_000))
        for second in range(15, 200, 15):
            met.link.push(binary_frame(b"x" * 100_000))
            await until(second, mock_clock)
            await met.peer.take()
        assert met.link.ending is None
        met.link.abort()


async def test_a_client_that_stops_listening_is_gone(
    nursery: trio.Nursery, mock_clock: Clock
) -> None:
    async with meet("lockstep") as met:
        watch(met, nursery)
        met.link.push(binary_frame(b"x" * 100_000))
        await until(40, mock_clock)
        await met.link.wait_closed()
        assert met.link.ending == Ending(1006, "", "keepalive")
