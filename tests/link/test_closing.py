"""How links end: every order of both sides' goodbyes, and every way to leave without one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing
from websockets.frames import Opcode

from tests.link.peers import Kind, Meeting, Message, client_frame, goodbye, meet, ping, text
from trivet.link.ending import Ending
from trivet.link.frames import binary_frame, text_frame
from trivet.link.limits import LinkLimits

over_any_transport = pytest.mark.parametrize("kind", ["socket", "memory", "lockstep"])

BIG = binary_frame(b"x" * 900_000)


async def ended(met: Meeting) -> Ending:
    await met.link.wait_closed()
    assert met.link.closed
    assert met.link.ending is not None
    assert not met.link.push(text_frame(b"late"))
    return met.link.ending


@over_any_transport
async def test_the_client_leaves(kind: Kind) -> None:
    async with meet(kind) as met:
        await met.peer.send(text("last"), goodbye(1000, "Disposed"))
        assert await met.peer.hear_goodbye() == (1000, "Disposed")
        await met.peer.hear_nothing_more()
        assert await ended(met) == Ending(1000, "Disposed", "client")
        assert met.heard == ["last"]


@over_any_transport
async def test_the_client_leaves_without_a_code(kind: Kind) -> None:
    async with meet(kind) as met:
        await met.peer.send(client_frame(0x88))
        frame = await met.peer.next_frame()
        assert frame is not None
        assert (frame.opcode, bytes(frame.data)) == (Opcode.CLOSE, b"")
        assert await ended(met) == Ending(1005, "", "client")


@over_any_transport
async def test_what_was_said_before_the_client_left_precedes_the_echo(kind: Kind) -> None:
    def ears(message: Message) -> None:
        met.link.push(text_frame(b"reply"))

    async with meet(kind, ears=ears) as met:
        await met.peer.send(text("call"), goodbye(), text("ignored"))
        assert await met.peer.hear() == "reply"
        assert await met.peer.hear_goodbye() == (1000, "")


@over_any_transport
async def test_the_server_closes(kind: Kind) -> None:
    async with meet(kind) as met:
        met.link.push(text_frame(b"first"))
        met.link.close(1000, "kicked")
        assert not met.link.push(text_frame(b"late"))
        assert await met.peer.hear() == "first"
        assert await met.peer.hear_goodbye() == (1000, "kicked")
        await trio.testing.wait_all_tasks_blocked()
        assert not met.link.closed, "it waits for the client's goodbye"
        await met.peer.send(goodbye(1000))
        await met.peer.hear_nothing_more()
        assert await ended(met) == Ending(1000, "kicked", "server")


@over_any_transport
async def test_the_client_closes_the_stream_instead_of_answering(kind: Kind) -> None:
    async with meet(kind) as met:
        met.link.close(1001, "")
        assert await met.peer.hear_goodbye() == (1001, "")
        await met.peer.stream.aclose()
        assert await ended(met) == Ending(1001, "", "server")


@over_any_transport
async def test_both_close_at_once(kind: Kind) -> None:
    async with meet(kind) as met:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(met.peer.send, goodbye(1001, "mine"))
            met.link.close(1000, "yours")
        assert await met.peer.hear_goodbye() == (1000, "yours")
        await met.peer.hear_nothing_more()
        assert await ended(met) == Ending(1000, "yours", "server")


async def test_closing_twice_is_closing_once() -> None:
    async with meet() as met:
        met.link.close(1000, "first")
        met.link.close(1011, "second")
        met.link.ping()
        assert await met.peer.hear_goodbye() == (1000, "first")
        await met.peer.send(goodbye())
        await met.peer.hear_nothing_more()
        met.link.close(1011, "third")
        assert await ended(met) == Ending(1000, "first", "server")


async def test_a_code_that_must_not_be_sent_is_a_mistake_of_the_caller() -> None:
    async with meet() as met:
        with pytest.raises(ValueError, match="1006"):
            met.link.close(1006, "")
        assert met.link.ending is None
        assert met.link.push(text_frame(b"still here"))
        assert await met.peer.hear() == "still here"


@over_any_transport
async def test_after_closing_nothing_is_received_and_no_ping_answered(kind: Kind) -> None:
    async with meet(kind) as met:
        met.link.close(1000, "")
        await met.peer.send(text("too late"), ping(), client_frame(0x01, b"half"))
        assert await met.peer.hear_goodbye() == (1000, "")
        await met.peer.send(client_frame(0x80, b"a message"), ping(), goodbye())
        await met.peer.hear_nothing_more()
        await ended(met)
        assert met.heard == []


def close_at_once(met: Meeting, message: Message) -> None:
    met.link.push(text_frame(b"reply"))
    met.link.close(1011, "actor.invalid_request")


def abort_at_once(met: Meeting, message: Message) -> None:
    met.link.push(text_frame(b"reply"))
    met.link.abort()


@over_any_transport
async def test_the_receiver_may_close(kind: Kind) -> None:
    heard: list[Message] = []

    def ears(message: Message) -> None:
        heard.append(message)
        close_at_once(met, message)

    async with meet(kind, ears=ears) as met:
        await met.peer.send(text("a"), text("b"), goodbye())
        assert await met.peer.hear() == "reply"
        assert await met.peer.hear_goodbye() == (1011, "actor.invalid_request")
        await met.peer.hear_nothing_more()
        assert heard == ["a"]


@over_any_transport
async def test_the_receiver_may_abort(kind: Kind) -> None:
    heard: list[Message] = []

    def ears(message: Message) -> None:
        heard.append(message)
        abort_at_once(met, message)

    async with meet(kind, ears=ears) as met:
        await met.peer.send(text("a"), text("b"))
        assert await ended(met) == Ending(1006, "", "server")
        assert heard == ["a"]


@over_any_transport
@pytest.mark.parametrize("blocked", [False, True])
async def test_aborting_closes_the_socket_at_once(kind: Kind, blocked: bool) -> None:
    async with meet(kind) as met:
        if blocked:
            met.link.push(BIG)
            await trio.testing.wait_all_tasks_blocked()
            met.link.push(text_frame(b"x"))
        met.link.abort()
        assert not met.link.push(text_frame(b"late"))
        assert await ended(met) == Ending(1006, "", "server")
        assert met.link.dropped == blocked


async def test_aborting_ends_a_closing_link_too() -> None:
    async with meet() as met:
        met.link.close(1000, "bye")
        await trio.testing.wait_all_tasks_blocked()
        met.link.abort()
        assert await ended(met) == Ending(1000, "bye", "server")


@over_any_transport
async def test_a_client_that_closes_its_stream_is_a_network_that_ended(kind: Kind) -> None:
    async with meet(kind) as met:
        await met.peer.send(text("last"), text("cut")[:5])
        await trio.testing.wait_all_tasks_blocked()
        await met.peer.stream.aclose()
        assert await ended(met) == Ending(1006, "", "network")
        assert met.heard == ["last"]


@over_any_transport
async def test_a_half_closed_client_still_gets_its_replies(kind: Kind) -> None:
    def ears(message: Message) -> None:
        met.link.push(BIG)

    async with meet(kind, ears=ears) as met:
        await met.peer.send(text("call"))
        await met.peer.stream.send_eof()
        assert await met.peer.hear() == b"x" * 900_000
        await met.peer.hear_nothing_more()
        assert await ended(met) == Ending(1006, "", "network")


@pytest.mark.parametrize("blocked", [False, True])
async def test_a_reset_ends_the_link(blocked: bool) -> None:
    async with meet("socket") as met:
        if blocked:
            met.link.push(BIG)
            await trio.testing.wait_all_tasks_blocked()
        met.peer.reset()
        assert await ended(met) == Ending(1006, "", "network")


async def test_a_push_into_a_broken_socket_fails_and_raises_nothing() -> None:
    async with meet("socket") as met:
        met.peer.reset()
        assert not met.link.push(text_frame(b"x"))
        assert await ended(met) == Ending(1006, "", "network")


async def test_a_push_into_a_full_outbox_of_a_broken_socket_fails_too() -> None:
    async with meet("socket") as met:
        met.link.push(BIG)
        await trio.testing.wait_all_tasks_blocked()
        met.peer.reset()
        assert not met.link.push(BIG)
        assert await ended(met) == Ending(1006, "", "network")


async def test_a_reset_ends_a_link_that_is_ending() -> None:
    async with meet("socket") as met:
        met.link.push(BIG)
        await met.peer.stream.send_eof()
        await trio.testing.wait_all_tasks_blocked()
        met.peer.reset()
        assert await ended(met) == Ending(1006, "", "network")


# -- deadlines: five seconds, whatever the peer does ------------------------------------------

Clock = trio.testing.MockClock


async def closes_after(met: Meeting, clock: Clock, seconds: float) -> Ending:
    await trio.testing.wait_all_tasks_blocked()
    clock.jump(seconds - 0.01)
    await trio.testing.wait_all_tasks_blocked()
    assert not met.link.closed
    clock.jump(0.02)
    return await ended(met)


@over_any_transport
async def test_a_silent_client_is_left_after_five_seconds(kind: Kind, mock_clock: Clock) -> None:
    async with meet(kind) as met:
        met.link.close(1000, "bye")
        assert await met.peer.hear_goodbye() == (1000, "bye")
        assert await closes_after(met, mock_clock, 5) == Ending(1000, "bye", "server")
        await met.peer.hear_nothing_more()


@pytest.mark.parametrize("kind", ["socket", "lockstep"])
async def test_a_client_that_never_reads_is_left_after_five_seconds(
    kind: Kind, mock_clock: Clock
) -> None:
    async with meet(kind) as met:
        met.link.push(BIG)
        met.link.close(1000, "bye")
        assert await closes_after(met, mock_clock, 5) == Ending(1000, "bye", "server")


@pytest.mark.parametrize("kind", ["socket", "lockstep"])
async def test_a_client_that_leaves_but_does_not_read_is_left_after_five_seconds(
    kind: Kind, mock_clock: Clock
) -> None:
    async with meet(kind) as met:
        met.link.push(BIG)
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(met.peer.send, goodbye(1000, "me"))
        assert await closes_after(met, mock_clock, 5) == Ending(1000, "me", "client")


@pytest.mark.parametrize("kind", ["socket", "lockstep"])
async def test_a_half_closed_client_that_does_not_read_is_left_after_five_seconds(
    kind: Kind, mock_clock: Clock
) -> None:
    async with meet(kind) as met:
        met.link.push(BIG)
        await met.peer.stream.send_eof()
        assert await closes_after(met, mock_clock, 5) == Ending(1006, "", "network")


@over_any_transport
async def test_a_client_that_goes_on_talking_is_left_after_five_seconds(
    kind: Kind, mock_clock: Clock
) -> None:
    async with meet(kind) as met:
        met.link.close(1000, "bye")
        for _ in range(4):
            await met.peer.send(text("and another thing"), ping())
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(1)
        assert await closes_after(met, mock_clock, 1) == Ending(1000, "bye", "server")
        assert met.heard == []


@over_any_transport
async def test_a_client_that_broke_the_protocol_is_left_after_five_seconds(
    kind: Kind, mock_clock: Clock
) -> None:
    async with meet(kind) as met:
        await met.peer.send(b"\x81\x00")
        code, _ = await met.peer.hear_goodbye()
        assert code == 1002
        ending = await closes_after(met, mock_clock, 5)
        assert (ending.code, ending.by) == (1002, "protocol")


async def test_the_time_to_close_is_an_option(mock_clock: Clock) -> None:
    async with meet(limits=LinkLimits(close_timeout=0.5)) as met:
        met.link.close(1000, "")
        await closes_after(met, mock_clock, 0.5)


# -- nothing is left --------------------------------------------------------------------------


def leave(met: Meeting) -> None:
    met.link.close(1000, "")


def cancel(met: Meeting) -> None:
    met.scope.cancel()


def abort(met: Meeting) -> None:
    met.link.abort()


@over_any_transport
@pytest.mark.parametrize("end", [leave, cancel, abort])
async def test_no_task_is_left(
    kind: Kind, end: Callable[[Meeting], None], mock_clock: Clock
) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    async with meet(kind) as met:
        met.link.push(BIG)
        await met.peer.send(text("x"))
        await trio.testing.wait_all_tasks_blocked()
        end(met)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(5)
        await met.link.wait_closed()
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before
