"""The client against trivet's own server, both real, over a network that may fail."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.peers import client_of
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import ActionError, ConnectionClosed, ConnectionLost, UserError
from trivet.declare.event import Event
from trivet.declare.handle import Client
from trivet.declare.interfaces import Conn
from trivet.declare.registry import Registry
from trivet.open import serve
from trivet.testing.network import MemoryNetwork


@attrs.frozen
class Login:
    name: str


@attrs.define
class Member:
    name: str


class Room(Actor[list[str], Member, Login], name="room"):
    said = Event[str]()

    async def create_conn_state(self, params: Login) -> Member:
        if not params.name:
            raise UserError("nobody has no name", code="nameless", metadata={"try": "ann"})
        return Member(params.name)

    async def on_connect(self, conn: Conn[Member]) -> None:
        conn.send(Room.said, f"welcome, {conn.state.name}")

    async def on_disconnect(self, conn: Conn[Member]) -> None:
        self.state.append(f"{conn.state.name} {conn.close_cause}")

    @action
    def say(self, text: str) -> int:
        self.broadcast(Room.said, f"{self.conn.state.name}: {text}")
        return len(text)

    @action
    def history(self) -> list[str]:
        return self.state

    @action
    async def kick(self, name: str, reconnect: bool) -> None:
        target = self.conns.find(lambda conn: conn.state.name == name)
        assert target is not None
        await target.disconnect("Kicked", reconnect=reconnect)

    @action
    async def never(self) -> None:
        await trio.sleep_forever()


class Attic(Actor[None], name="attic"):
    @action
    def look(self) -> int:
        return 1


@asynccontextmanager
async def running() -> AsyncGenerator[tuple[MemoryNetwork, Client]]:
    network = MemoryNetwork()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve, Registry(Room), host=None))
        await nursery.start(network.serve, "server", server.serve_stream)
        async with client_of(network) as (client, _):
            yield network, client
        nursery.cancel_scope.cancel()


async def test_calls_connections_and_events() -> None:
    async with running() as (_, client):
        room = client.get_or_create(Room, "lobby")
        assert await room.with_params(Login("bob")).call(Room.say, "hi") == 2
        async with room.connect(Login("ann")) as conn:
            said = conn.events(Room.said)
            assert await conn.call(Room.say, "hello") == 5
            assert [await anext(said), await anext(said)] == ["welcome, ann", "ann: hello"]
        assert await room.with_params(Login("bob")).call(Room.history) == [
            "bob client",
            "ann client",
        ]


async def test_a_refusal_arrives_as_it_was_raised() -> None:
    async with running() as (_, client):
        room = client.get_or_create(Room, "lobby")
        with pytest.raises(UserError) as caught:
            async with room.connect(Login("")):
                pass
        assert (caught.value.code, caught.value.metadata) == ("nameless", {"try": "ann"})
        with pytest.raises(UserError, match="nameless"):
            await room.with_params(Login("")).call(Room.say, "hi")


@pytest.mark.parametrize("creates", [True, False])
async def test_a_class_that_the_server_does_not_have(
    creates: bool, autojump_clock: MockClock
) -> None:
    async with running() as (_, client):
        attic = client.get_or_create(Attic, "a") if creates else client.get(Attic, "a")
        with trio.fail_after(5), pytest.raises(ActionError, match="'attic'") as connecting:
            async with attic.connect():
                raise AssertionError
        assert connecting.value.code == "unknown_actor_name"
        with pytest.raises(ActionError, match="'attic'") as calling:
            await attic.call(Attic.look)
        assert calling.value.code == "unknown_actor_name"


async def test_kicked_for_now_and_for_good(autojump_clock: MockClock) -> None:
    async with running() as (_, client):
        room = client.get_or_create(Room, "lobby")
        async with room.connect(Login("ann")) as ann, room.connect(Login("bob")) as bob:
            changes = ann.status_changes()
            await bob.call(Room.kick, "ann", True)
            assert [await anext(changes), await anext(changes)] == ["disconnected", "connected"]
            await bob.call(Room.kick, "ann", False)
            assert [status async for status in changes] == ["closed"]
            with pytest.raises(ConnectionClosed, match="Kicked"):
                await ann.call(Room.say, "hi")


async def test_a_cut_network_heals_by_itself(autojump_clock: MockClock) -> None:
    async with running() as (network, client):
        room = client.get_or_create(Room, "lobby")
        async with room.connect(Login("ann")) as conn, trio.open_nursery() as nursery:
            said = conn.events(Room.said)
            nursery.start_soon(cut_when_idle, network)
            with pytest.raises(ConnectionLost):
                await conn.call(Room.never)
            assert await conn.call(Room.say, "back") == 4
            heard = [await anext(said) for _ in range(3)]
            assert heard == ["welcome, ann", "welcome, ann", "ann: back"]


async def cut_when_idle(network: MemoryNetwork) -> None:
    await wait_all_tasks_blocked()
    network.cut()


async def test_a_network_that_vanishes_is_missed_on_both_sides(
    autojump_clock: MockClock,
) -> None:
    async with running() as (network, client):
        room = client.get_or_create(Room, "lobby")
        async with room.connect(Login("ann")) as conn:
            start = trio.current_time()
            changes = conn.status_changes()
            network.vanish()
            assert [await anext(changes), await anext(changes)] == ["disconnected", "connected"]
            assert trio.current_time() - start < 41
            await trio.sleep(60)
            assert await conn.call(Room.history) == ["ann network"]


async def test_nothing_is_left_behind(autojump_clock: MockClock) -> None:
    async with running() as (network, client):
        room = client.get_or_create(Room, "lobby")
        for _ in range(10):
            async with room.connect(Login("ann")) as conn:
                await conn.call(Room.say, "hi")
        await trio.sleep(10)
        assert network.connections == ()


async def test_a_server_that_restarts(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    lengths: list[int] = []
    answered = [trio.Event(), trio.Event()]

    async def stay(client: Client) -> None:
        async with client.get_or_create(Room, "lobby").connect(Login("ann")) as conn:
            changes = conn.status_changes()
            lengths.append(await conn.call(Room.say, "one"))
            answered[0].set()
            assert await anext(changes) == "disconnected"
            lengths.append(await conn.call(Room.say, "three"))
            answered[1].set()

    async with client_of(network) as (client, _), trio.open_nursery() as clients:
        clients.start_soon(stay, client)
        for event in answered:
            await trio.sleep(5)
            async with trio.open_nursery() as nursery:
                server = await nursery.start(partial(serve, Registry(Room), host=None))
                await nursery.start(network.serve, "server", server.serve_stream)
                await event.wait()
                nursery.cancel_scope.cancel()
    assert lengths == [3, 5]
