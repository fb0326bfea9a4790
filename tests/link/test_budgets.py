"""What one client may send, and for how long a message may arrive."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing

from tests.link.peers import Kind, Meeting, binary, client_frame, meet, ping, text
from trivet.link.ending import Ending
from trivet.link.limits import LinkLimits

Clock = trio.testing.MockClock

TEN = LinkLimits(frames_per_second=10, burst=20)
FLOODING = Ending(1008, "connection.flooding", "protocol")

over_any_transport = pytest.mark.parametrize("kind", ["socket", "memory", "lockstep"])


async def pass_time(clock: Clock, seconds: float) -> None:
    await trio.testing.wait_all_tasks_blocked()
    clock.jump(seconds)
    await trio.testing.wait_all_tasks_blocked()


@over_any_transport
async def test_a_flood_closes_the_link(kind: Kind, mock_clock: Clock) -> None:
    async with meet(kind, limits=TEN) as met:
        await met.peer.send(*[text("x")] * 20)
        await trio.testing.wait_all_tasks_blocked()
        assert not met.link.ending
        await met.peer.send(text("one too many"))
        assert await met.peer.hear_goodbye() == (1008, "connection.flooding")
        await met.peer.send(*[text("x")] * 1000)
        await met.peer.stream.aclose()
        await met.link.wait_closed()
        assert met.link.ending == FLOODING
        assert len(met.heard) <= 21


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(ping(), id="pings"),
        pytest.param(client_frame(0x8A), id="pongs"),
        pytest.param(client_frame(0x00, b"x"), id="fragments"),
    ],
)
async def test_every_frame_counts(frame: bytes, mock_clock: Clock) -> None:
    async with meet(limits=TEN) as met:
        await met.peer.send(client_frame(0x01, b"a message of many fragments begins"))
        await met.peer.send(*[frame] * 20)
        await trio.testing.wait_all_tasks_blocked()
        assert met.link.ending == FLOODING


async def test_a_steady_client_may_go_on_for_ever(mock_clock: Clock) -> None:
    async with meet(limits=TEN) as met:
        for _ in range(100):
            await met.peer.send(*[text("x")] * 10)
            await pass_time(mock_clock, 1)
        assert len(met.heard) == 1000
        assert met.link.ending is None


async def test_the_budget_can_be_lifted(mock_clock: Clock) -> None:
    async with meet(limits=LinkLimits(frames_per_second=math.inf)) as met:
        await met.peer.send(*[text("x")] * 10_000)
        await trio.testing.wait_all_tasks_blocked()
        assert len(met.heard) == 10_000
        assert met.link.ending is None


async def test_the_default_is_a_thousand_a_second_and_a_burst_of_four(mock_clock: Clock) -> None:
    async with meet() as met:
        await met.peer.send(*[text("x")] * 4000)
        await pass_time(mock_clock, 1)
        await met.peer.send(*[text("x")] * 1000)
        await trio.testing.wait_all_tasks_blocked()
        assert len(met.heard) == 5000
        assert met.link.ending is None
        await met.peer.send(text("x"))
        await trio.testing.wait_all_tasks_blocked()
        assert met.link.ending == FLOODING


# -- assembly ---------------------------------------------------------------------------------

TOO_SLOW = Ending(1008, "message.incoming_too_slow", "protocol")
PARTIAL = binary(b"x" * 100)


async def lasts(met: Meeting, clock: Clock, seconds: float) -> None:
    await pass_time(clock, seconds - 0.01)
    assert met.link.ending is None
    await pass_time(clock, 0.02)
    assert met.link.ending == TOO_SLOW


@over_any_transport
@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(PARTIAL[:1], id="half a header"),
        pytest.param(PARTIAL[:50], id="half a frame"),
        pytest.param(client_frame(0x01, b"x"), id="half a message"),
        pytest.param(text("whole") + PARTIAL[:50], id="after another"),
    ],
)
async def test_a_message_has_thirty_seconds_to_arrive(
    kind: Kind, begun: bytes, mock_clock: Clock
) -> None:
    async with meet(kind) as met:
        await met.peer.send(begun)
        await lasts(met, mock_clock, 30)
        assert await met.peer.hear_goodbye() == (1008, "message.incoming_too_slow")


async def test_trickling_does_not_prolong_it(mock_clock: Clock) -> None:
    async with meet() as met:
        for position in range(29):
            await met.peer.send(PARTIAL[position : position + 1])
            await pass_time(mock_clock, 1)
        await lasts(met, mock_clock, 1)


async def test_fragments_and_control_frames_do_not_prolong_it(mock_clock: Clock) -> None:
    async with meet() as met:
        await met.peer.send(client_frame(0x01, b"x"))
        for _ in range(29):
            await met.peer.send(client_frame(0x00, b"y"), ping())
            await pass_time(mock_clock, 1)
        await lasts(met, mock_clock, 1)


async def test_each_message_has_its_own_time(mock_clock: Clock) -> None:
    async with meet() as met:
        await met.peer.send(PARTIAL[:10])
        await pass_time(mock_clock, 29)
        await met.peer.send(PARTIAL[10:] + PARTIAL[:10])
        await pass_time(mock_clock, 29)
        await met.peer.send(PARTIAL[10:])
        await pass_time(mock_clock, 1000)
        assert met.heard == [b"x" * 100] * 2
        await met.peer.send(PARTIAL[:10])
        await lasts(met, mock_clock, 30)


async def test_it_ends_a_blocked_link_too(mock_clock: Clock) -> None:
    async with meet("socket") as met:
        await met.peer.send(PARTIAL[:10])
        await trio.testing.wait_all_tasks_blocked()
        met.link.push(binary(b"x" * 900_000))
        await lasts(met, mock_clock, 30)
        await pass_time(mock_clock, 5.01)
        await met.link.wait_closed()
