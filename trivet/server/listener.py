"""The listener: sockets that accept clients, and one task with a firewall around each client.

Rules this file keeps:

1. Whatever happens to one client's connection, the others and the server go on.
2. Every client is counted while its connection lasts: at the limit of the server no more are
   accepted, they wait; beyond the limit of its address one is turned away.
3. Running out of file descriptors is a pause, not an end.
"""

from __future__ import annotations

import errno
import logging
import ssl
from collections import Counter
from typing import Any, Final, NoReturn, Protocol

import trio

from trivet.link.socket import SocketTransport
from trivet.link.stream import StreamTransport
from trivet.link.transport import Transport
from trivet.server.answers import Answer
from trivet.server.connect import Session, open_session
from trivet.server.head import Head
from trivet.server.http import HttpConnection, ReadBody
from trivet.server.origins import is_loopback
from trivet.server.router import respond
from trivet.server.service import Service
from trivet.server.sockets import peer_of

__all__ = ["Listener", "Listening"]

logger = logging.getLogger(__name__)

PAUSE: Final = 0.1
"""Seconds without accepting after the system has run out of something."""

EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
UNUSABLE: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP})


class Listening(Protocol):
    """A socket that listens."""

    async def accept(self) -> tuple[trio.socket.SocketType, Any]:
        """Wait for a client; its connection and its address."""
        ...


class Listener:
    """Accepts clients and serves each in a task of its own.

    Args:
        service: What they come for.
        nursery: The parent of their tasks.

    Attributes:
        service: As given.
        open_connections: How many clients there are.
    """

    def __init__(self, service: Service, nursery: trio.Nursery) -> None:
        self.service = service
        self._nursery = nursery
        self._count = service.runtime.observer.count
        self._limits = service.limits
        self.open_connections = 0
        self._by_address: Counter[str] = Counter()
        self._room = trio.Event()
        self._room.set()

    async def accept(self, listening: Listening) -> NoReturn:
        """Accept clients from a socket until cancelled.

        Raises:
            OSError: If it is no socket that listens.
        """
        while True:
            await self._wait_for_room()
            try:
                connection, address = await listening.accept()
            except OSError as error:
                if error.errno in UNUSABLE:
                    raise
                await self._bear(error)
            else:
                self._welcome(connection, peer_of(address))

    def serve_stream(self, stream: trio.abc.Stream, peer: str) -> None:
        """Serve a client that did not come through a socket.

        Args:
            stream: Its connection, which is closed in the end.
            peer: Its address.
        """
        self._begin(StreamTransport(stream), peer)

    async def _wait_for_room(self) -> None:
        while self.open_connections >= self._limits.connections:
            self._count("connections_full")
            if self._room.is_set():
                self._room = trio.Event()
            await self._room.wait()

    async def _bear(self, error: OSError) -> None:
        """Go on after a failed accept: the client's network, or ours, had a problem."""
        self._count("accept_failed")
        if error.errno in EXHAUSTED:
            logger.warning("cannot accept clients for a moment: %s", error)
            await trio.sleep(PAUSE)

    def _welcome(self, connection: trio.socket.SocketType, peer: str) -> None:
        if self._by_address[peer] >= self._limits.connections_per_address:
            self._count("address_full")
            connection.close()
            return
        context = self.service.settings.ssl_context
        transport = (
            SocketTransport.adopt(connection) if context is None else _secured(connection, context)
        )
        self._begin(transport, peer)

    def _begin(self, transport: Transport, peer: str) -> None:
        self.open_connections += 1
        if not _is_trusted(peer):
            self._by_address[peer] += 1
        self._nursery.start_soon(self._serve, transport, peer)

    async def _serve(self, transport: Transport, peer: str) -> None:
        try:
            session = await self._meet(transport, peer)
            if session is not None:
                await session.run()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._count("connection_broken")
        except Exception:
            # The firewall of the connection. The client did this or a mistake of ours did.
            logger.exception("a connection of %s failed", peer)
            self._count("connection_failed")
        finally:
            self._end(peer)
            await transport.aclose_forcefully()

    async def _meet(self, transport: Transport, peer: str) -> Session | None:
        """Serve HTTP until the client leaves or goes on as a WebSocket."""

        async def answer(head: Head, read: ReadBody) -> Answer:
            return await respond(self.service, head, read)

        service = self.service
        scope = trio.CancelScope()
        with scope, service.stopping.while_busy(scope):
            http = HttpConnection(transport, peer, service.limits, service.stopping)
            upgrade = await http.serve(answer)
            return None if upgrade is None else await open_session(service, transport, upgrade)
        return None

    def _end(self, peer: str) -> None:
        self.open_connections -= 1
        if not _is_trusted(peer):
            self._by_address[peer] -= 1
            if not self._by_address[peer]:
                del self._by_address[peer]
        self._room.set()


def _is_trusted(peer: str) -> bool:
    """Whether an address may have any number of connections."""
    return peer in {"unix", "memory"} or is_loopback(peer)


def _secured(connection: trio.socket.SocketType, context: ssl.SSLContext) -> StreamTransport:
    stream = trio.SocketStream(connection)
    secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
    return StreamTransport(secured)
