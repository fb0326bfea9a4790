"""Sending one HTTP answer, whole or as it is made.

Rules this file keeps:

1. A body that is streamed and breaks off ends its connection without an end of the body, so that
   nobody takes it for complete. To a client of HTTP/1.0 any end is one: there it is reset.
2. A client that leaves, or does not read, ends the stream. One that has closed its sending half
   before it was answered reads on, as long as there is something for it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import h11
import trio

from trivet.declare.errors import ConnectionLost
from trivet.runtime.body_stream import BodyStream
from trivet.server.answers import Answer
from trivet.server.head import Head
from trivet.server.stopping import Stopping
from trivet.server.wire import BODY_TIME, HttpWire

__all__ = ["send_answer"]

BODILESS: Final = frozenset({204, 304})
"""Statuses of answers that have no body, and say nothing about its length."""

KNOWN: Final = frozenset(HTTPStatus)
"""Statuses that have a name."""


async def send_answer(
    wire: HttpWire, head: Head | None, answer: Answer, stopping: Stopping
) -> bool:
    """Send an answer.

    Args:
        wire: The client's connection.
        head: The request, if it could be read.
        answer: The answer.
        stopping: Says whether it is the last one.

    Returns:
        Whether another request may follow.

    Raises:
        trio.BrokenResourceError: If the client is gone, or a streamed body has broken off.
    """
    is_last = head is None or not wire.is_read() or not wire.may_go_on or stopping.begun
    response = _response(answer, is_last=is_last)
    has_body = answer.status not in BODILESS and not (head and head.method == "HEAD")
    if answer.stream is None:
        body = [h11.Data(data=answer.body)] if answer.body and has_body else []
        await wire.write(response, *body, h11.EndOfMessage())
    elif not await _Streaming(wire, answer.stream).send(response, has_body=has_body):
        if head is not None and head.request.http_version < b"1.1":
            await wire.transport.reset()
        raise trio.BrokenResourceError("a streamed answer broke off")
    http = wire.http
    return wire.may_go_on and http.our_state is h11.DONE and http.their_state is h11.DONE


def _response(answer: Answer, *, is_last: bool) -> h11.Response:
    added: dict[str, str] = {}
    if answer.stream is None and answer.status not in BODILESS:
        added["content-length"] = str(len(answer.body))
    if is_last:
        added["connection"] = "close"
    phrase = HTTPStatus(answer.status).phrase if answer.status in KNOWN else ""
    return h11.Response(
        status_code=answer.status,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in answer.lines(added)],
        reason=phrase.encode(),
    )


class _Streaming:
    """One body on its way."""

    def __init__(self, wire: HttpWire, stream: BodyStream) -> None:
        self._wire = wire
        self._stream = stream
        self._has_sent = False
        self._has_said_all = False  # the client has closed its sending half before it was answered

    async def send(self, response: h11.Response, *, has_body: bool) -> bool:
        """Send a body as it is made; whether that was all of it."""
        is_complete = False
        try:
            with self._stream.reading:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch_client, nursery.cancel_scope)
                    try:
                        await self._wire.write(response)
                        if has_body:
                            await self._send_pieces(nursery.cancel_scope)
                        await self._wire.write(h11.EndOfMessage())
                        is_complete = True
                    except (ConnectionLost, trio.BrokenResourceError, trio.ClosedResourceError):
                        pass  # the stream has broken off, or the client is gone
                    nursery.cancel_scope.cancel()
        finally:
            self._stream.close("client" if is_complete else "network")
        return is_complete

    async def _send_pieces(self, scope: trio.CancelScope) -> None:
        async for piece in self._stream:
            await self._wire.write(*([h11.Data(data=piece)] if piece else []))
            self._has_sent = True
            if self._has_said_all:
                scope.deadline = trio.current_time() + BODY_TIME

    async def _watch_client(self, scope: trio.CancelScope) -> None:
        """Notice that the client leaves."""
        has_said_all = await self._wire.wait_left()
        if self._has_sent or not has_said_all:
            scope.cancel()
        else:
            # Whether it reads on, the next pieces show: it must not be waited for in vain.
            self._has_said_all = True
            scope.deadline = trio.current_time() + BODY_TIME
