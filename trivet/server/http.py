"""HTTP/1.1 on one connection, by h11, until the client leaves or goes on as a WebSocket.

Rules this file keeps:

1. Nothing a client sends raises out of here; only the end of its connection does. What is malformed
   or late is answered once, and then the connection closes.
2. A request begins when its first byte arrives. From then on its head, its body and the client's
   reading of the answer each have a deadline, and head and body a size.
3. Requests are answered one after the other, in their order. If a body was not read to its end, or
   the server stops, the answer is the last.
4. A body that is streamed and breaks off ends its connection without an end of the body, so that
   nobody takes it for complete. A client that leaves, or does not read, ends the stream.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from http import HTTPStatus
from typing import Final, Protocol

import attrs
import h11
import trio

from trivet.declare.errors import ConnectionLost, Error
from trivet.declare.options import Limits
from trivet.link.handshake import Handshake, accept_handshake
from trivet.link.limits import FrameBudget
from trivet.link.transport import Transport
from trivet.link.unfinished import Share
from trivet.protocol.errors import IncomingTooLong
from trivet.protocol.faults import fault_of
from trivet.protocol.handshake import parse_offer
from trivet.runtime.body_stream import BodyStream
from trivet.server.answers import Answer, RequestError, refusal
from trivet.server.head import Head
from trivet.server.peers import Proxies
from trivet.server.stopping import Stopping
from trivet.server.upgrade import Upgrade

__all__ = ["HttpConnection", "ReadBody"]

IDLE_TIME: Final = 60.0
"""Seconds that a connection may wait for its next request."""

BODY_TIME: Final = 30.0
"""Seconds for a body to arrive, and for each piece of an answer to be taken."""

BODY_RATE: Final = 64 * 1024
"""Bytes of a body that give its client one second more."""

PIECE: Final = 64 * 1024
"""Bytes that a client has that time to take."""

LINGER_TIME: Final = 1.0
"""Seconds in which a client may still send what is not read before the socket closes."""

EVENTS_AT_ONCE: Final = 64
"""How many pieces of a body are taken before other tasks get their turn."""

BODILESS: Final = frozenset({204, 304})
"""Statuses of answers that have no body, and say nothing about its length."""

KNOWN: Final = frozenset(HTTPStatus)
"""Statuses that have a name."""

UNSERVED: Final = frozenset({b"CONNECT", b"TRACE"})
"""Methods that no actor gets to see: one is for proxies, the other shows a page its cookies."""


class ReadBody(Protocol):
    """Reads the body of a request."""

    async def __call__(self, limit: int, /) -> bytes:
        """Read it, up to a number of bytes.

        Raises:
            IncomingTooLong: If it is longer.
        """
        ...

    async def wait_left(self) -> None:
        """Wait until the client has left; only behind the whole body."""
        ...


@attrs.frozen
class _Body:
    connection: HttpConnection

    async def __call__(self, limit: int, /) -> bytes:
        return await self.connection.read_body(limit)

    async def wait_left(self) -> None:
        await self.connection.wait_left()


Respond = Callable[[Head, ReadBody], Awaitable[Answer]]


class _Unreadable(RequestError):
    """What arrives is no request, or comes too late: there is nothing to go on with."""


class HttpConnection:
    """One client's requests.

    Args:
        transport: Its connection.
        peer: Its address.
        limits: The bounds of heads.
        stopping: Says when to take no further request.
        proxies: Whose word on the client's address counts.
        max_params: Bytes of connection params.
        count: Counts the requests that cannot be read.
        share: Where the bytes of bodies count.
        budget: How many requests it may make; any number without.
    """

    def __init__(
        self,
        transport: Transport,
        peer: str,
        limits: Limits,
        stopping: Stopping,
        *,
        proxies: Proxies,
        max_params: int,
        count: Callable[[str], object],
        share: Share,
        budget: FrameBudget | None = None,
    ) -> None:
        self._transport = transport
        self._peer = peer
        self._limits = limits
        self._stopping = stopping
        self._proxies = proxies
        self._max_params = max_params
        self._count = count
        self._budget = budget
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.request_head)
        self._served = False
        self._head: Head | None = None
        self._share = share

    async def serve(self, respond: Respond) -> Upgrade | None:
        """Serve requests.

        Args:
            respond: Answers one, given its head and a way to read its body.

        Returns:
            How the client goes on, ``None`` if it does not.

        Raises:
            trio.BrokenResourceError: If the network fails.
        """
        while True:
            try:
                self._head = None
                self._head = await self._receive_head()
                if self._head is None:
                    return None
                if self._head.wants_websocket:
                    upgrade = await self._upgrade(self._head)
                    if isinstance(upgrade, Upgrade):
                        return upgrade
                    answer = upgrade
                else:
                    answer = await respond(self._head, _Body(self))
            except Error as error:
                self._count("request_malformed")
                answer = refusal(fault_of(error, where="http"))
            self._share.keep(0)
            if not await self._send(answer):
                await self._part()
                return None
            self._http.start_next_cycle()
            self._served = True

    # -- the head -----------------------------------------------------------------------------

    async def _receive_head(self) -> Head | None:
        """Return the next request's head, ``None`` if there is none."""
        head_time = self._limits.request_head_time
        deadline = trio.current_time() + head_time
        if not self._http.trailing_data[0]:
            if not await self._receive_first_bytes(IDLE_TIME if self._served else head_time):
                return None
            if self._served:
                deadline = trio.current_time() + head_time
        with trio.CancelScope(deadline=deadline):
            return await self._parse_head()
        raise _Unreadable("The request did not arrive in time", code="request_timeout")

    async def _receive_first_bytes(self, patience: float) -> bool:
        with trio.move_on_after(patience) as scope:
            with self._stopping.while_idle(scope) if self._served else nullcontext():
                data = await self._transport.receive_some()
            self._http.receive_data(data)
            return bool(data)
        return False

    async def _parse_head(self) -> Head | None:
        while True:
            self._check_head()
            event = self._next_event()
            if isinstance(event, h11.Request):
                return self._checked(event)
            if isinstance(event, h11.ConnectionClosed):
                return None
            self._http.receive_data(await self._transport.receive_some())

    def _check_head(self) -> None:
        """Refuse a head that is too large before h11 parses it, which takes time for each line."""
        buffered = self._http.trailing_data[0]
        ends = (buffered.find(blank) for blank in (b"\n\r\n", b"\n\n"))
        end = min((at for at in ends if at >= 0), default=len(buffered))
        lines = buffered.count(b"\n", 0, end)
        if end > self._limits.request_head or lines > self._limits.request_headers + 1:
            raise _Unreadable("The head of the request is too large", code="head_too_large")

    def _checked(self, request: h11.Request) -> Head:
        names = [name for name, _ in request.headers]
        if len(names) > self._limits.request_headers:
            raise _Unreadable("The head of the request is too large", code="head_too_large")
        if b"content-length" in names and b"transfer-encoding" in names:
            # Whoever stands between may go by the other one: where this request ends is in doubt.
            raise _Unreadable("The body of the request has two lengths", code="bad_request")
        if request.method in UNSERVED:
            raise _Unreadable("The server does not take this method", code="method_not_allowed")
        if self._budget is not None and not self._budget.spend(1, trio.current_time()):
            raise _Unreadable("Too many requests", group="guard", code="rate_limit")
        head = Head.of(request, self._peer)
        client = self._proxies.client_of(self._peer, head.headers)
        return head if client == self._peer else attrs.evolve(head, peer=client)

    async def _upgrade(self, head: Head) -> Upgrade | Answer:
        offered = head.headers.get("sec-websocket-protocol", "")
        offer = parse_offer(offered, max_params=self._max_params)
        request = head.request
        handshake = accept_handshake(
            request.method,
            request.target,
            request.headers,
            subprotocol=offer.answer,
            http_version=request.http_version,
        )
        await self.read_body(0)
        if isinstance(handshake, Handshake):
            return Upgrade(head, offer, handshake, self._http.trailing_data[0])
        headers = {name.decode().lower(): value.decode() for name, value in handshake.headers}
        return Answer(handshake.status, handshake.body, headers)

    # -- the body -----------------------------------------------------------------------------

    async def read_body(self, limit: int) -> bytes:
        """Read the body of the current request.

        Raises:
            IncomingTooLong: If it is longer than ``limit`` bytes.
            UnfinishedFull: If all clients together have sent too much.
        """
        assert self._head is not None
        declared = int(self._head.headers.get("content-length", 0))
        if declared > limit:
            raise IncomingTooLong(declared, limit)
        self._share.keep(0, declared)
        parts: list[bytes] = []
        size = 0
        with trio.move_on_after(BODY_TIME) as scope:
            began_at = trio.current_time()
            while not isinstance(event := await self._next_body_event(), h11.EndOfMessage):
                size += len(event.data)
                scope.deadline = began_at + BODY_TIME + size / BODY_RATE
                if size > limit:
                    raise IncomingTooLong(size, limit)
                self._share.keep(size)
                parts.append(event.data)
                if len(parts) % EVENTS_AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
            return b"".join(parts)
        raise _Unreadable("The body did not arrive in time", code="request_timeout")

    async def wait_left(self) -> None:
        """Wait until the client has closed its end, or lost it, while its request is answered.

        What it sends meanwhile is its next request; of that no more is taken than one may be.
        """
        while len(self._http.trailing_data[0]) < self._limits.request_head:
            try:
                data = await self._transport.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            self._http.receive_data(data)
            if not data:
                return
        await trio.sleep_forever()

    async def _next_body_event(self) -> h11.Data | h11.EndOfMessage:
        while True:
            event = self._next_event()
            if isinstance(event, h11.Data | h11.EndOfMessage):
                return event
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._transport.receive_some())

    def _next_event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                message, code = "The head of the request is too large", "head_too_large"
            else:
                message, code = "The request is no well-formed HTTP/1.1", "bad_request"
            raise _Unreadable(message, code=code) from None

    def _is_read(self) -> bool:
        """Whether the request has arrived completely; what is left of it is skipped if it has."""
        try:
            while self._http.their_state is h11.SEND_BODY:
                if self._http.next_event() is h11.NEED_DATA:
                    return False
        except h11.RemoteProtocolError:
            return False
        return self._http.their_state is not h11.ERROR

    # -- the answer ---------------------------------------------------------------------------

    async def _send(self, answer: Answer) -> bool:
        """Send an answer; whether another request may follow."""
        last = self._head is None or not self._is_read() or self._stopping.begun
        added: dict[str, str] = {}
        if answer.stream is None and answer.status not in BODILESS:
            added["content-length"] = str(len(answer.body))
        if last:
            added["connection"] = "close"
        phrase = HTTPStatus(answer.status).phrase if answer.status in KNOWN else ""
        response = h11.Response(
            status_code=answer.status,
            headers=[
                (name.encode(), value.encode("latin-1")) for name, value in answer.lines(added)
            ],
            reason=phrase.encode(),
        )
        has_body = answer.status not in BODILESS and not (
            self._head and self._head.method == "HEAD"
        )
        if answer.stream is None:
            body = [h11.Data(data=answer.body)] if answer.body and has_body else []
            await self._write(response, *body, h11.EndOfMessage())
        elif not await self._stream(response, answer.stream, has_body=has_body):
            raise trio.BrokenResourceError("a streamed answer broke off")
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _stream(self, response: h11.Response, stream: BodyStream, *, has_body: bool) -> bool:
        """Send a body as it is made; whether that was all of it."""
        is_complete = False
        try:
            with stream.reading as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch_client, scope)
                    try:
                        await self._write(response)
                        if has_body:
                            async for piece in stream:
                                await self._write(*([h11.Data(data=piece)] if piece else []))
                        await self._write(h11.EndOfMessage())
                        is_complete = True
                    except (ConnectionLost, trio.BrokenResourceError, trio.ClosedResourceError):
                        pass  # the stream has broken off, or the client is gone
                    nursery.cancel_scope.cancel()
        finally:
            stream.close("client" if is_complete else "network")
        return is_complete

    async def _watch_client(self, scope: trio.CancelScope) -> None:
        """Notice that the client leaves."""
        await self.wait_left()
        scope.cancel()

    async def _write(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        for start in range(0, len(data), PIECE):
            with trio.move_on_after(BODY_TIME) as scope:
                await self._transport.send_all(data[start : start + PIECE])
            if scope.cancelled_caught:
                raise trio.BrokenResourceError("the client does not read its answer")

    async def _part(self) -> None:
        """Close so that the client can read the answer: what it still sends is not reset."""
        if self._http.their_state not in {h11.MUST_CLOSE, h11.CLOSED}:
            with trio.move_on_after(LINGER_TIME):
                await self._transport.send_eof()
                while await self._transport.receive_some():
                    pass
        await self._transport.aclose()
