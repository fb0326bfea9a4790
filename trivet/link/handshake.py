"""The opening handshake: an HTTP request in, the 101 or a refusal out (RFC 6455, section 4)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import attrs
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

__all__ = ["Handshake", "HandshakeRefusal", "accept_handshake"]

# Nothing else of the request is shown to the library: who may connect, and which subprotocol is
# chosen, was decided before, and extensions are not negotiated.
JUDGED: Final = frozenset({"connection", "upgrade", "sec-websocket-key", "sec-websocket-version"})

NO_HANDSHAKE: Final = b"This is no valid WebSocket handshake.\n"

HeaderList = Iterable[tuple[bytes, bytes]]

# What the library has to say goes into the answer; payloads and peers' mistakes are no log lines.
logger = logging.getLogger(__name__)
logger.setLevel(logging.ERROR)


@attrs.frozen
class Handshake:
    """An accepted handshake.

    Attributes:
        response: The bytes of the 101 response; the link sends them first.
        subprotocol: The subprotocol that the response selects.
    """

    response: bytes
    subprotocol: str | None


@attrs.frozen
class HandshakeRefusal:
    """A request that is no valid handshake, and the response that says so.

    Attributes:
        status: 400, 405, 426 or 505.
        headers: The response's headers, ``Connection: close`` among them.
        body: A line of text for whoever wrote the client.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def accept_handshake(
    method: bytes,
    target: bytes,
    headers: HeaderList,
    *,
    subprotocol: str | None = None,
    http_version: bytes = b"1.1",
) -> Handshake | HandshakeRefusal:
    """Judge an upgrade request as h11 parses it, and make the response.

    Whatever bytes the headers hold, the answer is a value and no exception.

    Args:
        subprotocol: The one to select, among those that the client offers.
    """
    request = Request(
        path=target.decode("latin-1"),
        headers=_judged(headers),
        method=method.decode("latin-1"),
        protocol=f"HTTP/{http_version.decode('latin-1')}",
    )
    response = ServerProtocol(logger=logger).accept(request)
    del response.headers["Date"]  # optional, and the only byte here that depends on a clock
    if response.status_code != 101:
        return _refusal(response)
    if subprotocol is not None:
        response.headers["Sec-WebSocket-Protocol"] = subprotocol
    return Handshake(response.serialize(), subprotocol)


def _judged(headers: HeaderList) -> Headers:
    judged = Headers()
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        if name in JUDGED:
            judged.set_insecure(name, raw_value.decode("latin-1"))
    return judged


def _refusal(response: Response) -> HandshakeRefusal:
    # Not the library's own text, which repeats what the client has sent.
    del response.headers["Content-Length"]
    response.headers["Content-Length"] = str(len(NO_HANDSHAKE))
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers.raw_items()
    ]
    return HandshakeRefusal(response.status_code, headers, NO_HANDSHAKE)
