from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import cbor2
import pytest
from hypothesis import given, strategies as st

from tests.protocol.wire_values import alike, short_values
from trivet.declare.keys import InvalidKeyError
from trivet.protocol.errors import GatewayError, OutgoingTooLong
from trivet.protocol.gateway import (
    DirectTarget,
    GatewayRequest,
    GatewayTarget,
    QueryTarget,
    gateway_url,
    parse_gateway,
)
from trivet.protocol.messages import UNDEFINED

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=64)
PARTS = st.text(min_size=1, max_size=30).filter(lambda part: "," not in part)
KEYS = st.lists(PARTS, max_size=4).map(tuple)
WORDS = st.text(min_size=1, max_size=20)
PATHS = st.lists(st.text(alphabet="ab%20.-@", min_size=1, max_size=5), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
QUERIES = st.lists(st.text(alphabet="ab=%2+&?/@", max_size=9), max_size=3).map("&".join)
TARGETS: st.SearchStrategy[GatewayTarget] = st.one_of(
    st.builds(DirectTarget, WORDS, st.none() | WORDS),
    st.builds(
        QueryTarget,
        NAMES,
        KEYS,
        namespace=WORDS,
        token=st.none() | st.text(max_size=20),
        skip_ready_wait=st.booleans(),
    ),
    st.builds(
        QueryTarget,
        NAMES,
        KEYS,
        create=st.just(True),
        input=short_values(),
        namespace=WORDS,
        pool=WORDS,
        region=st.none() | WORDS,
        crash_policy=st.sampled_from([None, "sleep", "restart", "destroy"]),
    ),
)


@given(TARGETS, PATHS, QUERIES)
def test_an_address_survives_and_leaves_the_actors_part_alone(
    target: GatewayTarget, path: str, query: str
) -> None:
    got = parse_gateway(gateway_url(target, path, query))
    assert got is not None
    assert alike(target, got.target)
    assert (got.path, got.query) == (path, query)


OFFICIAL = (
    "/gateway/chat/action/say?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default"
    "&rvt-key=room%2Cjson&rvt-input=uQABZWhlbGxvAQ&rvt-crash-policy=sleep"
)


def test_what_the_official_client_sends() -> None:
    target = QueryTarget(
        "chat",
        ("room", "json"),
        create=True,
        input={"hello": 1},
        pool="default",
        crash_policy="sleep",
    )
    assert parse_gateway(OFFICIAL) == GatewayRequest(target, "/action/say", "")
    # The same but for the form of the input's map.
    ours = gateway_url(target, "/action/say")
    assert ours == OFFICIAL.replace("uQABZWhlbGxvAQ", "oWVoZWxsbwE")


def get(rest: str = "", *, name: str = "chat") -> str:
    return f"/gateway/{name}/x?rvt-namespace=n&rvt-method=get{rest}"


def make(rest: str = "") -> str:
    return f"/gateway/chat/x?rvt-namespace=n&rvt-method=getOrCreate{rest}"


ADDRESSES: dict[str, GatewayTarget] = {
    "/gateway/abc": DirectTarget("abc"),
    "/gateway/abc/": DirectTarget("abc"),
    "/gateway/abc@tok/x": DirectTarget("abc", "tok"),
    "/gateway/abc@t%40o%2Fk/x": DirectTarget("abc", "t@o/k"),
    "/gateway/a%2Fb/x": DirectTarget("a/b"),
    "/gateway/abc/x?key=1": DirectTarget("abc"),
    get(): QueryTarget("chat", namespace="n"),
    get("&rvt-key="): QueryTarget("chat", namespace="n"),
    get("&rvt-key=a%2C+b"): QueryTarget("chat", ("a", " b"), namespace="n"),
    get("&rvt-key=a,,"): QueryTarget("chat", ("a", "", ""), namespace="n"),
    get("&rvt-token=t%2B"): QueryTarget("chat", namespace="n", token="t+"),
    get("&rvt-skip-ready-wait=1"): QueryTarget("chat", namespace="n", skip_ready_wait=True),
    get("&rvt-skip-ready-wait=false"): QueryTarget("chat", namespace="n"),
    get(name="a%40b%20c"): QueryTarget("a@b c", namespace="n"),
    make("&rvt-pool=p"): QueryTarget("chat", create=True, namespace="n", pool="p"),
    make("&rvt-runner=p&rvt-region=eu"): QueryTarget(
        "chat", create=True, namespace="n", pool="p", region="eu"
    ),
}


@pytest.mark.parametrize(("address", "target"), ADDRESSES.items())
def test_addresses(address: str, target: GatewayTarget) -> None:
    got = parse_gateway(address)
    assert got is not None
    assert got.target == target


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/",
        "/gateway",
        "/gateway/",
        "/gateway/?x=1",
        "/gateway/@token/x",
        "/gatewayx/abc",
        "/gateway//x",
        "/gateway/abc//x",
        "/gateway/abc/x//",
        "/actors?rvt-method=get",
        "gateway/abc",
    ],
)
def test_no_gateway_address(address: str) -> None:
    assert parse_gateway(address) is None


