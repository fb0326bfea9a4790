"""Raw HTTP from the caller's side: what ``handle.fetch`` sends and gives."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

import attrs

from trivet.declare.errors import Error
from trivet.declare.headers import Headers, checked_headers, is_token
from trivet.declare.request import Request

__all__ = ["LONGEST_BODY", "Fetch", "FetchedResponse", "StreamedResponse", "fetch_request"]

LONGEST_BODY = 32 * 1024 * 1024
"""The most bytes of a body that are read into one piece."""

_UNSERVED = frozenset({"CONNECT", "TRACE"})
_ADDRESS = re.compile(r"[!$-~]*")  # printable ASCII, and neither a quote nor a fragment


@attrs.frozen
class FetchedResponse:
    """A complete response of an actor.

    Attributes:
        headers: By lower-case name; ``headers.get_all`` has each value of one that repeats.
    """

    status: int
    headers: Headers
    body: bytes = attrs.field(repr=False)

    @property
    def text(self) -> str:
        """The body as UTF-8; what is none is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return what the body says in JSON.

        Raises:
            ValueError: If it is none.
        """
        return json.loads(self.body)


@attrs.frozen
class StreamedResponse:
    """A response of an actor, of which the body is still to come: iterate over its pieces.

    Attributes:
        headers: By lower-case name; ``headers.get_all`` has each value of one that repeats.
    """

    status: int
    headers: Headers
    _pieces: AsyncIterator[bytes] = attrs.field(repr=False)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the body; ``ConnectionLost`` says that it broke off."""
        return self._pieces

    async def read(self) -> bytes:
        """Read what is left of the body.

        Raises:
            ConnectionLost: If it broke off.
            Error: ``message.incoming_too_long`` if it is longer than 32 MiB.
        """
        body = bytearray()
        async for piece in self._pieces:
            body += piece
            if len(body) > LONGEST_BODY:
                metadata = {"size": len(body), "limit": LONGEST_BODY}
                message = "Incoming message too long"
                raise Error(message, group="message", code="incoming_too_long", metadata=metadata)
        return bytes(body)


class Fetch:
    """A raw HTTP request to an actor, not yet sent.

    ``await`` sends it and reads the whole response; ``async with`` sends it and gives the response
    as soon as its head is there.
    """

    def __init__(self, send: Callable[[], AbstractAsyncContextManager[StreamedResponse]]) -> None:
        self._send = send
        self._sent: AbstractAsyncContextManager[StreamedResponse] | None = None

    def __await__(self) -> Generator[Any, Any, FetchedResponse]:
        return self._fetch().__await__()

    async def __aenter__(self) -> StreamedResponse:
        self._sent = self._send()
        return await self._sent.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool | None:
        assert self._sent is not None
        return await self._sent.__aexit__(kind, error, traceback)

    async def _fetch(self) -> FetchedResponse:
        async with self._send() as response:
            body = await response.read()
        return FetchedResponse(response.status, response.headers, body)


def fetch_request(
    path: str, method: str, headers: Mapping[str, str] | None, body: bytes
) -> Request:
    """Describe what is fetched.

    Raises:
        TypeError: If a header is no text.
        ValueError: If the path, the method or a header cannot be sent.
    """
    if not is_token(method) or method in _UNSERVED:
        raise ValueError(f"{method!r} is no method that an actor can be asked with")
    if _ADDRESS.fullmatch(path) is None:
        raise ValueError("a path must be percent-encoded, and has no fragment")
    path, _, query = path.partition("?")
    path = path if path.startswith("/") else f"/{path}"
    address = f"{path}?{query}" if query else path
    return Request(
        method=method,
        url=f"trivet://local{address}",
        path=path,
        query=query,
        headers=checked_headers(headers),
        body=body,
        intent="request",
    )
