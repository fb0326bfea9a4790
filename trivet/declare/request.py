"""The request behind a connection, a call, a raw HTTP request or a raw WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Literal

import attrs

__all__ = ["Intent", "Request", "current_request", "running_request"]

Intent = Literal["create", "get", "connect", "call", "request", "manage"]
"""What a request wants: the subject of ``authorize``."""


@attrs.frozen(kw_only=True, eq=False)
class Request:
    """What a client sent to be let in: one object for all hooks that decide on a connection.

    Its ``repr`` shows neither headers nor token, so that they get into no log.

    Attributes:
        method: The HTTP method, upper case.
        url: The absolute URL, routing parameters removed, the other bytes kept.
        path: The path as sent, not decoded, the same in every hook: of a raw request or WebSocket the
            actor's own, of a call ``/action/NAME``, of a connection ``/connect``.
        query: The query as sent, without the question mark.
        headers: Header values by lower-case name; repeated ones joined by a comma.
        body: The complete body; empty in ``authorize``, which comes first.
        peer: The client's address, ``"local"`` for a caller in the same process.
        intent: What the request wants.
        namespace: Where the actor is, or is to be; ``"default"`` for whoever names none. A request by
            the actor's id need not name it: ``authorize`` says how it is asked then, and the other
            hooks see the actor's.
        token: The token that the client was made with, however it was sent.
        notes: A place where one hook leaves what it found for the next.
    """

    method: str = "GET"
    url: str = "trivet://local/"
    path: str = "/"
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    peer: str = "local"
    intent: Intent = "connect"
    namespace: str = "default"
    token: str | None = attrs.field(default=None, repr=False)
    notes: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)


running_request: ContextVar[Request] = ContextVar("trivet.request")
"""The request whose connect hooks run; set by the runtime."""


def current_request() -> Request:
    """Return the request behind the connect hook that is running.

    Raises:
        LookupError: Outside ``on_before_connect``, ``create_conn_state`` and ``on_connect``.
    """
    try:
        return running_request.get()
    except LookupError:
        message = "current_request() answers inside the connect hooks of a connection only"
        raise LookupError(message) from None
