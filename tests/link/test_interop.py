"""Other people's WebSocket clients, over TCP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import h11
import pytest
import trio
import trio_websocket
from websockets.trio.client import connect

from trivet.link.ending import Ending
from trivet.link.frames import binary_frame, text_frame
from trivet.link.handshake import Handshake, accept_handshake
from trivet.link.limits import LinkLimits
from trivet.link.socket import SocketTransport
from trivet.link.stream import StreamTransport
from trivet.link.websocket import WebSocketLink

Endings = trio.MemoryReceiveChannel[Ending | None]

over_both = pytest.mark.parametrize("raw", [True, False], ids=["socket", "stream"])


async def upgrade(stream: trio.SocketStream) -> tuple[Handshake, bytes]:
    http = h11.Connection(h11.SERVER)
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await stream.receive_some())
    assert isinstance(event, h11.Request)
    handshake = accept_handshake(
        event.method, event.target, event.headers, http_version=event.http_version
    )
    assert isinstance(handshake, Handshake)
    return handshake, http.trailing_data[0]


@asynccontextmanager
async def echo_server(*, raw: bool) -> AsyncGenerator[tuple[int, Endings]]:
    """A server that repeats what it hears, and closes when it hears "leave"."""
    endings, ended = trio.open_memory_channel[Ending | None](10)

    async def serve(stream: trio.SocketStream) -> None:
        handshake, received = await upgrade(stream)
        transport = SocketTransport.adopt(stream.socket) if raw else StreamTransport(stream)
        link = WebSocketLink(
            transport, handshake, encoder=None, limits=LinkLimits(), received=received
        )

        def receive(message: str | bytes) -> None:
            if message == "leave":
                link.close(1000, "as you wish")
            elif isinstance(message, str):
                link.push(text_frame(message.encode()))
            else:
                link.push(binary_frame(message))

        await link.run(receive)
        endings.send_nowait(link.ending)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        with ended:
            yield listeners[0].socket.getsockname()[1], ended
        nursery.cancel_scope.cancel()


MESSAGES: list[str | bytes] = ["", "héllo", b"\x00\xff", "x" * 70_000, b"y" * 700_000]


@asynccontextmanager
async def trio_websocket_client(port: int) -> AsyncGenerator[trio_websocket.WebSocketConnection]:
    # Its own way to connect leaves the socket open when the server closes first.
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream, trio.open_nursery() as nursery:
        async with await trio_websocket.wrap_client_stream(
            nursery, stream, "127.0.0.1", "/"
        ) as client:
            yield client


@over_both
async def test_trio_websocket_talks_and_leaves(raw: bool) -> None:
    async with echo_server(raw=raw) as (port, endings):
        async with trio_websocket_client(port) as client:
            for message in MESSAGES:
                await client.send_message(message)
                assert await client.get_message() == message
            await client.ping(b"are you there?")
        assert await endings.receive() == Ending(1000, "", "client")


@over_both
async def test_trio_websocket_is_sent_away(raw: bool) -> None:
    async with echo_server(raw=raw) as (port, endings):
        async with trio_websocket_client(port) as client:
            await client.send_message("leave")
            with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                await client.get_message()
            assert closed.value.reason is not None
            assert (closed.value.reason.code, closed.value.reason.reason) == (1000, "as you wish")
        assert await endings.receive() == Ending(1000, "as you wish", "server")


@over_both
async def test_websockets_talks_in_fragments_and_leaves(raw: bool) -> None:
    async with echo_server(raw=raw) as (port, endings):
        async with connect(f"ws://127.0.0.1:{port}/", compression="deflate") as client:
            for message in MESSAGES:
                await client.send(message)
                assert await client.recv() == message
            await client.send(["in ", "three ", "pieces"])
            assert await client.recv() == "in three pieces"
            await client.ping()
        assert await endings.receive() == Ending(1000, "", "client")
