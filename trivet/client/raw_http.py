"""Raw HTTP over the network: ``handle.fetch`` (client protocol, 6.2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from trivet.client.answers import names_actor, stated_error
from trivet.client.endpoint import Endpoint
from trivet.client.http import HttpPool, HttpRequest, HttpResponse, HttpStream
from trivet.client.reconnect import repeat_delay
from trivet.declare.errors import ActionError, Error
from trivet.declare.fetching import StreamedResponse
from trivet.declare.headers import Headers
from trivet.declare.request import Request
from trivet.protocol.close import parse_reason
from trivet.protocol.faults import ERROR_HEADER, Fault, error_of
from trivet.protocol.gateway import GatewayTarget, gateway_url
from trivet.protocol.handshake import CallHeaders, call_headers

__all__ = ["fetch"]

LARGEST_ERROR = 1024 * 1024

REPEATABLE = frozenset({"GET", "HEAD"})

_OF_THE_WAY = frozenset(
    {
        "connection",
        "transfer-encoding",
        "x-rivet-actor",
        "x-rivet-actor-generation",
        "x-rivet-actor-key",
    }
)
"""Headers that say how a response came, and nothing about it."""


@asynccontextmanager
async def fetch(
    endpoint: Endpoint,
    pool: HttpPool,
    route: Callable[[], Awaitable[GatewayTarget]],
    request: Request,
    params: object,
    *,
    creates: bool,
) -> AsyncGenerator[StreamedResponse]:
    """Send a raw HTTP request, again if the actor is not found or not ready yet.

    Args:
        endpoint: The server.
        pool: Sends it requests.
        route: Tells how a URL names the actor.
        request: What to send.
        params: Connection params, as they are sent.
        creates: Whether the actor is created if there is none.

    Raises:
        Error: What the server, or the actor, reports.
    """
    sent = call_headers(CallHeaders("json", params))
    del sent["x-rivet-encoding"]
    headers = {**request.headers, **sent}
    tries = 1
    while True:
        target = endpoint.base_path + gateway_url(
            await route(), f"/request{request.path}", request.query
        )
        repeatable = request.method in REPEATABLE
        http = HttpRequest(request.method, target, headers, request.body, repeatable)
        async with pool.open(http) as response:
            if ERROR_HEADER not in response.headers:
                yield _visible(response)
                return
            answer = HttpResponse(response.status, response.headers, await _body(response))
        error = _stated(answer)
        delay = None if names_actor(answer) else repeat_delay(error, tries, creates=creates)
        if delay is None:
            raise error
        await trio.sleep(delay)
        tries += 1


def _visible(response: HttpStream) -> StreamedResponse:
    headers = Headers(pair for pair in response.headers.pairs if pair[0] not in _OF_THE_WAY)
    return StreamedResponse(response.status, headers, aiter(response))


async def _body(response: HttpStream) -> bytes:
    body = bytearray()
    async for piece in response:
        if len(body) < LARGEST_ERROR:
            body += piece
    return bytes(body)


def _stated(answer: HttpResponse) -> Error:
    """Make the error that an answer states; an answer to HEAD has no more of it than its name."""
    stated = stated_error(answer)
    if stated is not None:
        return stated
    reason = parse_reason(answer.headers[ERROR_HEADER])
    if reason is not None:
        return error_of(Fault(reason.group, reason.code, "The server reports an error"))
    return ActionError(
        f"The server answered with status {answer.status}, and not why",
        group="rivetkit",
        code="internal_error",
        metadata={"status": answer.status},
    )
