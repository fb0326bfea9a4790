"""Finding actors, calling them, and how that fails."""

from __future__ import annotations

import pytest
import trio

import trivet
from tests.abroad.actors import SECRET, Counter, Login, Member, Room, Sluggard, Start
from tests.abroad.conftest import Place


def what(error: trivet.Error) -> str:
    return f"{error.group}.{error.code}"


# Finding


async def test_get_or_create_get_and_get_by_id(client: trivet.Client, place: Place) -> None:
    counter = client.get_or_create(Counter, place.key, "a", input=Start(5))
    assert await counter.call(Counter.add, 2) == 7
    assert await counter.call(Counter.add) == 8
    same = client.get(Counter, place.key, "a")
    assert await same.call(Counter.add, 3) == 11
    actor_id = await same.resolve()
    assert await counter.resolve() == actor_id
    by_id = client.get_by_id(Counter, actor_id)
    assert await by_id.resolve() == actor_id
    assert await by_id.call(Counter.add, 0) == 11
    async with by_id.connect() as connection:
        assert await connection.call(Counter.add, 1) == 12


async def test_create(client: trivet.Client, place: Place) -> None:
    counter = await client.create(Counter, place.key, input=Start(3))
    assert await counter.call(Counter.add) == 4
    with pytest.raises(trivet.ActionError) as caught:
        await client.create(Counter, place.key)
    assert what(caught.value) == "actor.duplicate_key"
    assert caught.value.metadata == {
        "existing_actor_id": await counter.resolve(),
        "key": place.key,
    }


async def test_input_that_is_too_long_for_a_url(client: trivet.Client, place: Place) -> None:
    counter = client.get_or_create(Counter, place.key, "x" * 100, input=Start(3))
    assert await counter.call(Counter.add) == 4


@pytest.mark.parametrize(
    "parts", [[], ["a"], ["a/b c", "ü\\"], ["?&+%", "#"], ["a,b"], ["a", "b"], ["", ""]]
)
async def test_keys(client: trivet.Client, place: Place, parts: list[str]) -> None:
    key = [place.key, *parts]
    counter = client.get_or_create(Counter, *key)
    assert await counter.call(Counter.place) == key
    async with counter.connect() as connection:
        assert await connection.call(Counter.place) == key


@pytest.mark.slow
async def test_no_actor_has_the_key(client: trivet.Client, place: Place) -> None:
    counter = client.get(Counter, place.key)
    for asking in (counter.resolve, lambda: counter.call(Counter.add)):
        with pytest.raises(trivet.ActionError) as caught:
            await asking()
        assert what(caught.value) == "actor.not_found"
    with pytest.raises(trivet.ActionError) as caught:
        async with counter.connect():
            pass
    assert what(caught.value) == "actor.not_found"


async def test_no_actor_has_the_id(client: trivet.Client, place: Place) -> None:
    actor_id = await client.get_or_create(Counter, place.key).resolve()
    fifth = "b" if actor_id[4] == "a" else "a"
    nobody = client.get_by_id(Counter, actor_id[:4] + fifth + actor_id[5:])
    for asking in (nobody.resolve, lambda: nobody.call(Counter.add)):
        with pytest.raises(trivet.ActionError) as caught:
            await asking()
        assert what(caught.value) == "actor.not_found"
    with pytest.raises(trivet.ActionError) as caught:
        async with nobody.connect():
            pass
    assert what(caught.value) == "actor.not_found"


async def test_the_actor_of_an_id_is_another(client: trivet.Client, place: Place) -> None:
    actor_id = await client.get_or_create(Counter, place.key).resolve()
    with pytest.raises(trivet.ActionError) as caught:
        await client.get_by_id(Sluggard, actor_id).resolve()
    assert what(caught.value) == "actor.not_found"


# Failing


