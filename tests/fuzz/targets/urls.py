"""Addresses: gateway URLs, the origin form of a request's target, percent-encoding.

Property: an address is none of the gateway's, is refused with `GatewayError`, or leads to a target
whose own address leads there again, with the actor's part of it unchanged.
"""

from __future__ import annotations

from urllib.parse import quote

import h11

from tests.fuzz.sameness import same
from trivet.declare.keys import InvalidKeyError
from trivet.protocol.errors import EncodingError, GatewayError, OutgoingTooLong
from trivet.protocol.gateway import DirectTarget, gateway_url, parse_gateway
from trivet.protocol.percent import unquote
from trivet.server.head import Head, header_text


def check(data: bytes) -> None:
    """Read the bytes as an address, and as a percent-encoded text."""
    text = data.decode("latin-1")
    _parse(text)
    _parse(_address_in(text))
    assert header_text(text).isascii()
    try:
        decoded = unquote(text)
    except ValueError:
        return
    assert unquote(quote(decoded, safe="")) == decoded


def _parse(address: str) -> None:
    try:
        request = parse_gateway(address)
    except GatewayError:
        return
    if request is None:
        return
    assert request.path.startswith("/")
    try:
        again = parse_gateway(gateway_url(request.target, request.path, request.query))
    except (InvalidKeyError, EncodingError, OutgoingTooLong):
        return  # what is read may be more than this side would write
    assert again is not None
    if isinstance(request.target, DirectTarget) and not request.target.actor_id:
        return
    assert same(again.target, request.target)
    assert (again.path, again.query) == (request.path, request.query)


def _address_in(target: str) -> str:
    request = h11.Request(method="GET", target="/", headers=[("Host", "a")])
    object.__setattr__(request, "target", target.encode("latin-1"))
    return Head.of(request, "peer").address
