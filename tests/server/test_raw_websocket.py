"""Raw WebSockets on the wire: other clients, their subprotocols, and what they may not send."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect as connect_websocket

import trivet
from tests.link.peers import client_frame
from tests.server.serving import gateway
from tests.server.sessions import params
from tests.server.web import Door, Web, actor_of, told, web
from trivet.testing.network import MemoryConnection


def address(path: str) -> str:
    return gateway("web", path=f"/websocket{path}")


@pytest.mark.parametrize(
    ("offered", "selected"),
    [((), None), (("rivet", "rivet_encoding.bare"), "rivet"), (("rivet", "chat"), "rivet")],
)
async def test_with_and_without_subprotocols(
    offered: tuple[str, ...], selected: str | None, autojump_clock: MockClock
) -> None:
    async with web() as (site, _), site.websocket(address("/echo"), *offered) as socket:
        assert socket.subprotocol == selected
        for message in ("text", b"binary"):
            await socket.send(message)
            assert await socket.recv() == message


async def test_params_and_targets_come_in_subprotocols(autojump_clock: MockClock) -> None:
    async with web() as (site, client):
        actor_id = await client.get_or_create(Web, "a").resolve()
        offered = ("rivet", "rivet_target.actor", f"rivet_actor.{actor_id}")
        async with site.websocket("/websocket/x", *offered, params('{"name":"ann"}')) as socket:
            assert await socket.recv() == "/x? websocket"
        assert "ann comes by websocket" in await told(site)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (gateway("door", path="/websocket"), "actor.websocket_not_handled"),
        (gateway("nobody", path="/websocket/x"), "guard.unknown_actor_name"),
        (gateway("web", "none", path="/websocket", create=False), "actor.not_found"),
        ("/gateway/web/websocket?rvt-method=get", "guard.query_invalid_params"),
        ("/websocket", "api.not_found"),
    ],
)
async def test_a_refusal_is_only_a_close(
    where: str, reason: str, autojump_clock: MockClock
) -> None:
    async with web() as (site, _), site.websocket(where, "rivet") as socket:
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1011, reason)


async def test_text_that_is_no_utf8(autojump_clock: MockClock) -> None:
    async with web() as (site, _):
        stream = site.dial()
        async with site.websocket(address("/echo"), "rivet", stream=stream) as socket:
            await stream.send_all(client_frame(0x81, b"\xff"))
            with pytest.raises(ConnectionClosed) as caught:
                await socket.recv()
            assert caught.value.rcvd is not None
            close = caught.value.rcvd
            assert (close.code, close.reason) == (1007, "message.invalid_utf8")
        assert "nobody leaves: server" in await told(site)


async def test_a_peer_that_closes_while_it_is_held(autojump_clock: MockClock) -> None:
    """Its goodbye is heard as soon as the handler reads on, behind all it had sent."""
    async with web(limits=trivet.Limits(inbox_messages=4)) as (site, _):
        connection = MemoryConnection("server")
        site.server.serve_stream(connection.server)
        async with site.websocket(address("/deaf"), stream=connection.client) as socket:
            for _ in range(10):
                await socket.send("x")
            await wait_all_tasks_blocked()
            actor_of(site).go_on.set()
        (server_side,) = actor_of(site).sockets
        assert "nobody leaves: client" in await told(site)
        assert server_side.message_index == 10


async def test_a_held_client_counts_as_alive(autojump_clock: MockClock) -> None:
    async with web(limits=trivet.Limits(inbox_messages=1)) as (site, _):
        async with site.websocket(address("/deaf")) as socket:
            await socket.send("x")
            await trio.sleep(600)
            (server_side,) = actor_of(site).sockets
            assert server_side.conn.close_cause is None
            actor_of(site).go_on.set()
            await wait_all_tasks_blocked()
            await trio.sleep(600)  # it reads, and so answers pings again
            assert server_side.conn.close_cause is None


async def test_over_tcp() -> None:
    async with trio.open_nursery() as nursery:
        server: trivet.Server = await nursery.start(
            partial(trivet.serve, trivet.Registry(Web, Door), port=0)
        )
        url = server.url.replace("http", "ws", 1) + address("/echo")
        async with connect_websocket(url, proxy=None, max_size=None) as socket:
            for size in (0, 10, 70_000, 5_000_000):
                await socket.send(bytes(size))
                assert len(await socket.recv()) == size
        async with trivet.open_client(server.url) as client:
            async with client.get_or_create(Web, "a").websocket("/echo") as mine:
                for size in (0, 10, 70_000, 5_000_000):
                    await mine.send("x" * size)
                    assert len(await mine.receive()) == size
        nursery.cancel_scope.cancel()
