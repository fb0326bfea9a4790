"""A web page with the official React hooks, used as by a person, and Python's client beside it."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

import trivet
from tests.interop.actors import Login, Room, registry
from tests.interop.node import JavaScript, Node, Scenario
from tests.interop.relay import open_relay
from tests.interop.test_connections import serving
from trivet.server.serve import Server
from trivet.storage.memory import MemoryStorage

pytestmark = pytest.mark.system


@pytest.fixture
def page(node: Node, server: Server) -> JavaScript:
    return JavaScript(node, server.url, "bare")


@asynccontextmanager
async def ann(url: str) -> AsyncGenerator[trivet.Connection[Room]]:
    """Python's client in the room in which the page is."""
    async with trivet.open_client(url, naming=trivet.camel_case) as client:
        room = client.get_or_create(Room, "lobby")
        async with room.connect(Login("ann")) as connection:
            yield connection


async def come_back(visit: Scenario, url: str) -> None:
    """Wait until the page is connected again, and see that it hears what is said."""
    assert await visit.told() == "back"
    async with ann(url) as connection:
        await connection.call(Room.say, "welcome back")
    # React need not show a status that lasts for a moment, as "disconnected" does.
    assert (await visit.result())[-2:] == ["connecting", "connected"]


async def test_talking(page: JavaScript) -> None:
    seen = await page.run("visits.talk", "bob")
    assert seen["messages"] == ["hello"]
    assert seen["statuses"][-1] == "connected"


async def test_a_call_without_the_connection(page: JavaScript) -> None:
    assert await page.run("visits.ask", "bob") == "You are bob"


async def test_chromium_streams_no_body_over_http_1(node: Node, server: Server) -> None:
    """So the page must mend ``fetch``; when this fails it need not any more."""
    page = JavaScript(node, server.url, "bare", {"path": "/streaming"})
    assert "Failed to fetch" in await page.run("visits.ask", "bob")
    assert (await page.run("visits.talk", "bob"))["messages"] == ["hello"]


async def test_a_network_that_is_cut(node: Node, server: Server) -> None:
    async with open_relay(server.port) as relay:
        async with JavaScript(node, relay.url, "bare").start("visits.stay", "bob") as visit:
            assert await visit.told() == "connected"
            relay.cut()
            await come_back(visit, server.url)


async def test_a_server_that_restarts(node: Node) -> None:
    storage = MemoryStorage()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with JavaScript(node, url, "bare").start("visits.stay", "bob") as visit:
            async with serving(listening, storage):
                assert await visit.told() == "connected"
            async with serving(listening, storage):
                await come_back(visit, url)


async def test_kicked_and_kept_out(page: JavaScript, server: Server) -> None:
    async with page.start("visits.leave", "bob") as visit, ann(server.url) as connection:
        assert await visit.told() == "connected"
        await connection.call(Room.ban, "bob")
        seen = await visit.result()
    assert seen["refusal"] == "banned: You are banned"
    assert seen["statuses"][-1] == "idle"
    again = await page.run("visits.knock", "bob")
    assert again["refusal"] == "banned: You are banned"
    assert "connected" not in again["statuses"]


@pytest.mark.parametrize("named", [True, False])
async def test_a_page_of_another_site(nursery: trio.Nursery, node: Node, named: bool) -> None:
    """A browser asks first whether it may, and is refused unless the site is named."""
    site = {"host": "shop.example"}
    origin = await JavaScript(node, "", "bare", site).run("visits.origin")
    origins = [origin] if named else []
    server = await nursery.start(partial(trivet.serve, registry, port=0, origins=origins))
    page = JavaScript(node, server.url, "bare", site)
    if named:
        assert await page.run("visits.ask", "bob") == "You are bob"
    else:
        assert await page.run("visits.reach") is False
