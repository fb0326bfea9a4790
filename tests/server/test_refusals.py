"""Upgrades that lead nowhere are accepted, told so, and closed; what is no handshake is HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.actors import SECRET
from tests.server.serving import Serving, gateway, raw, serving
from tests.server.sessions import CONNECT, ROOM, UPGRADE, Client, params
from trivet.protocol.messages import ErrorMessage


async def refused(
    site: Serving, address: str, *subprotocols: str, **options: Any
) -> tuple[str, int]:
    """Connect in JSON, expect an Error message and a close that agree, and tell them."""
    async with site.websocket(address, *(subprotocols or ("rivet",)), **options) as socket:
        client = Client(socket, "json")
        error = await client.receive()
        assert isinstance(error, ErrorMessage)
        assert error.action_id is None
        assert error.actor is None
        code, reason = await client.closed()
        assert reason == f"{error.group}.{error.code}"
        return reason, code


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("/nothing", "api.not_found"),
        ("/connect", "api.not_found"),
        ("/metadata", "api.not_found"),
        (gateway(path="/"), "api.not_found"),
        (gateway(path="/action/add"), "api.not_found"),
        (gateway(path="/inspector/connect"), "api.not_found"),
        (gateway(key="none", path="/connect", create=False), "actor.not_found"),
        ("/gateway/nobody/connect", "actor.not_found"),
        (gateway("nobody", path="/connect"), "guard.unknown_actor_name"),
        ("/gateway/counter/connect?rvt-method=get", "guard.query_invalid_params"),
        (
            "/gateway/counter/connect?rvt-namespace=a%20b&rvt-method=get",
            "namespace.not_found",
        ),
        (gateway("board", path="/connect"), "actor.validation_error"),
        (gateway("board", path="/connect", more="&rvt-input=oWV3aWR0aAA"), "user.flat"),
    ],
)
async def test_a_wrong_target_is_told_after_the_upgrade(
    address: str, reason: str, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        assert await refused(site, address) == (reason, 1011)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"token":"wrong"}', "user.unauthorized"),
        ('{"token":"broken"}', "rivetkit.internal_error"),
        ("{}", "actor.validation_error"),
        ("{", "actor.invalid_request"),
        ('{"token":"' + "x" * 5000 + '"}', "message.incoming_too_long"),
    ],
)
async def test_params_that_do_not_let_in(text: str, reason: str, autojump_clock: MockClock) -> None:
    async with serving() as site:
        assert await refused(site, ROOM, "rivet", params(text)) == (reason, 1011)


async def test_params_that_are_no_percent_encoding(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reason = await refused(site, ROOM, "rivet", "rivet_conn_params.%zz")
        assert reason == ("actor.invalid_request", 1011)


async def test_a_target_in_subprotocols_that_is_none(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reason = await refused(site, "/connect", "rivet", "rivet_target.actor")
        assert reason == ("guard.missing_header", 1011)


async def test_an_unknown_encoding(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reason = await refused(site, CONNECT, "rivet", "rivet_encoding.morse")
        assert reason == ("actor.unsupported_websocket_encoding", 1003)


async def test_a_foreign_page(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reason = await refused(site, CONNECT, origin="https://evil.example")
        assert reason == ("auth.forbidden", 1011)
        assert site.runtime.directory.instances == ()


async def test_a_stopping_server(autojump_clock: MockClock) -> None:
    async with serving() as site:
        stream = site.dial()
        await wait_all_tasks_blocked()
        site.service.stopping.begun = True
        assert await refused(site, CONNECT, stream=stream) == ("actor.stopping", 1011)


async def test_the_reason_of_a_hook_reaches_the_client_masked(autojump_clock: MockClock) -> None:
    async with (
        serving() as site,
        site.websocket(ROOM, "rivet", params('{"token":"wrong"}')) as wrong,
        site.websocket(ROOM, "rivet", params('{"token":"broken"}')) as broken,
    ):
        error = await Client(wrong, "json").receive()
        assert error == ErrorMessage("user", "unauthorized", "Invalid token", {"why": "wrong"})
        assert SECRET not in str(await Client(broken, "json").receive())


async def test_a_store_that_hangs_lets_the_client_try_again(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with serving() as site:

        async def hang(actor_id: str) -> None:
            await trio.sleep_forever()

        monkeypatch.setattr(site.runtime.storage, "identify", hang)
        started = trio.current_time()
        assert await refused(site, "/gateway/someone/connect") == ("actor.restarting", 1011)
        assert trio.current_time() - started == 15


@pytest.mark.parametrize(
    ("missing", "status"),
    [
        (b"sec-websocket-version: 13\r\n", 400),
        (b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400),
        (b"connection: upgrade\r\n", 426),
    ],
)
async def test_what_is_no_handshake_at_all_is_http(
    missing: bytes, status: int, autojump_clock: MockClock
) -> None:
    async with serving() as site:
        answer = await raw(site.dial(), UPGRADE.replace(missing, b"") + b"\r\n")
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_handshake_with_a_body_is_refused(autojump_clock: MockClock) -> None:
    async with serving() as site:
        answer = await raw(site.dial(), UPGRADE + b"content-length: 3\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 400 ")


async def test_another_upgrade_is_ignored(autojump_clock: MockClock) -> None:
    async with serving() as site:
        reply = await site.http().request("GET", "/health", upgrade="h2c", connection="upgrade")
        assert reply.status == 200
