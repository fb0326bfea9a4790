"""HTTP/1.1 requests to one server, by h11, over a few connections that are kept alive.

Rules this file keeps:

1. A request is sent a second time only if the first time it cannot have been complete, or if it may
   be repeated: the connection had been kept, and the server has closed it meanwhile.
2. A connection is kept only behind a complete answer. In every other case, cancellation included,
   it is closed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
import h11
import trio

from trivet.client.endpoint import StreamOpener
from trivet.declare.errors import ConnectionLost
from trivet.protocol.client import MAX_FRAME
from trivet.protocol.errors import IncomingTooLong

__all__ = ["HttpPool", "HttpRequest", "HttpResponse"]

MOST_CONNECTIONS: Final = 128
MOST_KEPT: Final = 8
READ_SIZE: Final = 64 * 1024


@attrs.frozen
class HttpRequest:
    """A request.

    Attributes:
        target: Path and query.
        headers: Without host and length.
        repeatable: Whether it does no harm to send it twice.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    repeatable: bool = False


@attrs.frozen
class HttpResponse:
    """A complete answer.

    Attributes:
        headers: By lower-case name.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Undelivered(Exception):
    """The connection broke, and the request has done nothing, or may be repeated."""


class HttpPool:
    """Requests to one server.

    Args:
        connect: Connects to it.
        authority: Host and port as requests name them.
    """

    def __init__(self, connect: StreamOpener, authority: str) -> None:
        self._connect = connect
        self._authority = authority
        self._kept: list[_HttpConnection] = []
        self._room = trio.Semaphore(MOST_CONNECTIONS)
        self._closed = False

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Send a request and wait for the answer.

        Raises:
            ConnectionLost: If the network failed; the request may have been served all the same.
            IncomingTooLong: If the answer is too long.
            trio.ClosedResourceError: If the pool is closed.
        """
        async with self._room:
            while True:
                if self._closed:
                    raise trio.ClosedResourceError("the client is closed")
                kept = await self._take_kept()
                connection = kept or await self._open()
                try:
                    return await self._exchange(connection, request)
                except _Undelivered as undelivered:
                    if kept is None:
                        raise _lost(undelivered) from undelivered.__cause__

    async def aclose(self) -> None:
        """Close the connections that are not in use; no more are opened."""
        self._closed = True
        kept, self._kept = self._kept, []
        for connection in kept:
            await trio.aclose_forcefully(connection.stream)

    async def _exchange(self, connection: _HttpConnection, request: HttpRequest) -> HttpResponse:
        may_be_kept = False
        try:
            response = await connection.exchange(request, self._authority)
            may_be_kept = connection.is_idle
        finally:
            if may_be_kept and not self._closed and len(self._kept) < MOST_KEPT:
                self._kept.append(connection)
            else:
                await trio.aclose_forcefully(connection.stream)
        return response

    async def _take_kept(self) -> _HttpConnection | None:
        while self._kept:
            connection = self._kept.pop()
            if not connection.was_closed:
                return connection
            await trio.aclose_forcefully(connection.stream)
        return None

    async def _open(self) -> _HttpConnection:
        try:
            return _HttpConnection(await self._connect())
        except (OSError, trio.BrokenResourceError) as error:
            raise ConnectionLost(f"Cannot connect to {self._authority}: {error}") from error


class _HttpConnection:
    """One connection, used by one request at a time."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._http = h11.Connection(h11.CLIENT)

    @property
    def is_idle(self) -> bool:
        """Whether the next request may begin."""
        return self._http.our_state is h11.IDLE

    @property
    def was_closed(self) -> bool:
        """Whether something arrived while it was kept, which can only be the end."""
        stream: Any = self.stream
        below = getattr(stream, "transport_stream", stream)  # under TLS
        return isinstance(below, trio.SocketStream) and below.socket.is_readable()

    async def exchange(self, request: HttpRequest, authority: str) -> HttpResponse:
        """Send a request and read the answer."""
        data = self._written(request, authority)
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise _Undelivered from error  # what is not complete is not served
        try:
            response = await self._read()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if request.repeatable:
                raise _Undelivered from error
            raise _lost(error) from error
        except h11.RemoteProtocolError as error:
            raise ConnectionLost(f"The server's answer is malformed: {error}") from error
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return response

    def _written(self, request: HttpRequest, authority: str) -> bytes:
        headers = {"host": authority, "user-agent": "trivet", **request.headers}
        headers["content-length"] = str(len(request.body))
        head = h11.Request(method=request.method, target=request.target, headers=[*headers.items()])
        events = (head, h11.Data(data=request.body), h11.EndOfMessage())
        return b"".join(self._http.send(event) or b"" for event in events)

    async def _read(self) -> HttpResponse:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_FRAME:
                    raise IncomingTooLong(len(body), MAX_FRAME)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                return HttpResponse(head.status_code, headers, bytes(body))

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = bytes(await self.stream.receive_some(READ_SIZE))
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise trio.BrokenResourceError("the server closed the connection")
            self._http.receive_data(data)
        return event


def _lost(error: BaseException) -> ConnectionLost:
    cause = error.__cause__ or error
    return ConnectionLost(f"The connection was lost: {cause}" if str(cause) else "")
