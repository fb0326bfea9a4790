"""The bytes of one HTTP connection: h11's state beside the transport that feeds it.

Rules this file keeps:

1. What arrives is h11's, up to the bound of what a client may send before it is asked. Behind that
   it is thrown away, and nothing of it is answered: only so its end is seen, too.
2. A client that closes its sending half has left, unless it has done so before it was answered:
   then it has said all, and reads on.
"""

from __future__ import annotations

from typing import Final

import h11
import trio

from trivet.link.transport import Transport
from trivet.server.answers import RequestError

__all__ = ["HttpWire", "Unreadable"]

BODY_TIME: Final = 30.0
"""Seconds for a body to arrive, and for each piece of an answer to be taken."""

PIECE: Final = 64 * 1024
"""Bytes that a client has that time to take."""

LINGER_TIME: Final = 1.0
"""Seconds in which a client may still send what is not read before the socket closes."""

MOST_IGNORED: Final = 16 * 1024 * 1024
"""Bytes that are thrown away; a client that sends more behind a request does not wait for it."""


class Unreadable(RequestError):
    """What arrives is no request, or comes too late: there is nothing to go on with."""


class HttpWire:
    """One client's connection.

    Args:
        transport: Its stream.
        most_ahead: Bytes that it may send behind a request that is still being answered.

    Attributes:
        http: What h11 knows of it.
        transport: Its stream.
    """

    def __init__(self, transport: Transport, most_ahead: int) -> None:
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=most_ahead)
        self.transport = transport
        self._most_ahead = most_ahead
        self._ignored = 0

    @property
    def buffered(self) -> bytes:
        """What has arrived and is not read yet."""
        return self.http.trailing_data[0]

    @property
    def may_go_on(self) -> bool:
        """Whether another request may follow, as far as is known."""
        return not self._ignored

    async def receive(self) -> bytes:
        """Take more of what arrives; empty at its end."""
        data = await self.transport.receive_some()
        self.http.receive_data(data)
        return data

    def next_event(self) -> object:
        """Return what has arrived next.

        Raises:
            Unreadable: If it is no HTTP.
        """
        try:
            return self.http.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                message, code = "The head of the request is too large", "head_too_large"
            else:
                message, code = "The request is no well-formed HTTP/1.1", "bad_request"
            raise Unreadable(message, code=code) from None

    async def next_body_event(self) -> h11.Data | h11.EndOfMessage:
        """Wait for a piece of a body, or for its end."""
        while True:
            event = self.next_event()
            if isinstance(event, h11.Data | h11.EndOfMessage):
                return event
            if self.http.they_are_waiting_for_100_continue:
                await self.write(h11.InformationalResponse(status_code=100, headers=[]))
            await self.receive()

    def is_read(self) -> bool:
        """Whether the request has arrived completely; what is left of it is skipped if it has."""
        try:
            while self.http.their_state is h11.SEND_BODY:
                if self.http.next_event() is h11.NEED_DATA:
                    return False
        except h11.RemoteProtocolError:
            return False
        return self.http.their_state is not h11.ERROR

    async def wait_left(self) -> bool:
        """Wait until the client has closed its end, or lost it, while its request is answered.

        What it sends meanwhile is its next request.

        Returns:
            Whether it may still read.
        """
        try:
            while await self._receive_ahead():
                if self._ignored > MOST_IGNORED:
                    return False
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True

    async def _receive_ahead(self) -> bool:
        if not self._ignored and len(self.buffered) < self._most_ahead:
            return bool(await self.receive())
        data = await self.transport.receive_some()
        self._ignored += len(data)
        return bool(data)

    async def write(self, *events: h11.Event) -> None:
        """Send events.

        Raises:
            trio.BrokenResourceError: If the client is gone, or does not read.
        """
        data = b"".join(self.http.send(event) or b"" for event in events)
        for start in range(0, len(data), PIECE):
            with trio.move_on_after(BODY_TIME) as scope:
                await self.transport.send_all(data[start : start + PIECE])
            if scope.cancelled_caught:
                raise trio.BrokenResourceError("the client does not read its answer")

    async def part(self) -> None:
        """Close so that the client can read the answer: what it still sends is not reset."""
        if self.http.their_state not in {h11.MUST_CLOSE, h11.CLOSED}:
            with trio.move_on_after(LINGER_TIME):
                await self.transport.send_eof()
                while await self.transport.receive_some():
                    pass
        await self.transport.aclose()
