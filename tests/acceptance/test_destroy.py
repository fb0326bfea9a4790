"""Destroying, line by line of the acceptance list: under the mock clock, and over sockets."""

from __future__ import annotations

import math

import trio

from tests.acceptance.journal import JOURNAL
from tests.acceptance.lines import Lines, fails
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Client, Handle
from trivet.declare.queue import Queue
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import WebSocket


class Mortal(Actor[list[str]], name="mortal", sleep_after=math.inf, grace=5):
    messages = Queue[str, str]()

    def __init__(self) -> None:
        self.calls = 0

    async def on_destroy(self) -> None:
        JOURNAL.note("destroy")
        self.state.append("destroyed")

    async def run(self) -> None:
        while True:
            async with self.receive(Mortal.messages) as delivery:
                delivery.complete(f"{delivery.body} done")

    async def on_request(self, request: Request) -> Response:
        return Response(request.path.encode())

    async def on_websocket(self, socket: WebSocket) -> None:
        async for message in socket:
            socket.send(message)

    @action
    def add(self, word: str) -> list[str]:
        self.state.append(word)
        return self.state

    @action
    def words(self) -> list[str]:
        return self.state

    @action
    def count(self) -> int:
        self.calls += 1
        return self.calls

    @action
    def end(self) -> None:
        self.destroy()

    @action
    async def end_and_look(self) -> list[bool]:
        """Tell whether the actor is stopping, before, after and a while after it ends itself."""
        looks = [self.stopping]
        self.destroy()
        looks.append(self.stopping)
        await trio.sleep(0.05)
        return [*looks, self.stopping]


line = Lines(Mortal)


def mortal(client: Client) -> Handle[Mortal]:
    return client.get_or_create(Mortal, "a")


async def gone(client: Client, actor_id: str) -> None:
    for handle in (client.get(Mortal, "a"), client.get_by_id(Mortal, actor_id)):
        assert await fails(handle.call(Mortal.words)) == "actor.not_found"


async def replaced(client: Client) -> Handle[Mortal]:
    """A handle that knows an actor which has been destroyed since."""
    stale = mortal(client)
    await stale.call(Mortal.add, "old")
    actor_id = await stale.resolve()
    await client.get_by_id(Mortal, actor_id).call(Mortal.end)
    return stale


@line
async def test_without_a_connection_everything_is_gone(client: Client) -> None:
    await mortal(client).call(Mortal.add, "a")
    actor_id = await mortal(client).resolve()
    await mortal(client).call(Mortal.end)
    assert JOURNAL.lines == ["destroy"]
    await gone(client, actor_id)
    assert await mortal(client).call(Mortal.words) == []
    assert await mortal(client).resolve() != actor_id


@line
async def test_the_turn_that_destroys_is_not_stopping_yet(client: Client) -> None:
    assert await mortal(client).call(Mortal.end_and_look) == [False, False, False]
    assert JOURNAL.lines == ["destroy"]


@line
async def test_attributes_are_fresh_with_the_same_key(client: Client) -> None:
    assert [await mortal(client).call(Mortal.count) for _ in "12"] == [1, 2]
    await mortal(client).call(Mortal.end)
    assert await mortal(client).call(Mortal.count) == 1


@line
async def test_with_a_connection_everything_is_gone(client: Client) -> None:
    async with mortal(client).connect() as connection:
        await connection.call(Mortal.add, "a")
        actor_id = await mortal(client).resolve()
        changes = connection.status_changes()
        await connection.call(Mortal.end)
        assert [status async for status in changes][-1] == "closed"
        await gone(client, actor_id)
    assert JOURNAL.lines == ["destroy"]
    async with mortal(client).connect() as connection:
        assert await connection.call(Mortal.words) == []


@line
async def test_get_or_create_and_resolve_make_a_fresh_one(client: Client) -> None:
    stale = await replaced(client)
    actor_id = await mortal(client).resolve()
    assert await client.get_by_id(Mortal, actor_id).call(Mortal.words) == []
    assert await stale.resolve() == actor_id


@line
async def test_create_makes_a_fresh_one(client: Client) -> None:
    await replaced(client)
    created = await client.create(Mortal, "a")
    assert await created.call(Mortal.words) == []
    assert await created.resolve() == await client.get(Mortal, "a").resolve()


@line
async def test_an_old_handle_calls_the_fresh_one(client: Client) -> None:
    stale = await replaced(client)
    assert await stale.call(Mortal.add, "new") == ["new"]


@line
async def test_an_old_handle_sends_to_the_fresh_one(client: Client) -> None:
    stale = await replaced(client)
    assert await stale.send_and_wait(Mortal.messages, "it") == "it done"


@line
async def test_an_old_handle_fetches_from_the_fresh_one(client: Client) -> None:
    stale = await replaced(client)
    assert (await stale.fetch("/path")).text == "/path"


@line
async def test_an_old_handle_opens_a_websocket_to_the_fresh_one(client: Client) -> None:
    stale = await replaced(client)
    async with stale.websocket() as socket:
        await socket.send("hello")
        assert await socket.receive() == "hello"


@line
async def test_an_old_handle_connects_to_the_fresh_one(client: Client) -> None:
    stale = await replaced(client)
    async with stale.connect() as connection:
        assert await connection.call(Mortal.words) == []


@line
async def test_an_old_handle_that_creates_nothing_finds_the_fresh_one(client: Client) -> None:
    await mortal(client).call(Mortal.add, "old")
    stale = client.get(Mortal, "a")
    assert await stale.call(Mortal.words) == ["old"]
    await mortal(client).call(Mortal.end)
    assert await fails(stale.call(Mortal.words)) == "actor.not_found"
    await mortal(client).call(Mortal.add, "new")
    assert await stale.call(Mortal.words) == ["new"]


test_over_sockets = line.over_sockets()
