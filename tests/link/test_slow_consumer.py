"""Clients that do not take what they are sent."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.link.peers import Kind, Meeting, Message, goodbye, ignore, meet, text
from trivet.declare.event import Overflow
from trivet.link.ending import Ending
from trivet.link.frames import binary_frame
from trivet.link.handshake import Handshake
from trivet.link.limits import LinkLimits
from trivet.link.stream import StreamTransport
from trivet.link.websocket import WebSocketLink

SMALL = LinkLimits(outbox_messages=8)
SLOW = Ending(1013, "slow_consumer", "slow_consumer")
SIZE = 20_000

over_blocking_transports = pytest.mark.parametrize("kind", ["socket", "lockstep"])


def numbered(number: int) -> bytes:
    return binary_frame(number.to_bytes(4, "big") * (SIZE // 4))


def number_of(message: Message) -> int:
    assert isinstance(message, bytes)
    number = int.from_bytes(message[:4], "big")
    assert message == number.to_bytes(4, "big") * (SIZE // 4), "a frame was cut"
    return number


async def hear_numbers(met: Meeting, until: int) -> list[int]:
    numbers: list[int] = []
    while not numbers or numbers[-1] < until:
        numbers.append(number_of(await met.peer.hear()))
    return numbers


async def push_numbers(met: Meeting, count: int, overflow: Overflow) -> None:
    for number in range(count):
        assert met.link.push(numbered(number), event="ticks", overflow=overflow)
        if number % 10 == 0:
            await trio.testing.wait_all_tasks_blocked()


@over_blocking_transports
async def test_it_is_closed_when_its_outbox_is_full(kind: Kind) -> None:
    async with meet(kind, limits=SMALL) as met:
        pushed = 0
        while met.link.push(numbered(pushed)):
            pushed += 1
            await trio.testing.wait_all_tasks_blocked()
        assert pushed >= 8
        assert met.link.ending == SLOW
        heard: list[int] = []
        while (frame := await met.peer.next_frame()) and len(frame.data) == SIZE:
            heard.append(number_of(bytes(frame.data)))
        assert frame is not None
        assert bytes(frame.data) == b"\x03\xf5slow_consumer"
        assert heard == list(range(len(heard))), "gap-free up to the close"
        await met.peer.send(goodbye())
        await met.link.wait_closed()
        assert met.link.ending == SLOW


@over_blocking_transports
async def test_its_memory_is_given_back_at_once(kind: Kind) -> None:
    async with meet(kind, limits=SMALL) as met:
        while met.link.push(numbered(0)):
            await trio.testing.wait_all_tasks_blocked()
        assert met.link.dropped >= 6
        met.link.abort()


@over_blocking_transports
async def test_it_is_left_after_five_seconds(
    kind: Kind, mock_clock: trio.testing.MockClock
) -> None:
    async with meet(kind, limits=SMALL) as met:
        while met.link.push(numbered(0)):
            await trio.testing.wait_all_tasks_blocked()
        await trio.testing.wait_all_tasks_blocked()
        assert not met.link.closed
        mock_clock.jump(5)
        await met.link.wait_closed()
        assert met.link.ending == SLOW


@over_blocking_transports
async def test_bytes_are_bounded_too(kind: Kind) -> None:
    limits = LinkLimits(outbox_bytes=3 * SIZE)
    async with meet(kind, limits=limits) as met:
        pushed = 0
        while met.link.push(numbered(pushed)):
            pushed += 1
            await trio.testing.wait_all_tasks_blocked()
        assert met.link.ending == SLOW
        assert pushed < 40
        met.link.abort()


@over_blocking_transports
async def test_drop_oldest_skips_what_it_did_not_take(kind: Kind) -> None:
    async with meet(kind, limits=SMALL) as met:
        await push_numbers(met, 300, "drop_oldest")
        numbers = await hear_numbers(met, until=299)
        assert numbers == sorted(set(numbers))
        assert numbers[0] == 0
        assert numbers[-8:] == list(range(292, 300))
        assert len(numbers) == 300 - met.link.dropped < 300
        assert met.link.ending is None


@over_blocking_transports
async def test_latest_leaves_out_all_but_the_newest(kind: Kind) -> None:
    async with meet(kind, limits=SMALL) as met:
        await push_numbers(met, 300, "latest")
        numbers = await hear_numbers(met, until=299)
        assert numbers == sorted(set(numbers))
        assert numbers[-2] < 299 - 100
        assert met.link.ending is None


@over_blocking_transports
async def test_replies_are_not_dropped_for_events(kind: Kind) -> None:
    async with meet(kind, limits=SMALL) as met:
        for number in range(7):
            assert met.link.push(numbered(1000 + number))
            await push_numbers(met, 100, "drop_oldest")
        replies: list[int] = []
        while len(replies) < 7:
            number = number_of(await met.peer.hear())
            if number >= 1000:
                replies.append(number)
        assert replies == list(range(1000, 1007))


@pytest.mark.parametrize("kind", ["socket", "lockstep"])
async def test_it_is_heard_all_the_same(kind: Kind) -> None:
    async with meet(kind) as met:
        met.link.push(binary_frame(b"x" * 500_000))
        await trio.testing.wait_all_tasks_blocked()
        await met.peer.send(text("I am"), text("here"))
        await trio.testing.wait_all_tasks_blocked()
        assert met.heard == ["I am", "here"]


async def test_the_handshake_is_answered_whatever_is_pushed_before() -> None:
    near, far = trio.testing.memory_stream_pair()
    handshake = Handshake(b"accepted", None)
    link = WebSocketLink(StreamTransport(far), handshake, encoder=None, limits=SMALL)
    while link.push(numbered(0)):
        pass
    async with near, trio.open_nursery() as nursery:
        nursery.start_soon(link.run, ignore)
        assert await near.receive_some() == b"accepted\x88\x0f\x03\xf5slow_consumer"
        link.abort()
    assert link.ending == SLOW


async def test_a_burst_that_the_socket_takes_is_no_overflow() -> None:
    def ears(message: Message) -> None:
        for number in range(300):
            assert met.link.push(binary_frame(number.to_bytes(2, "big")))

    async with meet("socket", ears=ears, limits=LinkLimits(outbox_messages=16)) as met:
        await met.peer.send(text("burst"))
        for number in range(300):
            assert await met.peer.hear() == number.to_bytes(2, "big")


async def test_a_slow_client_delays_no_other() -> None:
    async with meet("socket") as slow, meet("socket") as quick:
        slow.link.push(binary_frame(b"x" * 900_000))
        for number in range(50):
            for met in (slow, quick):
                assert met.link.push(numbered(number), overflow="latest", event="ticks")
            assert number_of(await quick.peer.hear()) == number
        slow.link.abort()
