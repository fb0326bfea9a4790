"""Opening sessions over WebSockets: what refuses, and what is tried again."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.client.meetings import Login, Room
from tests.client.peers import JSON, SocketPeer, client_of, socket_peer
from trivet.client.network import open_network_transport
from trivet.declare.errors import ActionError, Error, UserError
from trivet.declare.handle import Client
from trivet.protocol.messages import ErrorMessage, HttpResponseError
from trivet.testing.network import MemoryStream


async def refused(peer: SocketPeer, *, create: bool = True) -> Exception | None:
    async with client_of(peer.network) as (client, _):
        room = client.get_or_create(Room, "a") if create else client.get(Room, "a")
        try:
            async with room.connect():
                return None
        except Exception as error:
            return error


async def test_a_refusal_is_the_error_that_was_told() -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:

        async def refuse() -> None:
            visitor = await peer.visitor()
            await visitor.say(ErrorMessage("user", "denied", "nope", {"why": "bad token"}))
            await visitor.socket.aclose(1011, "user.denied")

        nursery.start_soon(refuse)
        error = await refused(peer)
    assert isinstance(error, UserError)
    assert (error.message, error.metadata) == ("nope", {"why": "bad token"})


async def test_a_close_alone_is_a_refusal_too() -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:

        async def refuse() -> None:
            await (await peer.visitor()).socket.aclose(1011, "actor.not_found#ray")

        nursery.start_soon(refuse)
        error = await refused(peer, create=False)
    assert isinstance(error, ActionError)
    assert error.code == "not_found"


async def answer_with(stream: MemoryStream, answer: bytes) -> None:
    async with stream:
        await stream.receive_some()
        await stream.send_all(answer)


async def test_an_http_error_that_states_an_error_is_a_refusal() -> None:
    body = JSON.encode_error(HttpResponseError("auth", "forbidden", "not from there"))
    head = f"HTTP/1.1 403 No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    async with socket_peer() as peer, trio.open_nursery() as nursery:

        async def refuse() -> None:
            await answer_with(await peer.stream(), head.encode() + b"\r\n" + body)

        nursery.start_soon(refuse)
        error = await refused(peer)
    assert isinstance(error, ActionError)
    assert str(error) == "auth.forbidden: not from there"


async def test_params_that_are_too_long_are_told_at_once() -> None:
    async with socket_peer() as peer, client_of(peer.network) as (client, _):
        with pytest.raises(Error, match="outgoing_too_long"):
            async with client.get(Room, "a").connect(Login("x" * 5000)):
                pass


# Mishaps before Init


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"complete nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 503 No\r\n\r\nuntil the end",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 \xff\r\nconnection: \xff\r\nupgrade: \xff\r\n\r\n",
    ],
)
async def test_no_handshake_is_tried_again(answer: bytes, autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        nursery.start_soon(refused, peer)
        await answer_with(await peer.stream(), answer)
        before = trio.current_time()
        await peer.guest()
        assert trio.current_time() - before < 0.25


async def test_a_stream_that_breaks_at_once_is_tried_again(autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        nursery.start_soon(refused, peer)
        await trio.aclose_forcefully(await peer.stream())
        cut = await peer.stream()
        peer.network.connections[-1].cut()
        assert cut is not None
        await peer.guest()


async def test_a_handshake_that_never_comes_is_tried_again(autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        nursery.start_soon(refused, peer)
        silent = await peer.stream()
        start = trio.current_time()
        await peer.guest()
        assert 15 <= trio.current_time() - start < 16
        assert await silent.receive_some() != b""
        assert await silent.receive_some() == b""


async def test_an_init_that_never_comes_is_tried_again(autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        nursery.start_soon(refused, peer)
        visitor = await peer.visitor()
        start = trio.current_time()
        await peer.guest()
        assert 30 <= trio.current_time() - start < 31
        assert (await visitor.closed())[0] == 1006


async def test_a_network_that_is_down_is_tried_again(autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        tries: list[float] = []

        async def connect() -> trio.abc.Stream:
            tries.append(trio.current_time())
            if len(tries) < 5:
                raise OSError("the network is down")
            return await peer.network.connect("server")

        async with open_network_transport("http://server", connect=connect) as transport:
            nursery.start_soon(peer.guest)
            async with Client(transport).get(Room, "a").connect():
                pass
    assert len(tries) == 5
