from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.protocol.wire_values import alike, short_values
from trivet.protocol.errors import (
    DecodingError,
    EncodingError,
    GatewayError,
    IncomingTooLong,
    OutgoingTooLong,
    UnsupportedEncoding,
)
from trivet.protocol.gateway import DirectTarget
from trivet.protocol.handshake import (
    CallHeaders,
    SocketOffer,
    call_headers,
    parse_call_headers,
    parse_offer,
    socket_target,
    subprotocols,
    target_of_headers,
)
from trivet.protocol.messages import UNDEFINED, EncodingName

ENCODINGS = st.sampled_from(["bare", "cbor", "json"])
TOKENS = st.text(alphabet="abcXYZ019-_", min_size=1, max_size=43)
# What a header may hold at all (RFC 9110, 5.5), as Latin-1 text.
FIELD_VALUE = set(map(chr, range(0x20, 0x7F))) | set(map(chr, range(0x80, 0x100))) | {"\t"}


@given(ENCODINGS, short_values(dates=False), st.none() | TOKENS, st.booleans())
def test_an_offer_survives(
    encoding: EncodingName, params: object, resume: str | None, skip: bool
) -> None:
    offered = subprotocols(encoding, params=params, resume=resume, skip_ready_wait=skip)
    offer = parse_offer(", ".join(offered))
    assert offer.refusal is None
    # Both speak the extension, which bare has no place for.
    assert offer.extended
    assert offer.encoding == ("cbor" if encoding == "bare" else encoding)
    assert alike(params, offer.params)
    assert offer.skip_ready_wait is skip
    assert offer.resume == resume
    # RFC 6455, 4.1: each is a token.
    assert all(
        set(token) <= set("!#$%&'*+-.^_`|~") | set(map(chr, range(48, 58))) | ASCII
        for token in offered
    )


ASCII = {chr(code) for code in (*range(65, 91), *range(97, 123))}


@given(
    short_values(dates=False),
    ENCODINGS,
    st.booleans(),
    st.none() | st.integers(0, 10**14),
    st.none() | TOKENS,
)
def test_headers_survive(
    params: object, encoding: EncodingName, skip: bool, deadline: int | None, call: str | None
) -> None:
    sent = CallHeaders(encoding, params, skip, deadline, call)
    headers = call_headers(sent)
    assert alike(sent, parse_call_headers(headers))
    assert set("".join(headers.values())) <= FIELD_VALUE - {"\t"}


def test_a_header_has_no_control_characters() -> None:
    sent = CallHeaders(params={"\x7f": "\n\x00\x7f\u00fc\U0001f600"})
    headers = call_headers(sent)
    assert set("".join(headers.values())) <= FIELD_VALUE
    assert parse_call_headers(headers) == sent


OFFICIAL = "rivet, rivet_encoding.json, rivet_conn_params.%7B%22name%22%3A%22bob%22%7D"


@pytest.mark.parametrize(
    ("header", "offer"),
    [
        (OFFICIAL, SocketOffer("rivet", params={"name": "bob"})),
        ("", SocketOffer()),
        ("chat, superchat", SocketOffer()),
        ("rivet", SocketOffer("rivet")),
        ("rivet,rivet_encoding.bare", SocketOffer("rivet", encoding="bare")),
        ("rivet ,\trivet_encoding.cbor", SocketOffer("rivet", encoding="cbor")),
        ("rivet, rivet_encoding.cbor, trivet.1", SocketOffer("trivet.1", encoding="cbor")),
        ("rivet, rivet_encoding.bare, trivet.1", SocketOffer("trivet.1", encoding="cbor")),
        ("rivet, trivet.1", SocketOffer("rivet")),
        ("rivet, trivet_resume.abc", SocketOffer("rivet")),
        (
            "rivet, rivet_encoding.json, trivet.1, trivet_resume.abc",
            SocketOffer("trivet.1", resume="abc"),
        ),
        (
            "rivet, rivet_encoding.bare, rivet_target.actor, rivet_actor.a%2Fb, rivet_token.T",
            SocketOffer("rivet", encoding="bare", routed=True, actor_id="a/b", token="T"),
        ),
        ("rivet, rivet_skip_ready_wait", SocketOffer("rivet", skip_ready_wait=True)),
        (
            "rivet, rivet_encoding.json, rivet_conn.ID, rivet_conn_token.T, rivet_test_ack_hook.U",
            SocketOffer("rivet"),
        ),
        ("rivet, rivet_conn_params.null", SocketOffer("rivet", params=None)),
    ],
)
def test_what_clients_offer(header: str, offer: SocketOffer) -> None:
    assert parse_offer(header) == offer


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("rivet_encoding.xml", UnsupportedEncoding),
        ("rivet_encoding.", UnsupportedEncoding),
        ("rivet_conn_params.%zz", DecodingError),
        ("rivet_conn_params.%ff", DecodingError),
        ("rivet_conn_params.", DecodingError),
        ("rivet_conn_params.%7B", DecodingError),
        ("rivet_conn_params.NaN", DecodingError),
        ("rivet_actor.%zz", DecodingError),
        ("rivet_conn_params.%22" + "x" * 4095 + "%22", IncomingTooLong),
    ],
)
def test_what_is_wrong_is_told_after_the_upgrade(token: str, error: type[Exception]) -> None:
    offer = parse_offer(f"rivet, {token}")
    assert type(offer.refusal) is error
    assert offer.answer == "rivet"
    assert offer.params is UNDEFINED


