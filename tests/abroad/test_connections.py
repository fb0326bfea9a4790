"""Connections: who is let in, what is heard, and how they end."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet
from tests.abroad.actors import SECRET, Login, Member, Room
from tests.abroad.conftest import Place
from tests.interop.relay import Relay


async def test_params_make_the_connection_state(client: trivet.Client, place: Place) -> None:
    room = client.get_or_create(Room, place.key)
    async with room.connect(Login("ann", 3)) as ann:
        assert ann.status == "connected"
        assert await ann.call(Room.who_am_i) == Member("ann", 3)


async def test_events(client: trivet.Client, place: Place) -> None:
    """What is said to everybody, in order, and what only one hears."""
    room = client.get_or_create(Room, place.key)
    async with (
        room.connect(Login("ann")) as ann,
        ann.events(Room.said, Room.moved, Room.knocked) as heard,
        room.connect(Login("bob")) as bob,
        bob.events(Room.said) as overheard,
    ):
        # Between connections there is no order, so bob's subscription has to be known first.
        assert await bob.call(Room.who_am_i) == Member("bob", 1)
        assert await ann.call(Room.say, "hello") == 5
        await bob.call(Room.move, 3, -4)
        await ann.call(Room.knock)
        assert await bob.call(Room.whisper, "ann", "psst")
        assert not await bob.call(Room.whisper, "eve", "psst")
        assert await anext(heard) == "welcome, ann"
        assert [await anext(heard) for _ in range(4)] == ["hello", (3, -4), None, "psst"]
        assert await anext(overheard) == "welcome, bob"
        assert await anext(overheard) == "hello"


async def test_events_that_nobody_subscribed_to_do_not_come(
    client: trivet.Client, place: Place
) -> None:
    room = client.get_or_create(Room, place.key)
    async with room.connect(Login("ann")) as ann:
        async with ann.events(Room.said) as heard:
            assert await anext(heard) == "welcome, ann"
            await ann.call(Room.say, "one")
            assert await anext(heard) == "one"
        await ann.call(Room.say, "two")
        async with ann.events(Room.said) as heard:
            await ann.call(Room.say, "three")
            assert await anext(heard) == "three"


async def test_events_by_name(client: trivet.Client, place: Place) -> None:
    room = client.get_or_create(Room, place.key)
    async with room.connect(Login("ann")) as ann, ann.events_by_name("moved") as heard:
        assert await ann.call_by_name("whoAmI") == {"name": "ann", "visit": 1}
        await ann.call_by_name("move", 1, 2)
        assert await anext(heard) == [1, 2]


async def test_a_login_that_is_refused(client: trivet.Client, place: Place) -> None:
    room = client.get_or_create(Room, place.key)
    with pytest.raises(trivet.UserError, match="Nobody knows you") as caught:
        async with room.connect(Login("eve")):
            pass
    assert (caught.value.code, caught.value.metadata) == ("unwelcome", {"name": "eve"})


async def test_a_login_that_breaks_down(client: trivet.Client, place: Place) -> None:
    room = client.get_or_create(Room, place.key)
    with pytest.raises(trivet.ActionError) as caught:
        async with room.connect(Login("broken")):
            pass
    assert (caught.value.group, caught.value.code) == ("rivetkit", "internal_error")
    assert (SECRET in str(caught.value)) is not place.masks_logins


async def kick(ann: trivet.Connection[Room]) -> None:
    assert await ann.call(Room.kick, "bob", "go away")


async def test_a_kicked_client_hears_why_and_comes_back(
    client: trivet.Client, place: Place
) -> None:
    room = client.get_or_create(Room, place.key)
    async with (
        room.connect(Login("ann")) as ann,
        room.connect(Login("bob")) as bob,
        bob.events(Room.said) as heard,
        trio.open_nursery() as nursery,
    ):
        assert await anext(heard) == "welcome, bob"
        changes = bob.status_changes()
        nursery.start_soon(kick, ann)
        assert [await anext(changes), await anext(changes)] == ["disconnected", "connected"]
        assert await bob.call(Room.who_am_i) == Member("bob", 1)
        await ann.call(Room.say, "hello again")
        assert [await anext(heard), await anext(heard)] == ["welcome, bob", "hello again"]
        assert await ann.call(Room.who_left) == ["bob"]


async def test_a_client_that_kicks_itself(client: trivet.Client, place: Place) -> None:
    room = client.get_or_create(Room, place.key)
    async with room.connect(Login("ann")) as ann:
        with pytest.raises(trivet.ConnectionClosed) as caught:
            await ann.call(Room.kick, "ann", "bye")
        assert caught.value.reason == "bye"
        assert await ann.call(Room.who_left) == ["ann"]


async def test_a_banned_client_stays_out(client: trivet.Client, place: Place) -> None:
    room = client.get_or_create(Room, place.key)
    async with room.connect(Login("ann")) as ann, room.connect(Login("bob")) as bob:
        changes = bob.status_changes()
        await ann.call(Room.ban, "bob", "out")
        assert [status async for status in changes] == ["disconnected", "closed"]
        with pytest.raises(trivet.ConnectionClosed) as caught:
            await bob.call(Room.who_am_i)
        assert isinstance(caught.value.__cause__, trivet.UserError)
        assert caught.value.__cause__.code == "banned"
        with pytest.raises(trivet.UserError, match="You are banned"):
            async with room.connect(Login("bob")):
                pass


async def test_a_client_that_leaves(client: trivet.Client, place: Place) -> None:
    room = client.get_or_create(Room, place.key)
    async with room.connect(Login("ann")) as ann:
        async with room.connect(Login("bob")) as bob:
            await bob.call(Room.who_am_i)
        left: list[str] = []
        while not left:
            left = await ann.call(Room.who_left)
        assert left == ["bob"]


async def test_a_network_that_is_cut(
    client: trivet.Client, far_client: trivet.Client, relay: Relay, place: Place
) -> None:
    """What was on its way is lost; later calls wait, and subscriptions come back before them."""
    visits = 0

    async def login() -> Login:
        nonlocal visits
        visits += 1
        return Login("ann", visits)

    async def lose_a_call() -> None:
        with pytest.raises(trivet.ConnectionLost):
            await ann.call(Room.wait_for_visitor)

    room = far_client.get_or_create(Room, place.key)
    async with room.connect(login) as ann, ann.events(Room.said) as heard:
        assert await anext(heard) == "welcome, ann"
        changes = ann.status_changes()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lose_a_call)
            await wait_all_tasks_blocked()
            relay.cut()
        assert await anext(changes) == "disconnected"
        assert await ann.call(Room.say, "here again") == 10
        assert await ann.call(Room.who_am_i) == Member("ann", 2)
        assert [await anext(heard), await anext(heard)] == ["welcome, ann", "here again"]


async def test_kicked_for_good(client: trivet.Client, place: Place) -> None:
    """Only ``trivet.1`` has a word for it; who hears an ordinary goodbye comes back."""
    room = client.get_or_create(Room, place.key)
    async with room.connect(Login("ann")) as ann, room.connect(Login("bob")) as bob:
        changes = bob.status_changes()
        await ann.call(Room.expel, "bob", "no advertising")
        expected = ["closed"] if place.extended else ["disconnected", "connected"]
        assert [await anext(changes) for _ in expected] == expected
