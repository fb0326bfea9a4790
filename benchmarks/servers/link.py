"""Our server transport: links with every duty of a server's, and only the frame rate unlimited."""

from __future__ import annotations

import math
import socket
from typing import Final

import h11
import trio

from benchmarks.payloads import NEWS
from trivet.link.frames import text_frame
from trivet.link.handshake import Handshake, accept_handshake
from trivet.link.keepalive import Keepalive
from trivet.link.limits import LinkLimits
from trivet.link.socket import SocketTransport
from trivet.link.websocket import WebSocketLink

__all__ = ["LinkServer", "PatientLinkServer"]

LIMITS: Final = LinkLimits(message_size=64 * 1024, frames_per_second=math.inf)


class LinkServer:
    def __init__(self) -> None:
        self.links: set[WebSocketLink[None]] = set()
        self._keepalive = Keepalive()

    async def serve(self, *, task_status: trio.TaskStatus[int]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(listeners[0].socket.getsockname()[1])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keepalive.run)
            await trio.serve_listeners(self._echo, listeners)

    async def _echo(self, stream: trio.SocketStream) -> None:
        handshake, received = await _handshake(stream)
        transport = SocketTransport.adopt(stream.socket)
        link = WebSocketLink(transport, handshake, encoder=None, limits=LIMITS, received=received)

        def receive(message: str | bytes) -> None:
            assert isinstance(message, str)
            link.push(text_frame(message.encode()))

        self.links.add(link)
        self._keepalive.add(link)
        try:
            await link.run(receive)
        finally:
            self.links.discard(link)
            self._keepalive.discard(link)

    async def broadcast(self, times: int) -> None:
        for _ in range(times):
            frame = text_frame(NEWS.encode())
            for link in self.links:
                link.push(frame, event="news")
            await trio.lowlevel.checkpoint()


class PatientLinkServer(LinkServer):
    """Closes nobody who does not read: the oldest messages give way, within the bound."""

    async def _echo(self, stream: trio.SocketStream) -> None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        await super()._echo(stream)

    async def broadcast(self, times: int) -> None:
        for _ in range(times):
            frame = text_frame(NEWS.encode())
            for link in self.links:
                link.push(frame, event="news", overflow="drop_oldest")
            await trio.lowlevel.checkpoint()
        assert all(link.waiting <= LIMITS.outbox_bytes for link in self.links)


async def _handshake(stream: trio.SocketStream) -> tuple[Handshake, bytes]:
    http = h11.Connection(h11.SERVER)
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await stream.receive_some())
    assert isinstance(event, h11.Request)
    handshake = accept_handshake(event.method, event.target, event.headers)
    assert isinstance(handshake, Handshake)
    return handshake, http.trailing_data[0]
