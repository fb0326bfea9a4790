"""The request behind a connection or a call, as an actor's hooks see it."""

from __future__ import annotations

from trivet.declare.request import Intent, Request
from trivet.server.head import Head

__all__ = ["request_of"]


def request_of(
    head: Head, path: str, query: str, *, intent: Intent, secure: bool, body: bytes = b""
) -> Request:
    """Describe a request.

    Args:
        head: What the client sent.
        path: The path behind the gateway's prefix, as it was sent.
        query: The query without the gateway's parameters, as it was sent.
        intent: What the request wants.
        secure: Whether it came over TLS.
        body: Its body.
    """
    scheme = "https" if secure else "http"
    address = f"{path}?{query}" if query else path
    return Request(
        method=head.method,
        url=f"{scheme}://{head.headers.get('host', 'localhost')}{address}",
        path=path,
        query=query,
        headers=head.headers,
        body=body,
        peer=head.peer,
        intent=intent,
    )
