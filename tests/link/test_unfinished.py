"""The budget of unfinished messages: what it adds up to, and links that use it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.link.peers import Kind, binary, client_frame, meet
from trivet.link.limits import LinkLimits
from trivet.link.unfinished import Share, Unfinished
from trivet.protocol.errors import UnfinishedFull

FREE = 1000
LIMIT = 50_000
FULL = (1013, "guard.unfinished_full")


def budget() -> Unfinished:
    return Unfinished(LIMIT, free=FREE)


sizes = st.integers(0, LIMIT)


@given(st.lists(st.tuples(st.integers(0, 3), sizes, sizes)))
def test_it_is_the_sum_of_its_shares_and_never_more_than_its_limit(
    steps: list[tuple[int, int, int]],
) -> None:
    unfinished = budget()
    shares, kept = [Share(unfinished) for _ in range(4)], [0] * 4
    for which, size, expected in steps:
        others = sum(kept) - kept[which]
        wanted, most = max(0, size - FREE), max(size, expected) - FREE
        if others + most <= LIMIT or most <= kept[which]:
            shares[which].keep(size, expected)
            kept[which] = wanted
        else:
            with pytest.raises(UnfinishedFull):
                shares[which].keep(size, expected)
        assert unfinished.used == sum(kept) <= LIMIT
    for share in shares:
        with share:
            pass
    assert unfinished.used == 0


def test_what_is_expected_is_judged_and_does_not_count() -> None:
    unfinished = budget()
    for _ in range(10):
        Share(unfinished).keep(0, LIMIT)
    assert unfinished.used == 0
    with pytest.raises(UnfinishedFull):
        Share(unfinished).keep(0, LIMIT + FREE + 1)


def test_a_share_is_given_back_whatever_happens() -> None:
    unfinished = budget()

    def fail() -> None:
        with Share(unfinished) as share:
            share.keep(LIMIT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert unfinished.used == 0


def declared(length: int) -> bytes:
    """The head of a frame, and nothing of its payload."""
    return b"\x82\xff" + length.to_bytes(8, "big") + bytes(4)


@pytest.mark.parametrize("kind", ["memory", "socket"])
async def test_links_share_it(kind: Kind) -> None:
    unfinished = budget()
    limits = LinkLimits(unfinished=unfinished)
    message = binary(bytes(30_000))
    async with meet(kind, limits=limits) as large, meet(kind, limits=limits) as late:
        await large.peer.send(message[:-1])
        while unfinished.used < 28_000:
            await wait_all_tasks_blocked(0.001)
        await late.peer.send(binary(bytes(FREE)), declared(40_000))
        assert await late.peer.hear_goodbye() == FULL
        assert late.heard == [bytes(FREE)]
        assert late.link.ending is not None
        assert late.link.ending.by == "server"
        await large.peer.send(message[-1:])
        while not large.heard:
            await wait_all_tasks_blocked(0.001)
        assert unfinished.used == 0
        await large.peer.send(message)
        while len(large.heard) < 2:
            await wait_all_tasks_blocked(0.001)
    assert unfinished.used == 0


async def test_fragments_count_together(autojump_clock: MockClock) -> None:
    unfinished = budget()
    async with meet(limits=LinkLimits(unfinished=unfinished)) as meeting:
        await meeting.peer.send(client_frame(0x02, bytes(20_000)))
        await wait_all_tasks_blocked()
        assert unfinished.used == 20_000 - FREE
        await meeting.peer.send(client_frame(0x00, bytes(20_000)))
        await wait_all_tasks_blocked()
        assert unfinished.used == 40_000 - FREE
        await meeting.peer.send(client_frame(0x00, bytes(20_000)))
        assert await meeting.peer.hear_goodbye() == FULL
    assert unfinished.used == 0


async def test_a_message_that_takes_too_long_gives_it_back(autojump_clock: MockClock) -> None:
    unfinished = budget()
    async with meet(limits=LinkLimits(unfinished=unfinished)) as meeting:
        await meeting.peer.send(declared(40_000) + bytes(30_000))
        await wait_all_tasks_blocked()
        assert unfinished.used > 0
        assert await meeting.peer.hear_goodbye() == (1008, "message.incoming_too_slow")
        await meeting.peer.stream.aclose()
        await wait_all_tasks_blocked()
        assert unfinished.used == 0
