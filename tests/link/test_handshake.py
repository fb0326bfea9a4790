from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from websockets.client import ClientProtocol
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from tests.link.peers import shake_hands
from trivet.link.handshake import Handshake, HandshakeRefusal, accept_handshake

Headers = list[tuple[bytes, bytes]]

# The example of RFC 6455, section 1.3.
VALID: Headers = [
    (b"host", b"server.example.com"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)


def changed(**headers: bytes | None) -> Headers:
    """The valid request with other headers; `None` leaves one out."""
    names = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    kept = [(name, value) for name, value in VALID if name not in names]
    return kept + [(name, value) for name, value in names.items() if value is not None]


def judge(
    headers: Headers, *, method: bytes = b"GET", version: bytes = b"1.1"
) -> Handshake | HandshakeRefusal:
    return accept_handshake(method, b"/connect", headers, http_version=version)


def test_a_valid_request_is_accepted() -> None:
    assert judge(VALID) == Handshake(ACCEPTED + b"\r\n", None)


def test_the_chosen_subprotocol_is_named() -> None:
    accepted = accept_handshake(b"GET", b"/", VALID, subprotocol="rivet")
    assert accepted == Handshake(ACCEPTED + b"Sec-WebSocket-Protocol: rivet\r\n\r\n", "rivet")


def test_no_extension_is_negotiated() -> None:
    offer = changed(sec_websocket_extensions=b"permessage-deflate; client_max_window_bits")
    assert judge(offer) == Handshake(ACCEPTED + b"\r\n", None)


def test_names_and_values_are_read_as_loosely_as_http_allows() -> None:
    headers = [(name.title(), value) for name, value in changed(connection=b"keep-alive, UPGRADE")]
    assert isinstance(judge(headers), Handshake)


def test_subprotocols_that_are_no_tokens_are_the_routers_business() -> None:
    offer = changed(sec_websocket_protocol=b"rivet, rivet_token.a=b/c, \xff\x80")
    assert isinstance(judge(offer), Handshake)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (changed(connection=None), 426),
        (changed(connection=b"close"), 426),
        (changed(upgrade=None), 426),
        (changed(upgrade=b"h2c"), 426),
        (changed(sec_websocket_key=None), 400),
        (changed(sec_websocket_key=b"short"), 400),
        (changed(sec_websocket_key=b"c2hvcnQ="), 400),
        ([*VALID, VALID[3]], 400),
        (changed(sec_websocket_version=None), 400),
        (changed(sec_websocket_version=b"8"), 400),
        (changed(connection=b"\xff"), 400),
        (changed(sec_websocket_key=b"\xe9" * 24), 400),
        ([], 426),
    ],
)
def test_an_invalid_request_is_refused(headers: Headers, status: int) -> None:
    refused = judge(headers)
    assert isinstance(refused, HandshakeRefusal)
    assert refused.status == status
    assert (b"Connection", b"close") in refused.headers
    assert (b"Content-Length", b"%d" % len(refused.body)) in refused.headers


def test_other_methods_and_versions_are_refused() -> None:
    post = judge(VALID, method=b"POST")
    assert isinstance(post, HandshakeRefusal)
    assert post.status == 405
    assert (b"Allow", b"GET") in post.headers
    old = judge(VALID, version=b"1.0")
    assert isinstance(old, HandshakeRefusal)
    assert old.status == 505


def test_a_request_for_another_protocol_is_told_which_there_is() -> None:
    refused = judge(changed(upgrade=b"h2c"))
    assert isinstance(refused, HandshakeRefusal)
    assert (b"Upgrade", b"websocket") in refused.headers


NAMES = st.sampled_from([name for name, _ in VALID] + [b"sec-websocket-protocol", b"origin"])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=8), st.binary(max_size=20))
def test_no_bytes_make_it_raise(headers: Headers, target: bytes) -> None:
    accept_handshake(b"GET", target, headers)
    accept_handshake(b"GET", target, VALID + headers)
    accept_handshake(b"GET", target, headers + VALID)


def test_a_client_agrees() -> None:
    client = ClientProtocol(parse_uri("ws://link.test/"))
    client.receive_data(shake_hands(client).response)
    assert client.handshake_exc is None
    assert client.state is OPEN
