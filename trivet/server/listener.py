"""The listener: sockets that accept clients, and one task with a firewall around each client.

Rules this file keeps:

1. Whatever happens to one client's connection, the others and the server go on.
2. Every client is counted while its connection lasts: at the limit of the server no more are
   accepted, they wait; beyond the limit of its address one is turned away.
   Behind a trusted proxy it is the proxy's client that is counted, for as long as it is served.
3. Running out of file descriptors is a pause, not an end; one client is told so in each.
"""

from __future__ import annotations

import errno
import logging
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Protocol

import trio

from trivet.declare.errors import ActionError
from trivet.link.limits import FrameBudget
from trivet.link.socket import SocketTransport, notice_vanished
from trivet.link.stream import StreamTransport
from trivet.link.transport import Transport
from trivet.link.unfinished import Share
from trivet.logs import Throttled, about
from trivet.server.admission import Admission
from trivet.server.answers import Answer
from trivet.server.connect import Session, open_session, refuse_session
from trivet.server.head import Head
from trivet.server.http import HttpConnection, ReadBody
from trivet.server.reserve import Reserve
from trivet.server.router import respond
from trivet.server.service import Service
from trivet.server.sockets import peer_of

__all__ = ["Listener", "Listening"]

throttled = Throttled(logging.getLogger(__name__))

PAUSE: Final = 0.1
"""Seconds without accepting after the system has run out of something."""

EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
FULL: Final = frozenset({errno.EMFILE, errno.ENFILE})
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
        self._admissions = service.admissions
        self._reserve = Reserve()
        self.open_connections = 0
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
                await self._bear(error, listening)
            else:
                self._welcome(connection, peer_of(address))

    def serve_stream(self, stream: trio.abc.Stream, peer: str) -> None:
        """Serve a client that did not come through a socket.

        Args:
            stream: Its connection, which is closed in the end.
            peer: Its address.
        """
        transport = StreamTransport(stream)
        admission = self._admissions.admit(peer)
        if admission is None:
            self._nursery.start_soon(transport.aclose_forcefully)
        else:
            self._begin(transport, peer, admission)

    def close(self) -> None:
        """Let go of what accepting needs; the sockets are somebody else's."""
        self._reserve.close()

    async def _wait_for_room(self) -> None:
        while self.open_connections >= self._limits.connections:
            self._count("connections_full")
            if self._room.is_set():
                self._room = trio.Event()
            await self._room.wait()

    async def _bear(self, error: OSError, listening: Listening) -> None:
        """Go on after a failed accept: the client's network, or ours, had a problem."""
        self._count("accept_failed")
        if error.errno not in EXHAUSTED:
            return
        throttled.warning(
            "exhausted", "cannot accept clients for a moment: %s", error, extra=about()
        )
        if error.errno in FULL and await self._reserve.turn_away(listening.accept):
            self._count("turned_away")
        await trio.sleep(PAUSE)

    def _welcome(self, connection: trio.socket.SocketType, peer: str) -> None:
        admission = self._admissions.admit(peer)
        if admission is None:
            connection.close()
            return
        limits, context = self._limits, self.service.settings.ssl_context
        notice_vanished(connection, ping_after=limits.ping_after, dead_after=limits.dead_after)
        transport = (
            SocketTransport.adopt(connection) if context is None else _secured(connection, context)
        )
        self._begin(transport, peer, admission)

    def _begin(self, transport: Transport, peer: str, admission: Admission) -> None:
        self.open_connections += 1
        self._nursery.start_soon(self._serve, transport, peer, admission)

    async def _serve(self, transport: Transport, peer: str, admission: Admission) -> None:
        admissions = [admission]
        try:
            session = await self._meet(transport, peer, admissions)
            if session is not None:
                await session.run()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._count("connection_broken")
        except Exception as error:
            # The firewall of the connection. The client did this or a mistake of ours did.
            self._count("connection_failed")
            throttled.error(
                type(error),
                "a connection failed",
                extra=about(peer=peer),
                error=error,
            )
        finally:
            for admission in admissions:
                admission.end()
            self.open_connections -= 1
            self._room.set()
            await transport.aclose_forcefully()

    async def _meet(
        self, transport: Transport, peer: str, admissions: list[Admission]
    ) -> Session | None:
        """Serve HTTP until the client leaves or goes on as a WebSocket.

        Args:
            transport: Its connection.
            peer: Who is at its other end.
            admissions: The connection's; that of a proxy's client is added.
        """
        service, (admission,) = self.service, admissions

        async def answer(head: Head, read: ReadBody) -> Answer:
            admission.opened()
            if head.peer == peer:
                return await respond(service, head, read)
            with self._behind_proxy(head.peer) as inner:
                inner.opened()
                return await respond(service, head, read)

        budget = FrameBudget(self._limits.frame_rate, self._limits.frame_burst)
        scope = trio.CancelScope()
        with scope, service.stopping.while_busy(scope), Share(service.unfinished) as share:
            http = HttpConnection(
                transport,
                peer,
                service.limits,
                service.stopping,
                proxies=service.proxies,
                max_params=service.params_limit,
                count=self._count,
                share=share,
                budget=budget if admission.counted else None,
            )
            upgrade = await http.serve(answer)
            if upgrade is None:
                return None
            if upgrade.head.peer != peer:
                inner = self._admissions.admit(upgrade.head.peer)
                if inner is None:
                    return refuse_session(service, transport, upgrade, crowded())
                admissions.append(inner)
            return await open_session(service, transport, upgrade, admissions[-1].opened)
        return None

    @contextmanager
    def _behind_proxy(self, peer: str) -> Generator[Admission]:
        """Count a request of a proxy's client while the body runs.

        Raises:
            ActionError: If its address has no place left.
        """
        admission = self._admissions.admit(peer)
        if admission is None:
            raise crowded()
        try:
            yield admission
        finally:
            admission.end()


def crowded() -> ActionError:
    """Make the error for a client whose address has too many connections; it may come back."""
    return ActionError(
        "Too many connections come from this address", group="guard", code="service_unavailable"
    )


def _secured(connection: trio.socket.SocketType, context: ssl.SSLContext) -> StreamTransport:
    stream = trio.SocketStream(connection)
    secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
    return StreamTransport(secured)
