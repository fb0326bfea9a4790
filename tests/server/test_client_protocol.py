"""The client protocol's duties over HTTP, from tables, and the requests that other clients send."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from tests.server.serving import gateway, serving
from trivet.declare.keys import parse_key, serialize_key
from trivet.protocol.faults import Fault
from trivet.server.answers import status_of
from trivet.server.settings import ServerSettings

TABLES: dict[str, Any] = json.loads(Path(__file__).with_name("client_protocol.json").read_text())


def table(section: str) -> Any:
    (found,) = [rows for title, rows in TABLES.items() if title.startswith(section)]
    return found


@pytest.mark.parametrize(("address", "reason"), table("gateway errors"))
@pytest.mark.parametrize("encoding", ["bare", "cbor", "json"])
async def test_a_wrong_address(
    address: str, reason: str, encoding: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        reply = await site.http().request("POST", address, b"", x_rivet_encoding=encoding)
        assert (reply.status, reply.error) == (400, reason)
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-rivet-error"] == reason
        assert reply.headers["access-control-allow-origin"] == "*"
        assert not site.runtime.directory.instances


@pytest.mark.parametrize(("text", "parts"), table("keys"))
def test_a_serialized_key(text: str, parts: list[str]) -> None:
    assert serialize_key(tuple(parts)) == text
    assert parse_key(text) == tuple(parts)


@pytest.mark.parametrize(("group", "code", "status"), table("statuses"))
def test_the_status_of_an_error(group: str, code: str, status: int) -> None:
    assert status_of(Fault(group, code, "")) == status


@pytest.mark.parametrize("policy", ["sleep", "destroy", "restart", "anything"])
@pytest.mark.parametrize("more", [{}, {"datacenter": "eu-1"}, {"runner_name_selector": "pool"}])
async def test_what_the_manager_answers(
    policy: str, more: dict[str, str], autojump_clock: MockClock
) -> None:
    """Every field is there, times are milliseconds, and what only the engine needs is ignored."""
    async with serving() as site:
        body = {"name": "counter", "key": "a", "crash_policy": policy, **more}
        reply = await site.http().request(
            "PUT", "/actors?namespace=default", json.dumps(body).encode()
        )
        actor = reply.json["actor"]
        assert list(actor) == table("records")
        assert actor["create_ts"] > 1_600_000_000_000
        assert actor["destroy_ts"] is None


@pytest.mark.parametrize("given", ["oWV3aWR0aAI=", "uQABZXdpZHRoAg=="])
async def test_an_input_of_either_client(given: str, autojump_clock: MockClock) -> None:
    """Rust's CBOR, and that of JavaScript, whose maps have a length of two bytes."""
    async with serving() as site:
        body = json.dumps({"name": "board", "key": "a", "input": given}).encode()
        reply = await site.http().request("POST", "/actors?namespace=default", body)
        assert reply.status == 200


RUST = {
    "user_agent": "ActorClient-Rust/2.3.19",
    "x_rivet_target": "actor",
    "x_rivet_namespace": "default",
}


async def test_a_session_of_the_rust_client(autojump_clock: MockClock) -> None:
    """It resolves first, adds headers that only routing needs, and decodes errors strictly."""
    async with serving() as site:
        metadata = await site.http().request("GET", "/metadata", b"", **RUST)
        assert metadata.status == 200
        http = site.http()
        body = {
            "name": "counter",
            "key": "a/b",
            "runner_name_selector": "default",
            "crash_policy": "destroy",
        }
        made = await http.request("PUT", "/actors?namespace=default", json.dumps(body).encode())
        actor_id = made.json["actor"]["actor_id"]
        found = await http.request(
            "GET", f"/actors?namespace=default&name=counter&actor_ids={actor_id}"
        )
        assert [one["actor_id"] for one in found.json["actors"]] == [actor_id]
        more = {**RUST, "x_rivet_actor": actor_id, "x_rivet_encoding": "bare"}
        address = f"/gateway/{actor_id}/action"
        added = await http.request("POST", f"{address}/add", bytes.fromhex("0400028105"), **more)
        assert added.body == bytes.fromhex("04000105")
        assert added.headers["content-type"] == "application/octet-stream"
        assert added.headers["x-rivet-actor"] == actor_id
        assert added.headers["x-rivet-actor-key"] == "a/b"
        missing = await http.request(
            "POST", f"{address}/nothing", bytes.fromhex("04000180"), **more
        )
        assert missing.status == 404
        assert missing.headers["content-type"] == "application/octet-stream"
        assert missing.body.startswith(b"\x04\x00\x05actor\x10action_not_found")


