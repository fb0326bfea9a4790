"""HTTP/1.1 on one connection, by h11, until the client leaves or goes on as a WebSocket.

Rules this file keeps:

1. Nothing a client sends raises out of here; only the end of its connection does. What is malformed
   or late is answered once, and then the connection closes.
2. A request begins when its first byte arrives. From then on its head, its body and the client's
   reading of the answer (``sending``) each have a deadline, and head and body a size.
3. Requests are answered one after the other, in their order. If a body was not read to its end, or
   the server stops, the answer is the last.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Final, Protocol

import attrs
import h11
import trio

from trivet.declare.errors import Error
from trivet.declare.options import Limits
from trivet.link.handshake import Handshake, accept_handshake
from trivet.link.limits import FrameBudget
from trivet.link.transport import Transport
from trivet.link.unfinished import Share
from trivet.protocol.errors import IncomingTooLong
from trivet.protocol.faults import fault_of
from trivet.protocol.handshake import parse_offer
from trivet.server.answers import Answer, refusal
from trivet.server.head import Head
from trivet.server.peers import Proxies
from trivet.server.sending import send_answer
from trivet.server.stopping import Stopping
from trivet.server.upgrade import Upgrade
from trivet.server.wire import BODY_TIME, HttpWire, Unreadable

__all__ = ["HttpConnection", "ReadBody"]

IDLE_TIME: Final = 60.0
"""Seconds that a connection may wait for its next request."""

BODY_RATE: Final = 64 * 1024
"""Bytes of a body that give its client one second more."""

EVENTS_AT_ONCE: Final = 64
"""How many pieces of a body are taken before other tasks get their turn."""

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
        await self.connection.wire.wait_left()


Respond = Callable[[Head, ReadBody], Awaitable[Answer]]


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
        self.wire = HttpWire(transport, limits.request_head)
        self._peer = peer
        self._limits = limits
        self._stopping = stopping
        self._proxies = proxies
        self._max_params = max_params
        self._count = count
        self._budget = budget
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
            if not await send_answer(self.wire, self._head, answer, self._stopping):
                await self.wire.part()
                return None
            self.wire.http.start_next_cycle()
            self._served = True

    # -- the head -----------------------------------------------------------------------------

    async def _receive_head(self) -> Head | None:
        """Return the next request's head, ``None`` if there is none."""
        head_time = self._limits.request_head_time
        deadline = trio.current_time() + head_time
        if not self.wire.buffered:
            if not await self._receive_first_bytes(IDLE_TIME if self._served else head_time):
                return None
            if self._served:
                deadline = trio.current_time() + head_time
        with trio.CancelScope(deadline=deadline):
            return await self._parse_head()
        raise Unreadable("The request did not arrive in time", code="request_timeout")

    async def _receive_first_bytes(self, patience: float) -> bool:
        with trio.move_on_after(patience) as scope:
            with self._stopping.while_idle(scope) if self._served else nullcontext():
                return bool(await self.wire.receive())
        return False

    async def _parse_head(self) -> Head | None:
        while True:
            self._check_head()
            event = self.wire.next_event()
            if isinstance(event, h11.Request):
                return self._checked(event)
            if isinstance(event, h11.ConnectionClosed):
                return None
            await self.wire.receive()

    def _check_head(self) -> None:
        """Refuse a head that is too large before h11 parses it, which takes time for each line."""
        buffered = self.wire.buffered
        ends = (buffered.find(blank) for blank in (b"\n\r\n", b"\n\n"))
        end = min((at for at in ends if at >= 0), default=len(buffered))
        lines = buffered.count(b"\n", 0, end)
        if end > self._limits.request_head or lines > self._limits.request_headers + 1:
            raise Unreadable("The head of the request is too large", code="head_too_large")

    def _checked(self, request: h11.Request) -> Head:
        names = [name for name, _ in request.headers]
        if len(names) > self._limits.request_headers:
            raise Unreadable("The head of the request is too large", code="head_too_large")
        if b"content-length" in names and b"transfer-encoding" in names:
            # Whoever stands between may go by the other one: where this request ends is in doubt.
            raise Unreadable("The body of the request has two lengths", code="bad_request")
        if request.method in UNSERVED:
            raise Unreadable("The server does not take this method", code="method_not_allowed")
        if self._budget is not None and not self._budget.spend(1, trio.current_time()):
            raise Unreadable("Too many requests", group="guard", code="rate_limit")
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
            return Upgrade(head, offer, handshake, self.wire.buffered)
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
        body = bytearray()  # a body of pieces of a byte each takes no more memory than another
        pieces = 0
        with trio.move_on_after(BODY_TIME) as scope:
            began_at = trio.current_time()
            while not isinstance(event := await self.wire.next_body_event(), h11.EndOfMessage):
                body += event.data
                scope.deadline = began_at + BODY_TIME + len(body) / BODY_RATE
                if len(body) > limit:
                    raise IncomingTooLong(len(body), limit)
                self._share.keep(len(body))
                pieces += 1
                if pieces % EVENTS_AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
            return bytes(body)
        raise Unreadable("The body did not arrive in time", code="request_timeout")
