"""The request behind a connection or a call, as an actor's hooks see it."""

from __future__ import annotations

import attrs

from trivet.declare.request import Intent, Request
from trivet.runtime.namespaces import DEFAULT
from trivet.server.head import Head

__all__ = ["raw_request_of", "request_of", "token_of"]

ORIGINAL_URL = "x-rivet-internal-original-request-url"
"""Where official clients say which URL was asked for, if it was one and not a path."""


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
    head: Head,
    path: str,
    query: str,
    *,
    intent: Intent,
    namespace: str = DEFAULT,
    secure: bool,
    token: str | None = None,
) -> Request:
    """Describe a request.

    Args:
        head: What the client sent.
        path: The path behind the gateway's prefix, as it was sent.
        query: The query without the gateway's parameters, as it was sent.
        intent: What the request wants.
        namespace: Where its actor is.
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
        namespace=namespace,
        token=token_of(head, token),
    )


def raw_request_of(request: Request, prefix: str) -> Request:
    """Describe a request as the actor sees it that handles it itself.

    Args:
        request: The request, its path as it was routed.
        prefix: What its path begins with before the actor's own.
    """
    path = request.path.removeprefix(prefix) or "/"
    address = f"{path}?{request.query}" if request.query else path
    host = request.url.removesuffix(_address_of(request))
    original = request.headers.get(ORIGINAL_URL, "")
    is_absolute = original.startswith(("http://", "https://")) and original.isascii()
    return attrs.evolve(request, path=path, url=original if is_absolute else f"{host}{address}")


def _address_of(request: Request) -> str:
    return f"{request.path}?{request.query}" if request.query else request.path
