"""The request behind a connection or a call, as an actor's hooks see it."""

from __future__ import annotations

from trivet.declare.request import Intent, Request
from trivet.server.head import Head

__all__ = ["request_of", "token_of"]


def token_of(head: Head, carried: str | None = None) -> str | None:
    """Return the token of a client.

    Args:
        head: What it sent: ``Authorization: Bearer`` and ``x-rivet-token`` carry one.
        carried: The one in its address or its subprotocols.
    """
    scheme, _, bearer = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer:
        return bearer.strip()
    return head.headers.get("x-rivet-token") or carried


def request_of(
    head: Head, path: str, query: str, *, intent: Intent, secure: bool, token: str | None = None
) -> Request:
    """Describe a request.

    Args:
        head: What the client sent.
        path: The path behind the gateway's prefix, as it was sent.
        query: The query without the gateway's parameters, as it was sent.
        intent: What the request wants.
        secure: Whether it came over TLS.
        token: The token in its address or its subprotocols.
    """
    scheme = "https" if secure else "http"
    address = f"{path}?{query}" if query else path
    return Request(
        method=head.method,
        url=f"{scheme}://{head.headers.get('host', 'localhost')}{address}",
        path=path,
        query=query,
        headers=head.headers,
        peer=head.peer,
        intent=intent,
        token=token_of(head, token),
    )
