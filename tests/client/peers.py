"""Servers that the test plays, over the network in memory: one speaks HTTP, one WebSockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import h11
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from trivet.client.network import NetworkTransport, open_network_transport
from trivet.declare.handle import Client
from trivet.protocol.codec import CODECS
from trivet.protocol.handshake import EXTENSION
from trivet.protocol.messages import (
    ActionRequest,
    HttpActionResponse,
    HttpResponseError,
    Init,
    SubscriptionRequest,
    ToClient,
    ToServer,
)
from trivet.testing.network import MemoryNetwork, MemoryStream

BARE = CODECS["bare"]
CBOR = CODECS["cbor"]
JSON = CODECS["json"]


@attrs.frozen
class Received:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@attrs.frozen
class Reply:
    body: bytes = b""
    status: int = 200
    content_type: str = "application/octet-stream"
    close: bool = False

    @classmethod
    def output(cls, value: Any) -> Reply:
        return cls(BARE.encode_action_response(HttpActionResponse(value)))

    @classmethod
    def json(cls, body: bytes, status: int = 200) -> Reply:
        return cls(body, status, "application/json")

    @classmethod
    def error(cls, group: str, code: str, status: int = 503, *, guard: bool = False) -> Reply:
        codec = JSON if guard else BARE
        body = codec.encode_error(HttpResponseError(group, code, "no", {"why": 1}))
        return cls(body, status, codec.content_type)


Answering = Callable[[Received], "Reply | None"]
"""Answers a request, or, with ``None``, closes its connection."""


class HttpPeer:
    """A server of the test's; ``answer`` may be replaced at any time."""

    def __init__(self, network: MemoryNetwork, nursery: trio.Nursery) -> None:
        self.network = network
        self.received: list[Received] = []
        self.answer: Answering = lambda request: Reply.output(None)
        self.connections = 0
        self._nursery = nursery

    def serve(self, stream: MemoryStream) -> None:
        self.connections += 1
        self._nursery.start_soon(self._serve, stream, self.connections)

    async def _serve(self, stream: MemoryStream, number: int) -> None:
        http = h11.Connection(h11.SERVER)
        try:
            async with stream:
                while (request := await self._request(http, stream, number)) is not None:
                    self.received.append(request)
                    reply = self.answer(request)
                    if reply is None:
                        return
                    await stream.send_all(_written(http, reply))
                    if reply.close:
                        return
                    http.start_next_cycle()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def _request(
        self, http: h11.Connection, stream: MemoryStream, number: int
    ) -> Received | None:
        head: h11.Request | None = None
        body = b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                return Received(head.method.decode(), head.target.decode(), headers, body, number)
            else:
                return None


def _written(http: h11.Connection, reply: Reply) -> bytes:
    headers = [("content-type", reply.content_type), ("content-length", str(len(reply.body)))]
    if reply.close:
        headers.append(("connection", "close"))
    events = (
        h11.Response(status_code=reply.status, headers=headers),
        h11.Data(data=reply.body),
        h11.EndOfMessage(),
    )
    return b"".join(http.send(event) or b"" for event in events)


@asynccontextmanager
async def http_peer() -> AsyncGenerator[HttpPeer]:
    network = MemoryNetwork()
    async with trio.open_nursery() as nursery:
        peer = HttpPeer(network, nursery)
        await nursery.start(network.serve, "server", peer.serve)
        yield peer
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def client_of(
    network: MemoryNetwork, url: str = "http://server"
) -> AsyncGenerator[tuple[Client, NetworkTransport]]:
    async with open_network_transport(url, connect=network.opener("server")) as transport:
        yield Client(transport), transport


class Visitor:
    """One client's WebSocket, seen from the server."""

    def __init__(
        self,
        stream: MemoryStream,
        socket: WebSocketConnection,
        path: str,
        offered: tuple[str, ...],
    ) -> None:
        self._stream = stream
        self.socket = socket
        self.codec = CBOR if socket.subprotocol == EXTENSION else BARE
        self.path = path
        self.offered = offered

    async def welcome(self) -> None:
        await self.say(Init("actor", "connection"))

    async def say(self, message: ToClient) -> None:
        await self.socket.send_message(self.codec.encode_to_client(message))

    async def write(self, data: bytes) -> None:
        """Write what is no message."""
        await self._stream.send_all(data)

    async def hears(self) -> ToServer:
        message = await self.socket.get_message()
        assert isinstance(message, bytes)
        return self.codec.decode_to_server(message)

    async def hears_call(self) -> ActionRequest:
        message = await self.hears()
        assert isinstance(message, ActionRequest)
        return message

    async def hears_subscription(self) -> SubscriptionRequest:
        message = await self.hears()
        assert isinstance(message, SubscriptionRequest)
        return message

    async def closed(self) -> tuple[int, str | None]:
        """Wait for the client's goodbye."""
        while self.socket.closed is None:
            with suppress(ConnectionClosed):
                await self.socket.get_message()
        return self.socket.closed.code, self.socket.closed.reason


class SocketPeer:
    """A server of the test's: streams come in, and the test says how each is met."""

    def __init__(self, network: MemoryNetwork, nursery: trio.Nursery) -> None:
        self.network = network
        self._nursery = nursery
        self._arrivals, self._streams = trio.open_memory_channel[MemoryStream](100)

    def serve(self, stream: MemoryStream) -> None:
        self._arrivals.send_nowait(stream)

    async def stream(self) -> MemoryStream:
        """Wait for the next client, before its handshake."""
        return await self._streams.receive()

    async def visitor(self, subprotocol: str | None = "trivet.1") -> Visitor:
        """Wait for the next client and accept its handshake."""
        stream = await self.stream()
        request = await wrap_server_stream(self._nursery, stream)
        offered = request.proposed_subprotocols
        socket = await request.accept(subprotocol=subprotocol)
        return Visitor(stream, socket, request.path, offered)

    async def guest(self, subprotocol: str | None = "trivet.1") -> Visitor:
        """Wait for the next client and let it in."""
        visitor = await self.visitor(subprotocol)
        await visitor.welcome()
        return visitor


@asynccontextmanager
async def socket_peer() -> AsyncGenerator[SocketPeer]:
    network = MemoryNetwork()
    async with trio.open_nursery() as nursery:
        peer = SocketPeer(network, nursery)
        await nursery.start(network.serve, "server", peer.serve)
        yield peer
        nursery.cancel_scope.cancel()
