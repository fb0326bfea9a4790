"""Subscriptions: order, overflow, several readers, and what the server is asked for."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.scripted import Room, ScriptedDialer, connected, opening
from trivet.client.subscription import Feed
from trivet.declare.errors import Error, SubscriptionOverflow
from trivet.declare.handle import Connection


async def test_events_are_live_from_the_line_that_subscribes() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        messages = conn.events(Room.said)
        assert attempt.log == [("on", "said")]
        attempt.receiver.event("said", ["hi"])
        attempt.receiver.event("moved", ["ann", 1])
        attempt.receiver.event("said", ["there"])
        assert await anext(messages) == "hi"
        assert await anext(messages) == "there"


async def test_several_events_come_in_the_order_of_their_arrival() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        both = conn.events(Room.said, Room.moved)
        attempt.receiver.event("moved", ["ann", 1])
        attempt.receiver.event("said", ["hi"])
        attempt.receiver.event("moved", ["bob", 2])
        assert [await anext(both) for _ in range(3)] == [("ann", 1), "hi", ("bob", 2)]


async def test_untyped_events_are_wire_values() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        said, nothing = conn.events_by_name("moved"), conn.events_by_name("nothing")
        attempt.receiver.event("moved", ["ann", 1])
        attempt.receiver.event("moved", [{"who": "ann"}])
        attempt.receiver.event("nothing", [])
        assert await anext(said) == ["ann", 1]
        assert await anext(said) == {"who": "ann"}
        assert await anext(nothing) is None


async def test_a_payload_of_another_type_says_so_in_its_place() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        messages = conn.events(Room.said)
        for args in (["one"], [2], ["three"]):
            attempt.receiver.event("said", args)
        assert await anext(messages) == "one"
        with pytest.raises(Error, match="unexpected_value"):
            await anext(messages)
        assert await anext(messages) == "three"


async def test_the_last_one_out_unsubscribes() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        async with conn.events(Room.said), conn.events(Room.said, Room.moved):
            assert attempt.log == [("on", "said"), ("on", "moved")]
        assert attempt.log[2:] == [("off", "moved"), ("off", "said")]
        attempt.receiver.event("said", ["to nobody"])


async def test_a_subscription_that_was_left_is_over() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        async with conn.events(Room.said) as messages:
            attempt.receiver.event("said", ["unread"])
        assert [message async for message in messages] == []


async def test_subscriptions_are_restored_and_those_left_meanwhile_are_not(
    autojump_clock: MockClock,
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        messages = conn.events(Room.said)
        async with conn.events(Room.moved):
            attempt.end()
            await wait_all_tasks_blocked()
        second = await dialer.opened(1)
        assert second.log == [("on", "said")]
        second.receiver.event("said", ["again"])
        assert await anext(messages) == "again"


async def test_a_slow_reader_gets_what_there_is_and_then_the_overflow() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        slow, other = conn.events(Room.said), conn.events(Room.said)
        for number in range(1025):
            attempt.receiver.event("said", [str(number)])
            assert await anext(other) == str(number)
        assert attempt.log == [("on", "said")]
        assert [await anext(slow) for _ in range(1024)] == [str(number) for number in range(1024)]
        with pytest.raises(SubscriptionOverflow):
            await anext(slow)
        with pytest.raises(SubscriptionOverflow):
            await anext(slow)


async def test_an_overflow_of_the_last_listener_unsubscribes() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        slow = conn.events(Room.said)
        for _ in range(1025):
            attempt.receiver.event("said", ["x"])
        assert attempt.log == [("on", "said"), ("off", "said")]
        async with slow:
            pass
        assert attempt.log == [("on", "said"), ("off", "said")]


async def test_two_tasks_cannot_read_one_subscription() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        messages = conn.events(Room.said)
        got: list[str] = []

        async def read() -> None:
            got.append(await anext(messages))

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await anext(messages)
        attempt.receiver.event("said", ["hi"])
        await wait_all_tasks_blocked()
        assert got == ["hi"]


async def test_a_cancelled_reader_loses_nothing() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        messages = conn.events(Room.said)
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_when_idle, scope)
            await anext(messages)
        attempt.receiver.event("said", ["hi"])
        assert await anext(messages) == "hi"


async def cancel_when_idle(scope: trio.CancelScope) -> None:
    await wait_all_tasks_blocked()
    scope.cancel()


async def test_a_reader_that_waits_learns_of_the_end() -> None:
    dialer = ScriptedDialer()
    ended: list[list[str]] = []
    async with connected(dialer) as (conn, _, nursery):
        messages = conn.events(Room.said)

        async def read() -> None:
            ended.append([message async for message in messages])

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
    assert ended == [[]]


async def test_what_arrives_before_the_body_waits_for_its_first_reader() -> None:
    dialer = ScriptedDialer()

    async def welcome() -> None:
        attempt = await dialer.dialled(0)
        attempt.receiver.event("moved", ["ann", 1])
        attempt.open()
        attempt.receiver.event("said", ["welcome"])
        attempt.receiver.event("said", ["again"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(welcome)
        async with opening(dialer) as live:
            conn = Connection[Room](live)
            dialer.attempts[0].receiver.event("said", ["to nobody"])
            said = conn.events(Room.said)
            assert [await anext(said), await anext(said)] == ["welcome", "again"]
            assert await anext(conn.events(Room.moved)) == ("ann", 1)
            late = conn.events(Room.said)
            dialer.attempts[0].receiver.event("said", ["now"])
            assert [await anext(late), await anext(said)] == ["now", "now"]


async def test_a_feed_that_ended_takes_nothing() -> None:
    feed: Feed[int] = Feed(2)
    assert feed.put(1)
    feed.end()
    assert not feed.put(2)
    assert await feed.get() == 1
    with pytest.raises(StopAsyncIteration):
        await feed.get()


async def test_a_feed_that_overflowed_does_not_begin_anew() -> None:
    feed: Feed[int] = Feed(2)
    assert [feed.put(1), feed.put(2), feed.put(3)] == [True, True, False]
    assert await feed.get() == 1
    assert not feed.put(4)
    assert await feed.get() == 2
    with pytest.raises(SubscriptionOverflow):
        await feed.get()
