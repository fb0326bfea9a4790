"""The head of a request: HTTP, the upgrade and the offer of subprotocols.

Property: h11 refuses the head, or everything in it is judged by a value: the handshake is accepted
or refused, the offer's mistake is in the offer, and headers raise `RemoteProtocolError` at most.
"""

from __future__ import annotations

from typing import Final

import h11

from trivet.link.handshake import Handshake, accept_handshake
from trivet.protocol.errors import GatewayError, RemoteProtocolError
from trivet.protocol.gateway import parse_gateway
from trivet.protocol.handshake import (
    EXTENSION,
    SUBPROTOCOL,
    parse_call_headers,
    parse_offer,
    socket_target,
    target_of_headers,
)
from trivet.server.head import Head

STATUSES: Final = {400, 405, 426, 505}


def check(data: bytes) -> None:
    """Read the bytes as a request's head, and as an offer of subprotocols."""
    _offer(data.decode("latin-1"))
    request = _request(data)
    if request is None:
        return
    head = Head.of(request, "peer")
    answer = _offer(head.headers.get("sec-websocket-protocol", ""))
    handshake = accept_handshake(
        request.method,
        request.target,
        request.headers,
        subprotocol=answer,
        http_version=request.http_version,
    )
    if isinstance(handshake, Handshake):
        assert handshake.response.startswith(b"HTTP/1.1 101 ")
        assert handshake.response.endswith(b"\r\n\r\n")
        assert head.wants_websocket
    else:
        assert handshake.status in STATUSES
    _headers(head)


def _request(data: bytes) -> h11.Request | None:
    http = h11.Connection(h11.SERVER)
    http.receive_data(data)
    try:
        event = http.next_event()
    except h11.RemoteProtocolError:
        return None
    return event if isinstance(event, h11.Request) else None


def _offer(header: str) -> str | None:
    offer = parse_offer(header)
    assert offer.answer in {None, SUBPROTOCOL, EXTENSION}
    for path in ("/connect", "/websocket/a", "/"):
        try:
            socket_target(path, offer)
        except GatewayError:
            pass
    return offer.answer


def _headers(head: Head) -> None:
    try:
        parse_gateway(head.address)
        target_of_headers(head.path, head.headers)
        parse_call_headers(head.headers)
    except RemoteProtocolError:
        pass
