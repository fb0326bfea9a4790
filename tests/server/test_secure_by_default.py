"""A server that nobody has configured: what it refuses, keeps to itself and bounds."""

from __future__ import annotations

from hashlib import sha256
from importlib.metadata import version
from inspect import signature

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.server.actors import SECRET, Counter
from tests.server.checks import CHECKS, bytes_of, check, closed_with, get
from tests.server.serving import Serving, gateway, raw, rest, serving
from tests.server.sessions import UPGRADE
from trivet.declare.options import Limits
from trivet.protocol.errors import RemoteProtocolError
from trivet.server.settings import ServerSettings

STRANGER = "203.0.113.7"
HEALTH = b"GET /health HTTP/1.1\r\nhost: server\r\n"

# -- who may come --------------------------------------------------------------------------------


@check
async def it_binds_to_this_machine(site: Serving) -> None:
    assert ServerSettings().host == "127.0.0.1"
    assert signature(trivet.serve).parameters["host"].default == "127.0.0.1"


@check
async def no_address_is_public(site: Serving) -> None:
    assert signature(trivet.serve).parameters["public"].default is False


@check
async def an_unguarded_actor_is_not_shown_to_other_machines(site: Serving) -> None:
    with pytest.raises(ValueError, match="lets everybody in"):
        await trivet.serve(trivet.Registry(Counter), host="0.0.0.0", port=0, watch_loop=False)


@check
async def no_page_is_let_in(site: Serving) -> None:
    assert (await get(site, "/metadata", origin="https://evil.example")).status == 403


@check
async def no_page_without_a_host_is_let_in(site: Serving) -> None:
    assert (await get(site, "/metadata", origin="null")).status == 403


@check
async def no_page_of_a_file_is_let_in(site: Serving) -> None:
    assert (await get(site, "/metadata", origin="file://")).status == 403


@check
async def no_page_that_looks_near_is_let_in(site: Serving) -> None:
    assert (await get(site, "/metadata", origin="https://localhost.evil.example")).status == 403


@check
async def no_page_opens_a_websocket(site: Serving) -> None:
    address, origin = gateway(path="/connect"), "https://evil.example"
    assert await closed_with(site, address, origin=origin) == (1011, "auth.forbidden")


@check
async def a_refused_page_is_not_told_that_it_may_read(site: Serving) -> None:
    reply = await get(site, "/metadata", origin="https://evil.example")
    assert "access-control-allow-origin" not in reply.headers


@check
async def a_refused_page_creates_nothing(site: Serving) -> None:
    await get(site, gateway(path="/health"), origin="https://evil.example")
    assert not site.runtime.directory.instances


@check
async def a_preflight_wakes_nothing(site: Serving) -> None:
    assert (await get(site, gateway(path="/action/add"), "OPTIONS")).status == 204
    assert not site.runtime.directory.instances


@check
async def nobody_says_who_he_is_in_a_header(site: Serving) -> None:
    assert not site.service.proxies
    site.service.admissions.open[STRANGER] = 256
    assert (await get(site, "/health", x_forwarded_for=STRANGER)).status == 200
    del site.service.admissions.open[STRANGER]


@check
async def other_machines_do_not_manage(site: Serving) -> None:
    async with serving(Counter, host="0.0.0.0", public=True) as public:
        for method, address in [
            ("GET", "/actors?name=counter"),
            ("DELETE", "/actors/a"),
            ("POST", "/actors/a/sleep"),
        ]:
            assert (await get(public, address, method)).status == 403


@check
async def tokens_are_kept_as_digests(site: Serving) -> None:
    token = "a-token-of-the-operator"
    async with serving(admin_token=token) as guarded:
        kept = vars(guarded.service.admin)["_digest"]
        assert kept == sha256(token.encode()).digest()
        assert token not in repr(guarded.service.settings)


@check
async def a_weak_token_is_refused(site: Serving) -> None:
    with pytest.raises(ValueError, match="admin_token"):
        ServerSettings(admin_token="1234")


# -- what it answers -----------------------------------------------------------------------------


@check
async def browsers_guess_no_type(site: Serving) -> None:
    for address in ("/health", "/nothing", gateway(path="/health")):
        assert (await get(site, address)).headers["x-content-type-options"] == "nosniff"


