"""Clients that break RFC 6455 or a limit: one close, and nothing after it counts."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.link.peers import Kind, binary, client_frame, goodbye, meet, ping, text
from trivet.link.ending import Ending
from trivet.link.limits import LinkLimits

over_any_transport = pytest.mark.parametrize("kind", ["socket", "memory", "lockstep"])

LIMITED = LinkLimits(message_size=1000)


@over_any_transport
@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"\x81\x05hello", 1002, id="not masked"),
        pytest.param(client_frame(0xC1, b"x"), 1002, id="reserved bit"),
        pytest.param(client_frame(0x81, b"\xff"), 1007, id="no UTF-8"),
        pytest.param(b"\x82\xff" + (2**40).to_bytes(8, "big"), None, id="header not complete"),
        pytest.param(b"\x82\xff" + (2**40).to_bytes(8, "big") + b"mask", 1009, id="hard limit"),
        pytest.param(binary(b"x" * 1001), 1011, id="message limit"),
    ],
)
async def test_a_violation_closes_and_nothing_after_it_counts(
    kind: Kind, data: bytes, code: int | None
) -> None:
    async with meet(kind, limits=LIMITED) as met:
        await met.peer.send(text("before"), data)
        if code is None:
            await trio.testing.wait_all_tasks_blocked()
            assert met.link.ending is None
            return
        assert (await met.peer.hear_goodbye())[0] == code
        await met.peer.hear_nothing_more()
        await met.peer.send(data, text("after"), goodbye(4000))
        await met.peer.stream.aclose()
        await met.link.wait_closed()
        ending = met.link.ending
        assert ending is not None
        assert (ending.code, ending.by) == (code, "protocol")
        assert met.heard == ["before"]


async def test_too_long_messages_in_one_segment_are_one_violation() -> None:
    async with meet(limits=LIMITED) as met:
        await met.peer.send(binary(b"x" * 1001) + binary(b"y" * 1001) + text("z") + ping())
        assert await met.peer.hear_goodbye() == (1011, "message.incoming_too_long")
        await met.peer.hear_nothing_more()


async def test_a_client_that_is_still_sending_sees_why_it_was_closed() -> None:
    async with meet("socket", limits=LIMITED) as met, trio.open_nursery() as nursery:
        nursery.start_soon(met.peer.send, binary(b"x" * 2_000_000))
        assert await met.peer.hear_goodbye() == (1011, "message.incoming_too_long")
        await met.peer.hear_nothing_more()


@over_any_transport
async def test_a_violation_while_closing_does_not_change_how_it_ends(kind: Kind) -> None:
    async with meet(kind) as met:
        met.link.close(1000, "bye")
        assert await met.peer.hear_goodbye() == (1000, "bye")
        await met.peer.send(b"\x81\x00", goodbye())
        await met.peer.stream.send_eof()
        await met.peer.hear_nothing_more()
        await met.link.wait_closed()
        assert met.link.ending == Ending(1000, "bye", "server")


async def test_a_reset_is_the_end_of_a_violation_too() -> None:
    async with meet("socket") as met:
        await met.peer.send(b"\x81\x00")
        assert (await met.peer.hear_goodbye())[0] == 1002
        await met.peer.hear_nothing_more()
        met.peer.reset()
        await met.link.wait_closed()
        assert met.link.ending == Ending(1002, "incorrect masking", "protocol")