@pytest.mark.parametrize(
    ("address", "path", "query"),
    [
        ("/gateway/abc", "/", ""),
        ("/gateway/abc?a=1", "/", "a=1"),
        ("/gateway/abc/x/?", "/x/", ""),
        ("/gateway/abc/a%2Fb?x=//&y=%zz", "/a%2Fb", "x=//&y=%zz"),
        (get("&a=%20+%zz&&b"), "/x", "a=%20+%zz&&b"),
        ("/gateway/chat/x?a=1&rvt-namespace=n&b=2&rvt-method=get&c", "/x", "a=1&b=2&c"),
        ("/gateway/abc/x?rvt%2Dkey=1", "/x", "rvt%2Dkey=1"),
        ("/gateway/abc/x?RVT-key=1&xrvt-key=2", "/x", "RVT-key=1&xrvt-key=2"),
    ],
)
def test_the_actor_sees_every_other_byte(address: str, path: str, query: str) -> None:
    got = parse_gateway(address)
    assert got is not None
    assert (got.path, got.query) == (path, query)


TOO_LONG = urlsafe_b64encode(cbor2.dumps("x" * 4094)).rstrip(b"=").decode()

REFUSED = {
    "/gateway/chat/x?rvt-method=get": "query_invalid_params",
    "/gateway/chat/x?rvt-namespace=n": "query_invalid_params",
    "/gateway/chat/x?rvt-namespace=&rvt-method=get": "query_invalid_params",
    "/gateway/chat/x?rvt-namespace=n&rvt-method=create": "query_invalid_params",
    get("&rvt-other=1"): "query_invalid_params",
    get("&rvt-"): "query_invalid_params",
    get("&rvt-skip-ready-wait=yes"): "query_invalid_params",
    get(name="a" * 65): "query_invalid_params",
    get("&rvt-key=" + "a" * 129): "query_invalid_params",
    get("&rvt-key=" + "a," * 600): "query_invalid_params",
    make("&rvt-runner=p&rvt-crash-policy=explode"): "query_invalid_params",
    get("&rvt-key=a&rvt-key=a"): "query_duplicate_param",
    get("&rvt-method=get"): "query_duplicate_param",
    make("&rvt-runner=p&rvt-pool=p"): "query_duplicate_param",
    get("&rvt-input=9g"): "query_get_disallowed_params",
    get("&rvt-region=eu"): "query_get_disallowed_params",
    get("&rvt-crash-policy=sleep"): "query_get_disallowed_params",
    get("&rvt-runner=p"): "query_get_disallowed_params",
    make(): "query_missing_pool",
    make("&rvt-runner="): "query_missing_pool",
    get(name="chat@token"): "query_path_token_syntax",
    "/gateway/?rvt-namespace=n&rvt-method=get": "query_empty_actor_name",
    make("&rvt-runner=p&rvt-input=9g=="): "query_invalid_base64_input",
    make("&rvt-runner=p&rvt-input=a"): "query_invalid_base64_input",
    make("&rvt-runner=p&rvt-input=%2B%2F"): "query_invalid_base64_input",
    make("&rvt-runner=p&rvt-input="): "query_invalid_cbor_input",
    make("&rvt-runner=p&rvt-input=_w"): "query_invalid_cbor_input",
    make("&rvt-runner=p&rvt-input=" + TOO_LONG): "query_invalid_cbor_input",
    get("&rvt-key=%zz"): "query_invalid_percent_encoding",
    get("&rvt-key=%ff"): "query_invalid_percent_encoding",
    get(name="%f"): "query_invalid_percent_encoding",
    "/gateway/%zz/x": "query_invalid_percent_encoding",
    "/gateway/abc@%ff/x": "query_invalid_percent_encoding",
}


@pytest.mark.parametrize(("address", "code"), REFUSED.items())
def test_wrong_addresses_say_what_is_wrong(address: str, code: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_gateway(address)
    assert (caught.value.group, caught.value.code) == ("guard", code)


@given(st.text(alphabet="abz@%2F/?&=+,-rvtkeymhodgputns", max_size=60))
def test_any_address_is_read_or_refused(rest: str) -> None:
    for address in (f"/gateway/{rest}", get(f"&rvt-{rest}"), rest):
        try:
            parse_gateway(address)
        except GatewayError:
            pass


@pytest.mark.parametrize("key", [("a,b",), ("",), ("a", "")])
def test_a_key_that_an_address_cannot_tell_is_not_sent(key: tuple[str, ...]) -> None:
    with pytest.raises(InvalidKeyError, match="gateway URL"):
        gateway_url(QueryTarget("chat", key))


def test_an_input_that_is_too_long_is_not_sent() -> None:
    def target(size: int) -> QueryTarget:
        return QueryTarget("chat", create=True, input="x" * size)

    fits: Any = parse_gateway(gateway_url(target(4093)))
    assert fits.target.input == "x" * 4093
    with pytest.raises(OutgoingTooLong):
        gateway_url(target(4094))


def test_a_pool_is_always_named_to_create() -> None:
    assert "rvt-runner=default" in gateway_url(QueryTarget("chat", create=True))
    assert "rvt-runner" not in gateway_url(QueryTarget("chat"))
    assert "rvt-input" not in gateway_url(QueryTarget("chat", create=True, input=UNDEFINED))