@check
async def caches_keep_nothing(site: Serving) -> None:
    for address in ("/health", "/nothing", gateway(path="/")):
        assert (await get(site, address)).headers["cache-control"] == "no-store"


@check
async def no_header_names_the_server(site: Serving) -> None:
    reply = await get(site, "/health")
    assert not {"server", "x-powered-by", "via"} & set(reply.headers)


@check
async def no_error_tells_the_version(site: Serving) -> None:
    for address in ("/nothing", gateway(path="/nothing"), "/actors?name=x&key="):
        assert version("trivet").encode() not in (await get(site, address)).body


@check
async def no_error_has_a_stack(site: Serving) -> None:
    reply = await site.http().call("break_down")
    assert reply.json["message"] == "An internal error occurred"
    for text in (b"Traceback", b".py", b"ValueError", SECRET.encode()):
        assert text not in reply.body


@check
async def an_address_is_not_reflected(site: Serving) -> None:
    assert b"<script>" not in (await get(site, "/<script>alert(1)</script>")).body


@check
async def no_text_is_served_as_a_page(site: Serving) -> None:
    for address in ("/", "/health", gateway(path="/"), "/<b>"):
        assert "html" not in (await get(site, address)).headers["content-type"]


@check
async def an_inspector_is_not_there(site: Serving) -> None:
    for path in ("/inspector/state", "/inspector/database/execute"):
        assert (await get(site, gateway(path=path))).status == 501
    assert (await get(site, gateway(path="/metrics"))).status == 501


@check
async def no_file_is_served(site: Serving) -> None:
    for path in ("/../../etc/passwd", "/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/.git"):
        assert (await get(site, path)).status == 404


# -- what it takes -------------------------------------------------------------------------------


@check
async def trace_is_refused(site: Serving) -> None:
    answer = await bytes_of(site, b"TRACE /health HTTP/1.1\r\nhost: x\r\ncookie: secret\r\n\r\n")
    assert b" 405 " in answer
    assert b"secret" not in answer


@check
async def connect_is_refused(site: Serving) -> None:
    answer = await bytes_of(site, b"CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n")
    assert b" 405 " in answer