def test_params_have_a_limit() -> None:
    parse_offer("rivet, rivet_conn_params.%22" + "x" * 4094 + "%22")
    parse_call_headers({"x-rivet-conn-params": '"' + "x" * 4094 + '"'})
    with pytest.raises(IncomingTooLong):
        parse_call_headers({"x-rivet-conn-params": '"' + "x" * 4095 + '"'})
    sends: list[Callable[[object], object]] = [
        lambda params: subprotocols("json", params=params),
        lambda params: call_headers(CallHeaders(params=params)),
    ]
    for send in sends:
        send("x" * 4094)
        with pytest.raises(OutgoingTooLong):
            send("x" * 4095)
        for stranger in (object(), "\ud800"):
            with pytest.raises(EncodingError):
                send(stranger)


@pytest.mark.parametrize("path", ["/connect", "/websocket", "/websocket/a/b"])
def test_a_socket_names_its_actor(path: str) -> None:
    routed = SocketOffer(routed=True, actor_id="abc", token="t")
    assert socket_target(path, routed) == DirectTarget("abc", "t")
    assert socket_target(path, SocketOffer(actor_id="abc")) is None
    with pytest.raises(GatewayError) as caught:
        socket_target(path, SocketOffer(routed=True))
    assert caught.value.code == "missing_header"


@pytest.mark.parametrize(
    "path", ["/", "/connect/x", "/websockets", "/request", "/gateway/a/connect"]
)
def test_other_paths_are_not_for_sockets(path: str) -> None:
    assert socket_target(path, SocketOffer(routed=True, actor_id="abc")) is None


def test_a_request_names_its_actor() -> None:
    headers = {"x-rivet-target": "actor", "x-rivet-actor": "abc"}
    assert target_of_headers("/request", headers) == DirectTarget("abc")
    token = headers | {"x-rivet-token": "t"}
    assert target_of_headers("/request/a", token) == DirectTarget("abc", "t")
    assert target_of_headers("/requests", headers) is None
    assert target_of_headers("/action/a", headers) is None
    assert target_of_headers("/request", {"x-rivet-actor": "abc"}) is None
    for missing in ({}, {"x-rivet-actor": ""}):
        with pytest.raises(GatewayError) as caught:
            target_of_headers("/request", {"x-rivet-target": "actor"} | missing)
        assert caught.value.code == "missing_header"


@pytest.mark.parametrize(
    ("headers", "call"),
    [
        ({}, CallHeaders()),
        ({"x-rivet-encoding": "bare"}, CallHeaders("bare")),
        ({"x-rivet-encoding": "xml"}, CallHeaders("json")),
        ({"x-rivet-conn-params": '{"name":"b\u00f6b"}'}, CallHeaders(params={"name": "b\u00f6b"})),
        ({"x-rivet-skip-ready-wait": "1"}, CallHeaders(skip_ready_wait=True)),
        ({"x-trivet-deadline": "1500", "x-trivet-call": "c"}, CallHeaders(deadline=1500, call="c")),
    ],
)
def test_what_clients_send(headers: dict[str, str], call: CallHeaders) -> None:
    assert parse_call_headers(headers) == call


@pytest.mark.parametrize(
    "headers",
    [
        {"x-rivet-conn-params": "{"},
        {"x-rivet-conn-params": ""},
        {"x-trivet-deadline": "-1"},
        {"x-trivet-deadline": "1.5"},
        {"x-trivet-deadline": "\u0663"},
        {"x-trivet-deadline": "\u00b2"},
        {"x-trivet-deadline": "9" * 16},
        {"x-trivet-call": "x" * 65},
    ],
)
def test_malformed_headers_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(DecodingError):
        parse_call_headers(headers)


@given(
    st.text(),
    st.dictionaries(st.sampled_from(["x-rivet-conn-params", "x-trivet-deadline"]), st.text()),
)
def test_anything_is_read_or_refused(header: str, headers: dict[str, Any]) -> None:
    for offered in (header, f"rivet_conn_params.{header}", f"rivet_actor.{header}"):
        parse_offer(offered)
    try:
        parse_call_headers(headers)
    except (DecodingError, IncomingTooLong):
        pass
