"""HTTP/1.1 requests to one server, by h11, over a few connections that are kept alive.

Rules this file keeps:

1. A request is sent a second time only if the first time it cannot have been complete, or if it may
   be repeated: the connection had been kept, and the server has closed it meanwhile.
2. A connection is kept only behind a complete answer. In every other case, cancellation included,
   it is closed at once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import attrs
import h11
import trio

from trivet.client.endpoint import StreamOpener
from trivet.declare.errors import ConnectionLost
from trivet.declare.headers import Headers
from trivet.protocol.client import MAX_FRAME
from trivet.protocol.errors import IncomingTooLong

__all__ = ["HttpPool", "HttpRequest", "HttpResponse", "HttpStream"]

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


NextPiece = Callable[[], Awaitable[bytes | None]]


class HttpStream:
    """An answer of which the body is still to come: iterate over its pieces.

    Attributes:
        headers: By lower-case name.
    """

    def __init__(self, head: h11.Response, next_piece: NextPiece) -> None:
        self.status = head.status_code
        self.headers = Headers(
            (name.decode(), value.decode("latin-1")) for name, value in head.headers
        )
        self._next_piece = next_piece

    def __aiter__(self) -> Self:
        """Return the answer itself."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next piece of the body.

        Raises:
            StopAsyncIteration: Behind the last.
            ConnectionLost: If the body breaks off.
        """
        piece = await self._next_piece()
        if piece is None:
            raise StopAsyncIteration
        return piece


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
        async with self.open(request) as stream:
            body = bytearray()
            async for piece in stream:
                body += piece
                if len(body) > MAX_FRAME:
                    raise IncomingTooLong(len(body), MAX_FRAME)
        return HttpResponse(stream.status, stream.headers, bytes(body))

    @asynccontextmanager
    async def open(self, request: HttpRequest) -> AsyncGenerator[HttpStream]:
        """Send a request and wait for the head of the answer; its body can be read in the body.

        Raises:
            ConnectionLost: If the network failed; the request may have been served all the same.
            trio.ClosedResourceError: If the pool is closed.
        """
        async with self._room:
            connection, head = await self._begin(request)
            may_be_kept = False
            try:
                yield HttpStream(head, connection.next_piece)
                may_be_kept = connection.is_idle
            finally:
                if not (may_be_kept and self._keep(connection)):
                    await trio.aclose_forcefully(connection.stream)

    async def aclose(self) -> None:
        """Close the connections that are not in use; no more are opened."""
        self._closed = True
        kept, self._kept = self._kept, []
        for connection in kept:
            await trio.aclose_forcefully(connection.stream)

    async def _begin(self, request: HttpRequest) -> tuple[_HttpConnection, h11.Response]:
        while True:
            if self._closed:
                raise trio.ClosedResourceError("the client is closed")
            kept = await self._take_kept()
            connection = kept or await self._open()
            began = False
            try:
                head = await connection.begin(request, self._authority)
                began = True
            except _Undelivered as undelivered:
                if kept is None:
                    raise _lost(undelivered) from undelivered.__cause__
                continue
            finally:
                if not began:
                    await trio.aclose_forcefully(connection.stream)
            return connection, head

    def _keep(self, connection: _HttpConnection) -> bool:
        if self._closed or len(self._kept) >= MOST_KEPT:
            return False
        self._kept.append(connection)
        return True

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

    async def begin(self, request: HttpRequest, authority: str) -> h11.Response:
        """Send a request and read the head of the answer."""
        data = self._written(request, authority)
        unsent: Exception | None = None
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            unsent = error  # what is not complete is not served; the server may have said why
        try:
            while not isinstance(event := await self._next_event(), h11.Response):
                pass
            return event
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if unsent is not None:
                raise _Undelivered from unsent
            if request.repeatable:
                raise _Undelivered from error
            raise _lost(error) from error
        except h11.RemoteProtocolError as error:
            raise _malformed(error) from error

    async def next_piece(self) -> bytes | None:
        """Return the next piece of the answer's body, ``None`` behind the last.

        Raises:
            ConnectionLost: If it breaks off.
        """
        if self._http.their_state is not h11.SEND_BODY:
            return None
        try:
            event = await self._next_event()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise _lost(error) from error
        except h11.RemoteProtocolError as error:
            raise _malformed(error) from error
        if isinstance(event, h11.Data):
            return bytes(event.data)
        self._end_cycle()
        return None

    def _end_cycle(self) -> None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()

    def _written(self, request: HttpRequest, authority: str) -> bytes:
        headers = {"host": authority, "user-agent": "trivet", **request.headers}
        headers["content-length"] = str(len(request.body))
        head = h11.Request(method=request.method, target=request.target, headers=[*headers.items()])
        events = (head, h11.Data(data=request.body), h11.EndOfMessage())
        return b"".join(self._http.send(event) or b"" for event in events)

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = bytes(await self.stream.receive_some(READ_SIZE))
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise trio.BrokenResourceError("the server closed the connection")
            self._http.receive_data(data)
        return event


def _malformed(error: Exception) -> ConnectionLost:
    return ConnectionLost(f"The server's answer is malformed: {error}")


def _lost(error: BaseException) -> ConnectionLost:
    cause = error.__cause__ or error
    return ConnectionLost(f"The connection was lost: {cause}" if str(cause) else "")
