"""The other end of a link: a WebSocket client made of `websockets`' sans-IO core and a raw stream."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal

import attrs
import h11
import trio
import trio.testing
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.uri import parse_uri

from trivet.link.handshake import Handshake, accept_handshake
from trivet.link.limits import LinkLimits
from trivet.link.socket import SocketTransport
from trivet.link.stream import StreamTransport
from trivet.link.transport import Transport
from trivet.link.websocket import WebSocketLink

Kind = Literal["socket", "memory", "lockstep"]
Message = str | bytes
Ears = Callable[[Message], None]
OverSocket = Callable[[socket.socket], SocketTransport]

MASK: Final = b"\x37\xfa\x21\x3d"
LIMITS: Final = LinkLimits()


def masked(data: bytes) -> bytes:
    return bytes(byte ^ MASK[position % 4] for position, byte in enumerate(data))


def client_frame(first: int, payload: bytes = b"") -> bytes:
    """A masked frame, written down from RFC 6455 and not by the library under test."""
    length = len(payload)
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length < 65536:
        head = bytes((first, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + MASK + masked(payload)


def text(payload: str) -> bytes:
    return client_frame(0x81, payload.encode())


def binary(payload: bytes) -> bytes:
    return client_frame(0x82, payload)


def ping(payload: bytes = b"") -> bytes:
    return client_frame(0x89, payload)


def goodbye(code: int = 1000, reason: str = "") -> bytes:
    return client_frame(0x88, Close(code, reason).serialize())


def shake_hands(protocol: ClientProtocol) -> Handshake:
    """Let a client ask for a WebSocket, the way a server sees it."""
    protocol.send_request(protocol.connect())
    http = h11.Connection(h11.SERVER)
    http.receive_data(b"".join(protocol.data_to_send()))
    request = http.next_event()
    assert isinstance(request, h11.Request)
    handshake = accept_handshake(request.method, request.target, request.headers)
    assert isinstance(handshake, Handshake)
    return handshake


@attrs.define(eq=False)
class Peer:
    """A client whose every byte is the test's own decision."""

    stream: trio.abc.HalfCloseableStream
    protocol: ClientProtocol
    frames: list[Frame] = attrs.Factory(list[Frame])

    async def send(self, *frames: bytes) -> None:
        await self.stream.send_all(b"".join(frames))

    async def next_frame(self) -> Frame | None:
        """The server's next frame, `None` once it has closed its side."""
        while not self.frames:
            data = bytes(await self.stream.receive_some())
            if not data:
                return None
            self.protocol.receive_data(data)
            events = self.protocol.events_received()
            self.frames += [event for event in events if isinstance(event, Frame)]
            assert self.protocol.parser_exc is None, "the server broke the protocol"
        return self.frames.pop(0)

    async def hear(self) -> Message:
        frame = await self.next_frame()
        assert frame is not None
        assert frame.opcode in {Opcode.TEXT, Opcode.BINARY}
        data = bytes(frame.data)
        return data.decode() if frame.opcode is Opcode.TEXT else data

    async def hear_goodbye(self) -> tuple[int, str]:
        frame = await self.next_frame()
        assert frame is not None
        assert frame.opcode is Opcode.CLOSE, frame
        close = Close.parse(frame.data)
        return int(close.code), close.reason

    async def take(self) -> bytes:
        """Raw bytes, as many as have come; `b""` once the server has closed its side."""
        return bytes(await self.stream.receive_some())

    async def hear_nothing_more(self) -> None:
        assert await self.next_frame() is None

    def reset(self) -> None:
        """Vanish with an RST, before any other task can look."""
        assert isinstance(self.stream, trio.SocketStream)
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
        self.stream.socket.close()


@attrs.define(eq=False)
class Meeting:
    """A link that runs, its client, and what the link received."""

    link: WebSocketLink[None]
    peer: Peer
    transport: Transport
    heard: list[Message]
    scope: trio.CancelScope
    task: trio.lowlevel.Task


def tcp_pair() -> tuple[socket.socket, trio.SocketStream]:
    """Two ends of a TCP connection over loopback, with small buffers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        near = socket.socket()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        near.connect(listening.getsockname())
        far, _ = listening.accept()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    near.setblocking(False)
    return far, trio.SocketStream(trio.socket.from_stdlib_socket(near))


async def transport_pair(
    kind: Kind, over_socket: OverSocket = SocketTransport
) -> tuple[Transport, trio.abc.HalfCloseableStream]:
    if kind == "socket":
        connection, stream = tcp_pair()
        return over_socket(connection), stream
    pair = (
        trio.testing.memory_stream_pair if kind == "memory" else trio.testing.lockstep_stream_pair
    )
    near, far = pair()
    return StreamTransport(far), near


def ignore(message: Message) -> None:
    """Hear nothing."""


@asynccontextmanager
async def meet(
    kind: Kind = "memory",
    *,
    limits: LinkLimits = LIMITS,
    ears: Ears | None = None,
    over_socket: OverSocket = SocketTransport,
) -> AsyncGenerator[Meeting]:
    """A link and its client with the handshake behind them; in the end both are gone."""
    transport, stream = await transport_pair(kind, over_socket)
    protocol = ClientProtocol(parse_uri("ws://link.test/"), max_size=None)
    handshake = shake_hands(protocol)
    link = WebSocketLink(transport, handshake, encoder=None, limits=limits)
    peer = Peer(stream, protocol)
    heard: list[Message] = []
    scope = trio.CancelScope()

    async def run(*, task_status: trio.TaskStatus[trio.lowlevel.Task]) -> None:
        task_status.started(trio.lowlevel.current_task())
        with scope:
            await link.run(ears or heard.append)

    async with trio.open_nursery() as nursery:
        task = await nursery.start(run)
        async with stream:
            response = bytes(await stream.receive_some())
            assert response == handshake.response
            protocol.receive_data(response)
            protocol.events_received()
            yield Meeting(link, peer, transport, heard, scope, task)
        with trio.fail_after(60):
            await link.wait_closed()
