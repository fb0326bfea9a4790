"""The request behind a connection, and the types of raw HTTP and raw WebSocket handlers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, Literal

import attrs
from typing_extensions import TypeVar

from trivet.declare.features import not_built

if TYPE_CHECKING:
    from trivet.declare.interfaces import Conn

__all__ = ["Intent", "Request", "Response", "WebSocket", "current_request", "running_request"]

ConnStateT = TypeVar("ConnStateT", default=None)

Intent = Literal["create", "get", "connect", "call", "request", "manage"]
"""What a request wants: the subject of ``authorize``."""


@attrs.frozen(kw_only=True, eq=False)
class Request:
    """What a client sent to be let in: one object for all hooks that decide on a connection.

    Its ``repr`` shows neither headers nor token, so that they get into no log.

    Attributes:
        method: The HTTP method, upper case.
        url: The absolute URL, routing parameters removed, the other bytes kept.
        path: The path as sent, not decoded.
        query: The query as sent, without the question mark.
        headers: Header values by lower-case name; repeated ones joined by a comma.
        body: The complete body; empty in ``authorize``, which comes first.
        peer: The client's address, ``"local"`` for a caller in the same process.
        intent: What the request wants.
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


@attrs.frozen
class Response:
    """The answer of ``on_request``: a body, complete or streamed, with status and headers."""

    body: bytes | AsyncIterator[bytes] = b""
    status: int = attrs.field(default=200, kw_only=True)
    headers: Mapping[str, str] | None = attrs.field(default=None, kw_only=True)

    @classmethod
    def json(cls, value: object, *, status: int = 200) -> Response:
        """Answer with a value as JSON."""
        headers = {"content-type": "application/json"}
        return cls(json.dumps(value).encode(), status=status, headers=headers)


class WebSocket(Generic[ConnStateT]):
    """A raw WebSocket, as ``on_websocket`` gets it."""

    conn: Conn[ConnStateT]
    request: Request
    restored: bool
    message_index: int

    def send(self, message: str | bytes, /) -> None:
        """Put a message into the outbox; it never blocks."""
        not_built("raw WebSockets")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket and wait until it is closed."""
        not_built("raw WebSockets")

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the client's messages until anybody closes the socket."""
        not_built("raw WebSockets")
