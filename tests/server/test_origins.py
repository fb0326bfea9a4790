"""Browsers: which pages are let in, and what their browser is told."""

from __future__ import annotations

import h11
import pytest
from trio.testing import MockClock

from tests.server.serving import gateway, serving
from trivet.logs import BURST
from trivet.server.head import Head
from trivet.server.origins import OriginPolicy
from trivet.server.peers import is_loopback


def head(**headers: str) -> Head:
    given = {"host": "server.example:6420", **headers}
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    request = h11.Request(method="GET", target="/", headers=encoded)
    return Head.of(request, "memory")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://server.example:6420", True),
        ("https://server.example:6420", True),
        ("HTTP://SERVER.EXAMPLE:6420", True),
        ("http://server.example", False),
        ("http://server.example:6421", False),
        ("http://evil.example", False),
        ("http://server.example:6420.evil.example", False),
        ("http://localhost:3000", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("http://[", False),
        ("\xff", False),
    ],
)
def test_a_page_of_the_same_host_is_let_in(origin: str, allowed: bool) -> None:
    assert OriginPolicy([], loopback=False).allows(head(origin=origin)) is allowed


def test_the_default_port_of_a_scheme_need_not_be_named() -> None:
    policy = OriginPolicy([], loopback=False)
    assert policy.allows(head(host="a.example", origin="https://a.example"))
    assert policy.allows(head(host="a.example:443", origin="https://a.example"))
    assert not policy.allows(head(host="a.example:80", origin="https://a.example"))


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:5173", True),
        ("http://app.localhost", True),
        ("http://localhost.evil.example", False),
        ("http://10.0.0.1", False),
    ],
)
def test_on_loopback_every_page_of_this_machine_is_let_in(origin: str, allowed: bool) -> None:
    assert OriginPolicy([], loopback=True).allows(head(origin=origin)) is allowed


def test_the_operator_lets_others_in() -> None:
    policy = OriginPolicy(["https://app.example/"], loopback=False)
    assert policy.allows(head(origin="https://app.example"))
    assert not policy.allows(head(origin="https://other.example"))
    assert OriginPolicy(["*"], loopback=False).allows(head(origin="null"))


def test_who_names_no_page_is_no_browser() -> None:
    assert OriginPolicy([], loopback=False).allows(head())


async def test_refusals_are_logged_with_the_option_but_not_all_of_them(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    policy = OriginPolicy([], loopback=False)
    policy.allows(head(origin="https://evil.example\x9b"))
    for n in range(200):
        policy.allows(head(origin=f"https://{n}.example"))
    assert len(caplog.messages) == BURST
    assert "serve(origins=[...])" in caplog.messages[0]
    assert "\x9b" not in caplog.messages[0]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_what_loopback_is(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("address", ["/metadata", "/actors?name=counter", gateway(), "/nothing"])
async def test_every_answer_can_be_read_by_a_page(address: str, autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", address, origin="http://localhost:3000")
        assert reply.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert reply.headers["access-control-allow-credentials"] == "true"
        assert reply.headers["access-control-expose-headers"] == "*"
        assert reply.headers["vary"] == "origin"
        plain = await site.http().request("GET", address)
        assert plain.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("address", ["/actors", gateway("nobody"), "/nothing"])
async def test_a_preflight_is_answered_before_anything_is_looked_up(
    address: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        reply = await site.http().request(
            "OPTIONS",
            address,
            origin="http://localhost:3000",
            access_control_request_method="POST",
            access_control_request_headers="x-rivet-encoding, content-type",
        )
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert reply.headers["access-control-allow-headers"] == "x-rivet-encoding, content-type"
        assert "PUT" in reply.headers["access-control-allow-methods"]
        assert reply.headers["access-control-max-age"] == "86400"
        assert "content-length" not in reply.headers


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_a_foreign_page_is_refused(method: str, autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request(method, gateway(), origin="https://evil.example")
        assert (reply.status, reply.error) == (403, "auth.forbidden")
        assert "access-control-allow-origin" not in reply.headers
        assert site.runtime.directory.instances == ()
