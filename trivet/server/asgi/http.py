"""One HTTP request of an ASGI server, written down as HTTP/1.1 for trivet's own."""

from __future__ import annotations

from typing import Final

import h11
import trio

from trivet.runtime.nursery import open_service_nursery
from trivet.server.asgi.messages import (
    Message,
    Receive,
    Scope,
    Send,
    address_of,
    passed_on,
)

__all__ = ["bridge_request"]

READ_SIZE: Final = 64 * 1024


async def bridge_request(
    scope: Scope, receive: Receive, send: Send, stream: trio.abc.Stream
) -> None:
    """Carry a request to a server and its response back.

    Args:
        scope: The request.
        receive: Gets its body.
        send: Takes the response.
        stream: To the server; closed in the end.

    Raises:
        h11.RemoteProtocolError: If the server ends the response before it is complete.
        trio.BrokenResourceError: If it breaks the stream instead.
    """
    http = h11.Connection(h11.CLIENT)
    async with stream:
        # Only with its first message it is known whether there is a body.
        first = await receive()
        if first["type"] == "http.disconnect":
            return
        try:
            request = _request(scope, first)
        except h11.LocalProtocolError:
            await _send_empty(send, 400)  # the ASGI server has let something through
            return
        async with open_service_nursery() as nursery:
            nursery.start_soon(_upload, http, request, first, receive, stream, nursery)
            await _download(http, send, stream)
            nursery.cancel_scope.cancel()


def _request(scope: Scope, first: Message) -> h11.Request:
    headers = passed_on(scope["headers"])
    names = {name for name, _ in headers}
    if b"host" not in names:
        headers.append((b"host", b"localhost"))
    if b"content-length" not in names and (first.get("body") or first.get("more_body")):
        headers.append((b"transfer-encoding", b"chunked"))
    headers.append((b"connection", b"close"))
    return h11.Request(method=scope["method"], target=address_of(scope), headers=headers)


async def _upload(
    http: h11.Connection,
    request: h11.Request,
    message: Message,
    receive: Receive,
    stream: trio.abc.Stream,
    nursery: trio.Nursery,
) -> None:
    """Send the request; a client that leaves ends everything about it."""
    try:
        await stream.send_all(http.send(request) or b"")
        while message["type"] == "http.request":
            if message.get("body"):
                await stream.send_all(http.send(h11.Data(data=message["body"])) or b"")
            if not message.get("more_body", False):
                await stream.send_all(http.send(h11.EndOfMessage()) or b"")
            message = await receive()
    except trio.BrokenResourceError:
        return  # the server has answered, and wants no more of the body
    except h11.LocalProtocolError:
        pass  # the body is not as long as it was said to be: nobody may take it for complete
    nursery.cancel_scope.cancel()


async def _download(http: h11.Connection, send: Send, stream: trio.abc.Stream) -> None:
    """Pass the response on, piece by piece, as the client takes it."""
    data = bytes(await stream.receive_some(READ_SIZE))
    if not data:
        # The client's address has no place left.
        await _send_empty(send, 503)
        return
    http.receive_data(data)
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(READ_SIZE)))
        elif isinstance(event, h11.Response):
            start = {"type": "http.response.start", "status": event.status_code}
            await send({**start, "headers": passed_on(event.headers)})
        elif isinstance(event, h11.Data):
            part = {"type": "http.response.body", "body": bytes(event.data)}
            await send({**part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_empty(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
