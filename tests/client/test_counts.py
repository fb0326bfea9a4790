"""What a client drops, and how often it has to begin anew, is counted: each of them provoked."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.meetings import Room as PlayedRoom, meeting
from tests.client.peers import CBOR, Received, Reply, client_of, http_peer, socket_peer
from tests.client.scripted import Asked, Room, ScriptedDialer, connected, lost, opening, passing
from tests.runtime.runtimes import opened
from trivet.client.counts import Counts
from trivet.client.status import Status
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import SubscriptionOverflow
from trivet.declare.event import Event
from trivet.declare.handle import Connection
from trivet.protocol.messages import ActionResponse


class Loud(Actor[list[int]]):
    noise = Event[int]()

    @action
    def make(self, times: int) -> None:
        for number in range(times):
            self.broadcast(Loud.noise, number)


def test_a_part_is_counted_with_its_whole() -> None:
    whole = Counts()
    first, second = Counts(whole), Counts(whole)
    first.count("a_b")
    second.count("a_b", 2)
    second.count("c_d", 0)
    assert first.counters == {"a_b": 1}
    assert second.counters == {"a_b": 2}
    assert whole.counters == {"a_b": 3}


def test_counters_are_a_copy() -> None:
    counts = Counts()
    before = counts.counters
    counts.count("a_b")
    assert (before, counts.counters) == ({}, {"a_b": 1})


# Events


async def test_events_that_a_subscription_has_no_room_for() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        slow = conn.events(Room.said)
        for number in range(1024):
            attempt.receiver.event("said", [str(number)])
        assert conn.counters == {}
        attempt.receiver.event("said", ["too much"])
        assert conn.counters == {"event_overflowed": 1}
        attempt.receiver.event("said", ["after that"])
        assert conn.counters == {"event_overflowed": 1, "event_dropped": 1}
        assert [await anext(slow) for _ in range(1024)][-1] == "1023"
        with pytest.raises(SubscriptionOverflow):
            await anext(slow)
        assert conn.counters == {"event_overflowed": 1, "event_dropped": 1}


async def test_events_that_nobody_reads() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        attempt.receiver.event("said", ["to nobody"])
        assert conn.counters == {"event_dropped": 1}
        async with conn.events(Room.said) as said:
            for text in ("read", "unread", "unread"):
                attempt.receiver.event("said", [text])
            assert await anext(said) == "read"
        assert conn.counters == {"event_dropped": 3}


async def test_events_before_the_body_that_wait_for_nobody() -> None:
    dialer = ScriptedDialer()

    async def welcome() -> None:
        attempt = await dialer.dialled(0)
        for _ in range(1024 + 3):
            attempt.receiver.event("said", ["early"])
        attempt.open()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(welcome)
        async with opening(dialer) as live:
            conn = Connection[Room](live)
            assert conn.counters == {"event_dropped": 3}
            said = conn.events(Room.said)
            await anext(said)
    assert conn.counters == {"event_dropped": 3}, "a subscription that has it may be read still"


async def test_early_events_that_nobody_ever_asked_for() -> None:
    dialer = ScriptedDialer()

    async def welcome() -> None:
        attempt = await dialer.dialled(0)
        attempt.receiver.event("said", ["early"])
        attempt.open()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(welcome)
        async with opening(dialer) as live:
            assert live.counters == {}
    assert live.counters == {"event_dropped": 1}


async def test_changes_of_status_that_nobody_reads() -> None:
    counts = Counts()
    status = Status(counts.count)
    changes = status.changes()
    for _ in range(513):
        status.set("connected")
        status.set("disconnected")
    assert counts.counters == {"status_dropped": 2}
    assert await anext(changes) == "connected"


# Replies


async def test_replies_that_nobody_waits_for() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        cancelled = Asked(nursery, conn, "one")
        await wait_all_tasks_blocked()
        other = Asked(nursery, conn, "two")
        await wait_all_tasks_blocked()
        cancelled.scope.cancel()
        await wait_all_tasks_blocked()
        assert conn.counters == {}
        attempt.reply(0, 3)
        assert conn.counters == {"reply_dropped": 1}
        attempt.reply(1, 4)
        attempt.reply(1, 5)
        assert conn.counters == {"reply_dropped": 2}
        await wait_all_tasks_blocked()
        assert other.outcome == 4
        gone = Asked(nursery, conn, "three")
        await wait_all_tasks_blocked()
        gone.scope.cancel()
        await wait_all_tasks_blocked()
        attempt.receiver.failed(2, passing("overloaded"))
        assert conn.counters == {"reply_dropped": 3}


# Sessions


async def test_attempts_losses_and_returns(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()

    async def play() -> None:
        (await dialer.dialled(0)).fail(lost())
        (await dialer.dialled(1)).refuse(passing("starting"))
        await dialer.opened(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        async with opening(dialer) as live:
            assert live.counters == {"connecting_failed": 2}
            dialer.attempts[2].end()
            await dialer.opened(3)
            assert live.counters == {
                "connecting_failed": 2,
                "connection_lost": 1,
                "connection_restored": 1,
            }
            dialer.attempts[3].end(1000, "Kicked by admin")
            await dialer.opened(4)
            assert live.counters["connection_lost"] == live.counters["connection_restored"] == 2
    assert live.counters["connection_lost"] == 2, "leaving loses nothing"


async def test_params_that_fail(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    answers = iter([None, ValueError("no token"), None])

    async def params() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    async with connected(dialer, params) as (conn, attempt, _):
        attempt.end()
        await dialer.opened(1)
        assert conn.counters["params_failed"] == conn.counters["connecting_failed"] == 1


@pytest.mark.parametrize(
    "message", [b"\xff\xff", "text", CBOR.encode_to_client(ActionResponse(77, None))]
)
async def test_messages_that_break_the_protocol(
    message: str | bytes, autojump_clock: MockClock
) -> None:
    async with meeting() as (peer, visitor, conn, _):
        await visitor.socket.send_message(message)
        await peer.guest()
        await wait_all_tasks_blocked()
        assert conn.counters == {
            "message_malformed": 1,
            "connection_lost": 1,
            "connection_restored": 1,
        }


async def test_a_server_that_vanishes(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, _, conn, _):
        peer.network.vanish()
        await peer.guest()
        await wait_all_tasks_blocked()
        assert (conn.counters["server_vanished"], conn.counters["connection_lost"]) == (1, 1)


async def test_a_server_that_takes_nothing(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, _, conn, _):
        peer.network.connections[-1].stop_reading(server=True)
        for _ in range(3000):
            async with conn.events(PlayedRoom.said):
                pass
        await peer.guest()
        await wait_all_tasks_blocked()
        assert (conn.counters["server_stalled"], conn.counters["connection_lost"]) == (1, 1)


# Clients


async def test_a_call_that_is_sent_again(autojump_clock: MockClock) -> None:
    async with http_peer() as peer, client_of(peer.network) as (client, _):

        def answer(request: Received) -> Reply:
            if len(peer.received) < 3:
                return Reply.error("actor", "starting", guard=True)
            return Reply.output(7)

        peer.answer = answer
        assert await client.get(PlayedRoom, "a").call(PlayedRoom.say, "hi") == 7
        assert client.counters == {"request_repeated": 2}


async def test_a_client_counts_what_its_connections_do() -> None:
    async with opened(Loud) as runtime:
        handle = runtime.client.get_or_create(Loud, "a")
        async with handle.connect() as first, handle.connect() as second:
            for conn, times in ((first, 2), (second, 3)):
                async with conn.events(Loud.noise):
                    await conn.call(Loud.make, times)
            assert (first.counters, second.counters) == ({"event_dropped": 2}, {"event_dropped": 3})
        assert runtime.client.counters == {"event_dropped": 5}
        assert runtime.counters == {}


async def test_a_connection_over_the_network_is_counted_with_its_client(
    autojump_clock: MockClock,
) -> None:
    async with (
        socket_peer() as peer,
        client_of(peer.network) as (client, _),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(peer.guest)
        handle = client.get_or_create(PlayedRoom, "a")
        async with handle.connect() as lost_one:
            nursery.start_soon(peer.guest)
            async with handle.connect() as other:
                peer.network.connections[0].cut()
                await peer.guest()
                await wait_all_tasks_blocked()
                assert lost_one.counters == {"connection_lost": 1, "connection_restored": 1}
                assert other.counters == {}
                assert client.counters == lost_one.counters
