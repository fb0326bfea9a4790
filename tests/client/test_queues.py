"""Messages for queues by trivet's own client: long waits in rounds, over cuts of the network."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trivet.declare.errors as errors
from tests.server.serving import Serving, gateway, serving
from tests.server.test_queues import Club, Worker, answer, call, send
from trivet.client.network import open_network_transport
from trivet.declare.handle import Address, Client
from trivet.testing.network import MemoryConnection


class Net:
    """A way to a server that a test can cut."""

    def __init__(self, site: Serving) -> None:
        self.site = site
        self.down = False
        self.connections: list[MemoryConnection] = []

    async def connect(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if self.down:
            raise OSError("no route")
        connection = MemoryConnection("server")
        self.connections.append(connection)
        self.site.server.serve_stream(connection.server)
        return connection.client

    def cut(self) -> None:
        for connection in self.connections:
            connection.cut()
        self.connections.clear()


@asynccontextmanager
async def client_of(site: Serving) -> AsyncGenerator[tuple[Client, Net]]:
    net = Net(site)
    async with open_network_transport("http://server", connect=net.connect) as transport:
        yield Client(transport), net


async def test_a_handle_and_a_connection_send(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site, client_of(site) as (client, _):
        worker = client.get_or_create(Worker, "a")
        await worker.send(Worker.notes, {"a": 1})
        assert await worker.call(Worker.read) == {"a": 1}
        assert await worker.send_and_wait(Worker.jobs, 5) == "5 s"
        async with worker.connect() as conn:
            await conn.send(Worker.notes, 2)
            assert await conn.call(Worker.read) == 2
            assert await conn.send_and_wait(Worker.answers, [1]) == [1]
            assert await conn.send_and_wait(Worker.answers, None) is None
        wrong: Any = "x"
        with pytest.raises(errors.ValidationError):
            await worker.send(Worker.jobs, wrong)
        with pytest.raises(LookupError):
            await worker.send(Club.news, "x")


async def test_a_connection_sends_with_its_params(autojump_clock: MockClock) -> None:
    async with serving(Club) as site, client_of(site) as (client, _):
        club = client.get_or_create(Club, "a")
        async with club.connect("ann") as ann, club.connect("bob") as bob:
            await ann.send(Club.orders, "x")
            with pytest.raises(errors.Forbidden):
                await bob.send(Club.orders, "x")


async def test_a_long_wait_comes_in_rounds_and_puts_in_once(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site, client_of(site) as (client, _):
        worker = client.get_or_create(Worker, "a")
        assert await worker.send_and_wait(Worker.jobs, 100) == "100 s"
        assert await worker.call(Worker.done) == [100]
        assert len(site.service.waits) == 1
        await trio.sleep(61)
        assert await worker.send_and_wait(Worker.jobs, 1) == "1 s"
        assert len(site.service.waits) == 1  # what was waited for before is let go of


@pytest.mark.parametrize("after", [1, 40, 95])
async def test_who_waits_survives_a_cut(after: float, autojump_clock: MockClock) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, net),
        trio.open_nursery() as nursery,
    ):
        results: list[str] = []

        async def ask() -> None:
            worker = client.get_or_create(Worker, "a")
            results.append(await worker.send_and_wait(Worker.jobs, 100))

        nursery.start_soon(ask)
        await trio.sleep(after)
        net.down = True
        net.cut()
        await trio.sleep(0.5)
        net.down = False
        await trio.sleep(100)
        assert results == ["100 s"]
        assert await call(site, "done") == [100]


async def test_who_waits_gives_up_when_the_network_stays_away(autojump_clock: MockClock) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, net),
        trio.open_nursery() as nursery,
    ):

        async def ask() -> None:
            with pytest.raises(errors.ConnectionLost):
                await client.get_or_create(Worker, "a").send_and_wait(Worker.jobs, 10)

        nursery.start_soon(ask)
        await trio.sleep(1)
        net.down = True
        net.cut()


async def test_another_server_behind_the_address_does_not_do_it_twice(
    autojump_clock: MockClock,
) -> None:
    """As after a restart: it does not know what is waited for, and gets no message."""
    async with (
        serving(Worker) as site,
        serving(Worker) as other,
        client_of(site) as (client, net),
        trio.open_nursery() as nursery,
    ):
        caught: list[errors.Error] = []

        async def ask() -> None:
            try:
                await client.get_or_create(Worker, "a").send_and_wait(Worker.jobs, 10)
            except errors.Error as error:
                caught.append(error)

        nursery.start_soon(ask)
        await trio.sleep(1)
        net.site = other
        net.cut()
        await trio.sleep(5)
        assert [type(error) for error in caught] == [errors.ConnectionLost]
        assert other.runtime.directory.instances == ()


async def test_nobody_asks_for_the_messages_of_others(autojump_clock: MockClock) -> None:
    async with serving(Worker) as site:
        http = site.http()
        renewal = {"x_trivet_renew": "1", "x_trivet_call": "secret"}
        reply = await send(http, "answers", 5, wait=True, headers={"x_trivet_call": "secret"})
        assert reply.headers["x-trivet-call"] == "secret"
        assert answer(await send(http, "answers", None, headers=renewal)).response == 5
        other = gateway("worker", "b", path="/queue/answers")
        for headers in (renewal | {"x_trivet_call": "guess"}, {"x_trivet_renew": "1"}):
            assert (await send(http, "answers", None, headers=headers)).error == "actor.restarting"
        reply = await http.request("POST", other, b"", **renewal)
        assert reply.error == "actor.restarting"


async def test_who_waits_hears_that_the_actor_is_destroyed(autojump_clock: MockClock) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, _),
        trio.open_nursery() as nursery,
    ):
        caught: list[str] = []
        worker = client.get_or_create(Worker, "a")

        async def ask() -> None:
            try:
                await worker.send_and_wait(Worker.jobs, 100)
            except errors.ActionError as error:
                caught.append(f"{error.group}.{error.code}")

        nursery.start_soon(ask)
        await trio.sleep(1)
        await worker.call(Worker.die)
        await trio.sleep(1)
        assert caught == ["actor.destroyed"]
        assert await worker.call(Worker.done) == []


async def test_a_message_while_the_instance_moves_reaches_the_next(
    autojump_clock: MockClock,
) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, _),
        trio.open_nursery() as nursery,
    ):
        worker = client.get_or_create(Worker, "a")
        await worker.send(Worker.jobs, 1)
        nursery.start_soon(worker.send_and_wait, Worker.jobs, 3)
        await trio.sleep(0.5)
        definition = site.runtime.registry.find(Worker)
        nursery.start_soon(site.runtime.put_away, definition, Address(key=("a",)))
        assert await worker.send_and_wait(Worker.jobs, 2) == "2 s"
        assert await worker.call(Worker.done) == [1, 3, 2]


async def test_waits_do_not_keep_calls_out(autojump_clock: MockClock) -> None:
    async with (
        serving(Worker) as site,
        client_of(site) as (client, _),
        trio.open_nursery() as nursery,
    ):
        worker = client.get_or_create(Worker, "a")
        for _ in range(130):
            nursery.start_soon(worker.send_and_wait, Worker.jobs, 100)
        await trio.sleep(1)
        with trio.fail_after(1):
            assert await worker.call(Worker.done) == []
        nursery.cancel_scope.cancel()