@pytest.mark.parametrize("connected", [False, True])
async def test_errors_of_actions(client: trivet.Client, place: Place, connected: bool) -> None:
    handle = client.get_or_create(Counter, place.key)
    async with handle.connect() as connection:
        counter = connection if connected else handle
        metadata = {"until": "noon", "deep": [1, {"x": None}]}
        with pytest.raises(trivet.UserError, match="No, thank you") as refusal:
            await counter.call(Counter.refuse, "tired", metadata)
        assert (refusal.value.code, refusal.value.metadata) == ("tired", metadata)
        with pytest.raises(trivet.UserError) as refusal:
            await counter.call(Counter.refuse, "plain")
        assert (refusal.value.code, refusal.value.metadata) == ("plain", None)
        with pytest.raises(trivet.ActionError, match="internal error") as broken:
            await counter.call(Counter.break_down)
        assert what(broken.value) == "rivetkit.internal_error"
        assert SECRET not in str(broken.value)
        with pytest.raises(trivet.ActionError, match="fly") as unknown:
            await counter.call_by_name("fly")
        assert what(unknown.value) == "actor.action_not_found"
        assert await counter.call(Counter.add) == 1


@pytest.mark.parametrize("connected", [False, True])
async def test_actions_that_take_too_long(
    client: trivet.Client, place: Place, connected: bool
) -> None:
    handle = client.get_or_create(Sluggard, place.key)
    async with handle.connect() as connection:
        sluggard = connection if connected else handle
        with pytest.raises(trivet.ActionError) as caught:
            await sluggard.call(Sluggard.never)
        assert what(caught.value) == "actor.action_timed_out"
        assert await sluggard.call(Sluggard.ready)


@pytest.mark.parametrize("connected", [False, True])
async def test_callers_that_stop_waiting(
    client: trivet.Client, place: Place, connected: bool
) -> None:
    handle = client.get_or_create(Sluggard, place.key)
    async with handle.connect() as connection:
        sluggard = connection if connected else handle
        with trio.move_on_after(0.05) as patience:
            await sluggard.call(Sluggard.never)
        assert patience.cancelled_caught
        assert await sluggard.call(Sluggard.ready)


async def test_a_call_brings_params(client: trivet.Client, place: Place) -> None:
    room = client.get_or_create(Room, place.key)
    ann, bob = room.with_params(Login("ann", 2)), room.with_params(Login("bob"))
    assert await ann.call(Room.who_am_i) == Member("ann", 2)
    await ann.call(Room.ban, "bob", "out")
    with pytest.raises(trivet.UserError, match="You are banned") as banned:
        await bob.call(Room.who_am_i)
    assert (banned.value.code, banned.value.metadata) == ("banned", {"name": "bob"})
    with pytest.raises(trivet.ActionError) as broken:
        await room.with_params(Login("broken")).call(Room.who_am_i)
    assert what(broken.value) == "rivetkit.internal_error"
    assert SECRET not in str(broken.value)


@pytest.mark.parametrize("connected", [False, True])
async def test_many_calls_at_once(client: trivet.Client, place: Place, connected: bool) -> None:
    async def repeat(number: int) -> None:
        repeated[number] = await counter.call(Counter.repeat, f"{number} ", 2)

    repeated: dict[int, str] = {}
    handle = client.get_or_create(Counter, place.key)
    async with handle.connect() as connection:
        counter = connection if connected else handle
        async with trio.open_nursery() as nursery:
            for number in range(200 if connected else 30):
                nursery.start_soon(repeat, number)
    assert all(text == f"{number} {number} " for number, text in repeated.items())


@pytest.mark.parametrize("connected", [False, True])
async def test_long_messages(client: trivet.Client, place: Place, connected: bool) -> None:
    """64 KiB go and 1 MiB comes; a request beyond that costs a connection, too."""
    handle = client.get_or_create(Counter, place.key)
    async with handle.connect() as connection:
        counter = connection if connected else handle
        assert await counter.call(Counter.size, "x" * 65_000) == 65_000
        assert len(await counter.call(Counter.repeat, "x" * 1000, 1048)) == 1_048_000
        with pytest.raises(trivet.ActionError) as outgoing:
            await counter.call(Counter.repeat, "x" * 1024, 1024)
        assert what(outgoing.value) == "message.outgoing_too_long"
        with pytest.raises(trivet.Error) as incoming:
            await counter.call(Counter.size, "x" * 65_536)
        if connected:
            assert isinstance(incoming.value, trivet.ConnectionClosed)
            assert incoming.value.reason.startswith("message.incoming_too_long")
        else:
            assert what(incoming.value) == "message.incoming_too_long"
        assert await counter.call(Counter.add) == 1
