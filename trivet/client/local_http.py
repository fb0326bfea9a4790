"""Raw HTTP within the process: the same semantics as over a network, without a byte of HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from trivet.declare.definition import Definition
from trivet.declare.fetching import StreamedResponse
from trivet.declare.handle import Address
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.protocol.errors import IncomingTooLong, OutgoingTooLong
from trivet.protocol.faults import error_of, fault_of
from trivet.runtime.body_stream import BodyStream
from trivet.runtime.call import InstanceMoved
from trivet.runtime.raw_request import ask_request
from trivet.runtime.runtime import Runtime

__all__ = ["fetch_here"]


@asynccontextmanager
async def fetch_here(
    runtime: Runtime, definition: Definition, address: Address, request: Request, params: Any
) -> AsyncGenerator[StreamedResponse]:
    """Let an actor of this process answer a request.

    Args:
        runtime: Where the actor lives.
        definition: Its class.
        address: Which actor.
        request: The request.
        params: Connection params, not yet checked.

    Raises:
        Error: What the actor's side reports.
    """
    await trio.lowlevel.checkpoint()
    response = await _answer(runtime, definition, address, request, params)
    stream = response.body if isinstance(response.body, BodyStream) else None
    is_sent = request.method != "HEAD" and response.status not in {204, 304}
    try:
        pieces = aiter(stream) if stream is not None and is_sent else _Whole(response, is_sent)
        yield StreamedResponse(response.status, response.headers, pieces)
    finally:
        if stream is not None:
            stream.close()


async def _answer(
    runtime: Runtime, definition: Definition, address: Address, request: Request, params: Any
) -> Response:
    if request.method == "OPTIONS":
        return Response(status=204)
    if "on_request" not in definition.hooks:
        return Response(status=404)
    limit = runtime.limits_of(definition).request_body
    if len(request.body) > limit:
        raise _told(IncomingTooLong(len(request.body), limit))
    checked = definition.params_from_caller(params) if definition.runs_call_hooks else None
    while True:
        instance = await runtime.directory.awake(definition, address)
        try:
            response = await ask_request(instance, request, checked)
        except InstanceMoved:
            continue
        if isinstance(response.body, bytes) and len(response.body) > limit:
            raise _told(OutgoingTooLong(len(response.body), limit))
        return response


def _told(error: Exception) -> Exception:
    """Return an error as it would arrive over a network."""
    return error_of(fault_of(error, where="a request within the process"))


class _Whole:
    """A complete body as one piece."""

    def __init__(self, response: Response, is_sent: bool) -> None:
        self._body = response.body if is_sent and isinstance(response.body, bytes) else b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        body, self._body = self._body, b""
        if not body:
            raise StopAsyncIteration
        return body
