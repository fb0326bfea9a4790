"""Requests over connections that are kept, break and close."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.client.http as http_module
from tests.client.peers import HttpPeer, Received, Reply, http_peer
from trivet.client.http import HttpPool, HttpRequest
from trivet.declare.errors import ConnectionLost
from trivet.protocol.errors import IncomingTooLong
from trivet.testing.network import MemoryNetwork, MemoryStream

POST = HttpRequest("POST", "/action", {"x-one": "1"}, b"body")
GET = HttpRequest("GET", "/actors", {}, repeatable=True)


def pool_of(peer: HttpPeer) -> HttpPool:
    return HttpPool(peer.network.opener("server"), "server:1")


async def test_a_request_and_its_answer() -> None:
    async with http_peer() as peer:
        peer.answer = lambda request: Reply(b"answer", 418)
        pool = pool_of(peer)
        response = await pool.request(POST)
        await pool.aclose()
    assert (response.status, response.body) == (418, b"answer")
    assert response.headers["content-type"] == "application/octet-stream"
    [received] = peer.received
    assert (received.method, received.target, received.body) == ("POST", "/action", b"body")
    assert received.headers["host"] == "server:1"
    assert received.headers["x-one"] == "1"
    assert received.headers["content-length"] == "4"


async def test_a_connection_is_kept() -> None:
    async with http_peer() as peer:
        pool = pool_of(peer)
        for _ in range(3):
            await pool.request(POST)
        await pool.aclose()
        await wait_all_tasks_blocked()
        assert peer.network.connections == ()
    assert [request.connection for request in peer.received] == [1, 1, 1]


async def test_a_server_that_closes_is_asked_anew() -> None:
    async with http_peer() as peer:
        peer.answer = lambda request: Reply(close=True)
        pool = pool_of(peer)
        for _ in range(2):
            await pool.request(POST)
        await pool.aclose()
    assert [request.connection for request in peer.received] == [1, 2]


async def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing() -> None:
    async with http_peer() as peer:
        pool = pool_of(peer)
        await pool.request(POST)
        await peer.network.connections[0].server.aclose()
        await pool.request(POST)
        await pool.aclose()
    assert [request.connection for request in peer.received] == [1, 2]


def closes_kept(request: Received) -> Reply | None:
    return None if request.connection == 1 and len(request.body) == 5 else Reply()


async def test_what_a_kept_connection_swallowed_is_not_sent_again() -> None:
    async with http_peer() as peer:
        peer.answer = closes_kept
        pool = pool_of(peer)
        await pool.request(POST)
        with pytest.raises(ConnectionLost):
            await pool.request(HttpRequest("POST", "/action", {}, b"twice"))
        await pool.aclose()
    assert len(peer.received) == 2


async def test_what_may_be_repeated_is() -> None:
    async with http_peer() as peer:
        peer.answer = closes_kept
        pool = pool_of(peer)
        await pool.request(POST)
        await pool.request(HttpRequest("PUT", "/actors", {}, b"twice", repeatable=True))
        await pool.aclose()
    assert [request.connection for request in peer.received] == [1, 1, 2]


async def test_a_new_connection_that_breaks_is_the_end_of_it() -> None:
    async with http_peer() as peer:
        peer.answer = lambda request: None
        pool = pool_of(peer)
        with pytest.raises(ConnectionLost):
            await pool.request(GET)
    assert len(peer.received) == 1


async def test_a_server_that_cannot_be_reached() -> None:
    pool = HttpPool(MemoryNetwork().opener("server"), "server:1")
    with pytest.raises(ConnectionLost, match="server:1"):
        await pool.request(GET)


async def test_a_connection_cut_under_a_request() -> None:
    async with http_peer() as peer:
        pool = pool_of(peer)

        def cut(request: Received) -> Reply:
            peer.network.cut()
            return Reply()

        peer.answer = cut
        with pytest.raises(ConnectionLost):
            await pool.request(POST)


async def test_a_cancelled_request_takes_its_connection_along() -> None:
    async with http_peer() as peer:
        pool = pool_of(peer)
        await pool.request(POST)
        peer.network.connections[0].stop_reading(server=True)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pool.request, POST)
                await wait_all_tasks_blocked()
                scope.cancel()
        peer.network.connections[0].resume_reading()
        await wait_all_tasks_blocked()
        assert peer.network.connections == ()
        await pool.request(POST)
        await pool.aclose()


async def serve_bytes(network: MemoryNetwork, answer: bytes) -> None:
    async with network.listen("server") as listener, await listener.accept() as stream:
        await stream.receive_some()
        await stream.send_all(answer)


@pytest.mark.parametrize(
    "answer", [b"HTTP/9 nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"]
)
async def test_a_malformed_or_cut_answer(answer: bytes) -> None:
    network = MemoryNetwork()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_bytes, network, answer)
        await wait_all_tasks_blocked()
        pool = HttpPool(network.opener("server"), "server")
        with pytest.raises(ConnectionLost):
            await pool.request(POST)


async def test_chunks_and_what_comes_before_the_answer() -> None:
    network = MemoryNetwork()
    answer = (
        b"HTTP/1.1 103 Early Hints\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_bytes, network, answer)
        await wait_all_tasks_blocked()
        pool = HttpPool(network.opener("server"), "server")
        assert (await pool.request(POST)).body == b"abcde"
        await pool.aclose()


async def test_an_answer_without_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MAX_FRAME", 100)
    async with http_peer() as peer:
        peer.answer = lambda request: Reply(b"x" * 101)
        with pytest.raises(IncomingTooLong):
            await pool_of(peer).request(POST)


async def test_no_more_connections_than_a_server_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MOST_CONNECTIONS", 3)
    async with http_peer() as peer:
        pool = pool_of(peer)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(pool.request, POST)
        await pool.aclose()
    assert len(peer.received) == 20
    assert peer.connections == 3


async def test_no_more_connections_are_kept_than_one_needs() -> None:
    async with http_peer() as peer:
        pool = pool_of(peer)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(pool.request, POST)
        await wait_all_tasks_blocked()
        assert len(peer.network.connections) == 8
        await pool.aclose()


async def test_a_closed_pool_sends_nothing() -> None:
    async with http_peer() as peer:
        pool = pool_of(peer)
        await pool.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await pool.request(POST)
    assert peer.received == []


async def test_a_real_socket_that_was_closed_is_noticed_before_it_is_used() -> None:
    served: list[int] = []

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            served.append(len(served))
            await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(trio.serve_tcp, serve, 0)
        port = listeners[0].socket.getsockname()[1]

        async def connect() -> trio.abc.Stream:
            return await trio.open_tcp_stream("127.0.0.1", port)

        pool = HttpPool(connect, "server")
        for _ in range(3):
            await pool.request(POST)
            await wait_all_tasks_blocked()
        await pool.aclose()
        nursery.cancel_scope.cancel()
    assert len(served) == 3


def test_streams_of_other_kinds_are_trusted() -> None:
    stream = MemoryStream.__new__(MemoryStream)
    assert not http_module._HttpConnection(stream).was_closed  # pyright: ignore[reportPrivateUsage] - its own test
