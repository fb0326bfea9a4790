"""Paths: what answers each, and what the others get."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.server.actors import Counter
from tests.server.serving import gateway, serving


async def test_metadata_answers_the_first_request_of_a_client(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", "/metadata?namespace=default")
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.json["runtime"] == "trivet"


async def test_health_says_ok(autojump_clock: MockClock) -> None:
    async with serving() as site:
        assert (await site.http().request("GET", "/health")).json["status"] == "ok"


@pytest.mark.parametrize(
    ("path", "body"),
    [("/", b"This is a trivet actor.\n"), ("/health", b"ok")],
)
async def test_an_actor_answers_for_itself(
    path: str, body: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        assert (await site.http().request("GET", gateway(path=path))).body == body
        missing = await site.http().request("GET", gateway(path=path, key="none", create=False))
        assert (missing.status, missing.error) == (404, "actor.not_found")


async def test_an_actor_has_metadata(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", gateway(path="/metadata"))
        assert reply.json["type"] == "local"


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/nothing",
        "/metadata/",
        "/gateway",
        "/gateway/",
        "/gateway//connect",
        "/actors/",
        "/actors/a/b",
        "/request/x",
        "/connect",
        "/devtools/mod.js",
        gateway(path="/nothing"),
        gateway(path="/action"),
        gateway(path="/action/"),
        gateway(path="/action/a/b"),
        gateway(path="/dynamic/reload"),
    ],
)
async def test_an_unknown_address_is_not_found(address: str, autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", address)
        assert (reply.status, reply.error) == (404, "api.not_found")
        assert reply.headers["x-rivet-error"] == "api.not_found"
        assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("POST", "/metadata", "GET"),
        ("PATCH", "/actors", "GET, PUT, POST"),
        ("GET", "/actors/a", "DELETE"),
        ("GET", gateway(path="/action/add"), "POST"),
    ],
)
async def test_a_method_that_is_not_allowed(
    method: str, address: str, allowed: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        reply = await site.http().request(method, address)
        assert (reply.status, reply.error) == (405, "actor.method_not_allowed")
        assert reply.headers["allow"] == allowed
        assert reply.json["metadata"]["method"] == method


@pytest.mark.parametrize(
    ("method", "address", "feature"),
    [
        ("GET", gateway(path="/inspector/state"), "inspector"),
        ("GET", gateway(path="/metrics"), "metrics"),
    ],
)
async def test_what_is_not_built_says_so(
    method: str, address: str, feature: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        reply = await site.http().request(method, address)
        assert (reply.status, reply.error) == (501, "actor.not_implemented")
        assert reply.json["metadata"] == {"feature": feature}


@pytest.mark.parametrize("path", ["/connect", "/websocket", "/websocket/a"])
async def test_an_address_for_websockets_wants_an_upgrade(
    path: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", gateway(path=path))
        assert (reply.status, reply.error) == (426, "api.upgrade_required")
        assert reply.headers["upgrade"] == "websocket"


async def test_headers_may_name_the_actor_of_a_raw_request(autojump_clock: MockClock) -> None:
    async with serving() as site:
        http = site.http()
        reply = await http.request("GET", "/request/a", x_rivet_target="actor", x_rivet_actor="x")
        assert reply.error == "actor.not_found"
        reply = await http.request("GET", "/request/a", x_rivet_target="actor")
        assert (reply.status, reply.error) == (400, "guard.missing_header")
        reply = await http.request("GET", "/action/add", x_rivet_target="actor", x_rivet_actor="x")
        assert reply.error == "api.not_found"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("rvt-namespace=default&rvt-method=get&rvt-colour=red", "guard.query_invalid_params"),
        ("rvt-method=get", "guard.query_invalid_params"),
        ("rvt-namespace=default&rvt-method=put", "guard.query_invalid_params"),
        ("rvt-namespace=default&rvt-method=get&rvt-method=get", "guard.query_duplicate_param"),
        (
            "rvt-namespace=default&rvt-method=get&rvt-runner=x",
            "guard.query_get_disallowed_params",
        ),
        ("rvt-namespace=default&rvt-method=getOrCreate", "guard.query_missing_pool"),
        (
            "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=x&rvt-input=%21",
            "guard.query_invalid_base64_input",
        ),
        (
            "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=x&rvt-input=_w",
            "guard.query_invalid_cbor_input",
        ),
        (
            "rvt-namespace=default&rvt-method=get&rvt-key=%zz",
            "guard.query_invalid_percent_encoding",
        ),
        ("rvt-namespace=else+where&rvt-method=get&rvt-key=a", "namespace.not_found"),
    ],
)
async def test_a_wrong_gateway_address_is_json_whatever_the_encoding(
    query: str, error: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        address = f"/gateway/counter/action/value?{query}"
        reply = await site.http().request("POST", address, x_rivet_encoding="bare")
        assert (reply.status, reply.error) == (400, error)
        assert reply.headers["x-rivet-error"] == error


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("counter@token", "guard.query_path_token_syntax"),
        ("nobody", "guard.unknown_actor_name"),
        ("__class__", "guard.unknown_actor_name"),
    ],
)
async def test_a_wrong_name_in_a_gateway_address(
    name: str, error: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        address = f"/gateway/{name}/?rvt-namespace=default&rvt-method=get"
        reply = await site.http().request("GET", address)
        assert (reply.status, reply.error) == (400, error)


async def test_everything_is_under_the_base_path_too(autojump_clock: MockClock) -> None:
    async with serving(base_path="/api/rivet") as site:
        http = site.http()
        for prefix in ("", "/api/rivet"):
            assert (await site.http().request("GET", f"{prefix}/metadata")).status == 200
            assert (await http.request("GET", f"{prefix}{gateway(path='/health')}")).status == 200
        assert (await http.request("GET", "/api/rivetmetadata")).status == 404
        assert (await http.request("GET", "/api/rivet?x")).status == 404


async def test_a_stopping_server_says_so(autojump_clock: MockClock) -> None:
    async with serving(Counter) as site:
        service_http = site.http()
        assert (await service_http.request("GET", "/health")).status == 200
        site.service.stopping.begun = True
        reply = await service_http.request("GET", "/health")
        assert (reply.status, reply.error) == (503, "guard.service_unavailable")
        assert reply.headers["connection"] == "close"