@check
async def an_absolute_target_leads_nowhere_else(site: Serving) -> None:
    answer = await bytes_of(
        site, b"GET http://evil.example/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    assert b'"status":"ok"' in answer


@check
async def a_request_without_a_host_is_refused(site: Serving) -> None:
    assert b" 400 " in await bytes_of(site, b"GET /health HTTP/1.1\r\n\r\n")


@check
async def two_hosts_are_refused(site: Serving) -> None:
    assert b" 400 " in await bytes_of(site, HEALTH + b"host: other\r\n\r\n")


@check
async def two_lengths_are_refused(site: Serving) -> None:
    lengths = b"content-length: 1\r\ncontent-length: 2\r\n\r\n"
    assert b" 400 " in await bytes_of(site, HEALTH + lengths)


@check
async def a_length_and_chunks_smuggle_nothing(site: Serving) -> None:
    """Chunks win, and what is behind them is a request of its own: no proxy reads it otherwise."""
    data = HEALTH.replace(b"GET", b"POST") + (
        b"content-length: 4\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        b"0\r\n\r\nGET /metadata HTTP/1.1\r\nhost: x\r\n\r\n"
    )
    assert (await bytes_of(site, data)).count(b"HTTP/1.1 ") == 1


@check
async def other_encodings_of_a_body_are_refused(site: Serving) -> None:
    answer = await bytes_of(site, HEALTH + b"transfer-encoding: gzip, chunked\r\n\r\n")
    assert b" 501 " in answer or b" 400 " in answer


@check
async def a_line_in_a_header_is_refused(site: Serving) -> None:
    assert b" 400 " in await bytes_of(site, HEALTH + b"x: a\x00b\r\n\r\n")


@check
async def binary_is_no_request(site: Serving) -> None:
    assert b" 400 " in await bytes_of(site, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")


@check
async def a_large_head_is_refused(site: Serving) -> None:
    answer = await bytes_of(site, HEALTH + b"x: " + b"a" * 70_000 + b"\r\n\r\n")
    assert b" 431 " in answer


@check
async def many_headers_are_refused(site: Serving) -> None:
    assert b" 431 " in await bytes_of(site, HEALTH + b"x: a\r\n" * 200 + b"\r\n")


@check
async def a_large_body_is_refused_before_it_is_read(site: Serving) -> None:
    data = f"POST {gateway(path='/action/echo')} HTTP/1.1\r\nhost: x\r\n".encode()
    answer = await bytes_of(site, data + b"content-length: 99999999999\r\n\r\n")
    assert b"incoming_too_long" in answer


@check
async def a_slow_head_is_cut(site: Serving) -> None:
    stream = site.dial()
    started = trio.current_time()
    assert b" 408 " in await raw(stream, b"GET /")
    assert trio.current_time() - started <= Limits().request_head_time


@check
async def a_silent_client_is_cut(site: Serving) -> None:
    started = trio.current_time()
    assert await rest(site.dial()) == b""
    assert trio.current_time() - started <= Limits().request_head_time


@check
async def no_extension_is_negotiated(site: Serving) -> None:
    stream = site.dial()
    await stream.send_all(UPGRADE + b"sec-websocket-extensions: permessage-deflate\r\n\r\n")
    answer = bytes(await stream.receive_some())
    assert b"101" in answer
    assert b"deflate" not in answer


@check
async def an_action_is_no_attribute(site: Serving) -> None:
    for name in ("__init__", "__class__", "state", "broadcast", "_trivet_host", "on_wake"):
        assert (await site.http().call(name)).error == "actor.action_not_found"


@check
async def an_actor_is_no_attribute(site: Serving) -> None:
    for name in ("__class__", "definitions", "Counter", "object"):
        reply = await get(site, gateway(name, path="/health"))
        assert reply.error == "guard.unknown_actor_name"


@check
async def a_message_has_a_depth(site: Serving) -> None:
    body = b'{"args":[' + b"[" * 100 + b"]" * 100 + b"]}"
    reply = await site.http().request("POST", gateway(path="/action/echo"), body)
    assert reply.error == "actor.invalid_request"


@check
async def a_key_has_a_size(site: Serving) -> None:
    reply = await get(site, gateway(key="x" * 129, path="/health"))
    assert reply.status == 400
    assert not site.runtime.directory.instances


# -- what it bounds ------------------------------------------------------------------------------


@check
async def an_address_has_so_many_openings(site: Serving) -> None:
    streams = [site.dial(STRANGER) for _ in range(65)]
    await wait_all_tasks_blocked()
    assert site.service.admissions.opening[STRANGER] == 64
    assert site.counters.counts["openings_full"] == 1
    for stream in streams:
        await stream.aclose()


@check
async def every_limit_is_finite(site: Serving) -> None:
    limits = site.service.limits
    for field in attrs.fields(Limits):
        assert 0 < getattr(limits, field.name) < 1 << 40, field.name


@check
async def the_limits_are_those_of_the_contract(site: Serving) -> None:
    limits = site.service.limits
    assert (limits.message_in, limits.message_out) == (65_536, 1_048_576)
    assert (limits.connections_per_address, limits.connections) == (256, 10_000)
    assert (limits.openings_per_address, limits.request_headers) == (64, 128)
    assert (limits.frame_rate, limits.frame_burst) == (1000, 4000)
    assert (limits.params, limits.request_head) == (4096, 65_536)


@check
async def ids_cannot_be_guessed(site: Serving) -> None:
    ids = {site.runtime.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(bytes.fromhex(text)) == 16 for text in ids)


@check
async def errors_of_the_protocol_have_fixed_texts(site: Serving) -> None:
    reply = await site.http().request("POST", gateway(path="/action/add"), b'{"args":[{"p":')
    assert SECRET not in reply.json["message"]
    assert issubclass(RemoteProtocolError, trivet.Error)


def test_the_list_is_long() -> None:
    assert len(CHECKS) >= 40


@pytest.mark.parametrize("name", sorted(CHECKS))
async def test_by_default(name: str, autojump_clock: MockClock) -> None:
    async with serving(Counter) as site:
        await CHECKS[name](site)


async def test_through_a_real_socket() -> None:
    """Two of them over TCP: the others differ from these in nothing that a socket knows."""
    async with serving(Counter, host="127.0.0.1") as site:
        for address, expected in [(b"GET /health", b"nosniff"), (b"TRACE /health", b" 405 ")]:
            stream = await trio.open_tcp_stream("127.0.0.1", site.server.port)
            async with stream:
                request = address + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
                assert expected in await raw(stream, request)