async def test_a_socket_of_the_rust_client(autojump_clock: MockClock) -> None:
    """Routing names and the hints of an older protocol are among its subprotocols."""
    async with serving() as site:
        body = b'{"name":"counter","key":"a"}'
        made = await site.http().request("PUT", "/actors?namespace=default", body)
        actor_id = made.json["actor"]["actor_id"]
        offered = [
            "rivet",
            "rivet_target.actor",
            f"rivet_actor.{actor_id}",
            "rivet_encoding.bare",
            "rivet_token.abc",
            "rivet_conn.123",
            "rivet_conn_token.456",
        ]
        for address in (f"/gateway/{actor_id}@abc/connect", "/connect"):
            async with site.websocket(address, *offered) as socket:
                assert socket.subprotocol == "rivet"
                init = await socket.recv()
                assert init[:3] == b"\x04\x00\x00"


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        (gateway(path="/action/value"), {"x_rivet_skip_ready_wait": "1"}),
        (gateway(path="/action/value", more="&rvt-skip-ready-wait=true"), {}),
        (gateway(path="/action/value", more="&rvt-skip-ready-wait=0"), {}),
    ],
)
async def test_not_waiting_for_readiness_is_accepted(
    address: str, headers: dict[str, str], autojump_clock: MockClock
) -> None:
    async with serving() as site:
        assert (await site.http().request("POST", address, b"{}", **headers)).status == 200
        async with site.websocket(
            gateway(path="/connect"), "rivet", "rivet_skip_ready_wait"
        ) as one:
            assert json.loads(await one.recv())["body"]["tag"] == "Init"


@pytest.mark.parametrize(
    "address", ["/metadata", "/health", "/actors", gateway(path="/action/add"), "/nothing"]
)
async def test_a_preflight_is_answered_for_everything(
    address: str, autojump_clock: MockClock
) -> None:
    async with serving(origins=["https://example.com"], base_path="/base") as site:
        for prefix in ("", "/base"):
            reply = await site.http().request(
                "OPTIONS",
                prefix + address,
                b"",
                origin="https://example.com",
                access_control_request_headers="x-rivet-encoding, traceparent",
            )
            headers = reply.headers
            assert (reply.status, reply.body) == (204, b"")
            assert headers["access-control-allow-origin"] == "https://example.com"
            assert headers["access-control-allow-credentials"] == "true"
            assert headers["access-control-allow-headers"] == "x-rivet-encoding, traceparent"
            assert headers["access-control-max-age"] == "86400"
            assert "PATCH" in headers["access-control-allow-methods"]
        assert not site.runtime.directory.instances


async def test_clients_are_told_where_to_go_on(autojump_clock: MockClock) -> None:
    async with serving(client_endpoint="https://eu.example.com/actors") as site:
        reply = await site.http().request("GET", "/metadata?namespace=default")
        assert reply.json["clientEndpoint"] == "https://eu.example.com/actors"
    async with serving() as site:
        reply = await site.http().request("GET", "/metadata")
        assert set(reply.json) == {"runtime", "version"}
        assert reply.headers["connection"] == "close"


@pytest.mark.parametrize("url", ["", "eu.example.com", "ws://eu.example.com", "https://"])
def test_where_to_go_on_is_a_url(url: str) -> None:
    with pytest.raises(ValueError, match="client_endpoint"):
        ServerSettings(client_endpoint=url)


def test_the_vector_of_an_input() -> None:
    assert b64encode(bytes.fromhex("b90001657769647468 02")).decode() == "uQABZXdpZHRoAg=="
