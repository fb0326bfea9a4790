"""How calls and connections end, in every encoding, from tables (6.6, 6.7, 7.2 and 7.4)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.actors import SECRET, Counter
from tests.server.bouncer import Bouncer
from tests.server.serving import Serving, gateway, serving
from tests.server.sessions import Client, closed_with, params
from trivet.declare.options import Limits
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import (
    ActionRequest,
    ActionResponse,
    ErrorMessage,
    HttpActionRequest,
    HttpResponseError,
    Init,
    SubscriptionRequest,
)

TABLES: dict[str, Any] = json.loads(Path(__file__).with_name("wire_closes.json").read_text())
every_encoding = pytest.mark.parametrize("encoding", ["bare", "cbor", "json"])
CONNECT = gateway("bouncer", path="/connect")


def table(section: str) -> Any:
    (found,) = [rows for title, rows in TABLES.items() if title.startswith(section)]
    return found


def rows(section: str) -> list[tuple[Any, ...]]:
    return [(name, *row) for name, row in table(section).items()]


@asynccontextmanager
async def connecting(
    site: Serving, encoding: str, address: str = CONNECT, **order: str
) -> AsyncGenerator[Client]:
    offered = ("rivet", f"rivet_encoding.{encoding}", params(json.dumps(order)))
    async with site.websocket(address, *offered) as socket:
        yield Client(socket, encoding)


@asynccontextmanager
async def connected(site: Serving, encoding: str) -> AsyncGenerator[Client]:
    async with connecting(site, encoding) as client:
        assert isinstance(await client.receive(), Init)
        yield client


async def failing(
    site: Serving, encoding: str, action: str, *args: Any, **order: str
) -> tuple[int, HttpResponseError]:
    """Call over HTTP, and tell the status and the error."""
    codec = CODECS[encoding]
    reply = await site.http().request(
        "POST",
        gateway("bouncer", path=f"/action/{action}"),
        codec.encode_action_request(HttpActionRequest([*args])),
        x_rivet_encoding=encoding,
        x_rivet_conn_params=json.dumps(order),
    )
    assert reply.headers["content-type"] == codec.content_type
    assert SECRET.encode() not in reply.body
    return reply.status, codec.decode_error(reply.body)


async def refusal(client: Client) -> ErrorMessage:
    """Expect an error, and a close that says the same."""
    error = await client.receive()
    assert isinstance(error, ErrorMessage)
    assert (error.action_id, error.actor) == (None, None)
    assert await client.closed() == (1011, f"{error.group}.{error.code}")
    return error


# -- limits --------------------------------------------------------------------------------------


def test_the_limits() -> None:
    limits = attrs.asdict(Limits())
    assert {name: limits[name] for name in table("limits")} == table("limits")


TEXT = "x" * 400


def length(encoding: str, what: str) -> int:
    """The length of the message that meets a limit."""
    codec = CODECS[encoding]
    match what:
        case "a request over HTTP":
            return len(codec.encode_action_request(HttpActionRequest([TEXT])))
        case "a request over a WebSocket":
            return len(codec.encode_to_server(ActionRequest(0, "echo", [TEXT])))
        case _:
            return 300


@every_encoding
@pytest.mark.parametrize(("what", "limit", "end", "reason", "text"), rows("too long"))
async def test_what_is_too_long(
    what: str,
    limit: str,
    end: int | str,
    reason: str,
    text: str | None,
    encoding: str,
    autojump_clock: MockClock,
) -> None:
    size = 10 if what == "Init" else length(encoding, what) - 1
    bounds: dict[str, Any] = {limit: size}
    async with serving(Bouncer, limits=Limits(**bounds)) as site:
        if "HTTP" in what:
            status, error = await failing(site, encoding, "echo", TEXT)
            assert (status, f"{error.group}.{error.code}") == (end, reason)
            assert error.message == text
            return
        async with connecting(site, encoding) as client:
            if what != "Init":
                assert isinstance(await client.receive(), Init)
                await client.send(SubscriptionRequest("loud", True))
                name, argument = ("shout", 400) if what.startswith("an event") else ("echo", TEXT)
                await client.send(ActionRequest(0, name, [argument]))
            if end != "actionId":
                assert await client.closed() == (end, reason)
                return
            failed = await client.receive()
            assert isinstance(failed, ErrorMessage)
            assert (f"{failed.group}.{failed.code}", failed.message) == (reason, text)
            assert (failed.action_id, failed.actor) == (0, None)
            await client.send(ActionRequest(1, "echo", ["y"]))
            assert await client.receive() == ActionResponse(1, "y")


@every_encoding
async def test_what_is_just_short_enough(encoding: str, autojump_clock: MockClock) -> None:
    """The limits are those of the encoded message, to the byte."""
    codec = CODECS[encoding]
    asked = codec.encode_to_server(ActionRequest(0, "echo", [TEXT]))
    answered = codec.encode_to_client(ActionResponse(0, TEXT))
    limits = Limits(message_in=len(asked), message_out=len(answered))
    async with serving(Bouncer, limits=limits) as site, connected(site, encoding) as client:
        await client.send(ActionRequest(0, "echo", [TEXT]))
        assert await client.receive() == ActionResponse(0, TEXT)


@every_encoding
@pytest.mark.parametrize(("what", "seconds", "reason", "text"), rows("too late"))
async def test_what_is_too_late(
    what: str,
    seconds: int,
    reason: str,
    text: str | None,
    encoding: str,
    autojump_clock: MockClock,
) -> None:
    async with serving(Bouncer) as site:
        began = trio.current_time()
        if what == "an action":
            async with connected(site, encoding) as client:
                await client.send(ActionRequest(3, "rest", [seconds + 1.0]))
                error = await client.receive()
                assert isinstance(error, ErrorMessage)
                assert error.action_id == 3
            order: dict[str, str] = {}
            args: tuple[Any, ...] = ("rest", seconds + 1.0)
        else:
            order, args = {"slow": what}, ("echo", "hi")
            async with connecting(site, encoding, **order) as client:
                error = await refusal(client)
        assert trio.current_time() - began == seconds
        _, same = await failing(site, encoding, *args, **order)
        assert trio.current_time() - began == 2 * seconds
    for one in (error, same):
        assert f"{one.group}.{one.code}" == reason
        assert text in {None, one.message}


# -- closes --------------------------------------------------------------------------------------

LEAVING: dict[str, list[Any]] = {
    "disconnect with a reason": ["go away"],
    "disconnect without a reason": [None],
    "disconnect for good": ["go away", {"for_good": True}],
    "disconnect with a reason that is too long": ["é" * 100],
}


@every_encoding
@pytest.mark.parametrize(("what", "code", "reason"), rows("closes"))
async def test_a_close(
    what: str, code: int, reason: str, encoding: str, autojump_clock: MockClock
) -> None:
    found: list[tuple[int, str]] = []
    ready = trio.Event()

    async def stay(site: Serving) -> None:
        async with connected(site, encoding) as client:
            ready.set()
            if what in LEAVING:
                await client.send(ActionRequest(0, "leave", LEAVING[what]))
            elif what == "the client says goodbye":
                await client.socket.aclose(code, reason)
            elif what == "a subscription that is refused":
                await client.send(SubscriptionRequest("secret", True))
            found.append(await client.closed())

    async with trio.open_nursery() as clients:
        async with serving(Bouncer) as site:
            clients.start_soon(stay, site)
            await ready.wait()
            if what != "the server stops":
                await wait_all_tasks_blocked()
                assert not site.service.links
    assert found == [(code, reason)]


# -- masking -------------------------------------------------------------------------------------


@every_encoding
@pytest.mark.parametrize(("how", "group", "code", "text", "metadata"), rows("masking"))
async def test_what_is_seen_of_an_error(
    how: str,
    group: str,
    code: str,
    text: str,
    metadata: Any,
    encoding: str,
    autojump_clock: MockClock,
) -> None:
    """An action's and a hook's, over HTTP and over a connection."""
    async with serving(Bouncer) as site:
        seen: list[Any] = []
        async with connected(site, encoding) as client:
            await client.send(ActionRequest(0, "fail", [how]))
            seen.append(await client.receive())
        async with connecting(site, encoding, fails=how) as client:
            seen.append(await refusal(client))
        seen.append((await failing(site, encoding, "fail", how))[1])
        seen.append((await failing(site, encoding, "echo", "hi", fails=how))[1])
    for error in seen:
        assert SECRET not in repr(error)
        assert (error.group, error.code, error.message) == (group, code, text)
        if metadata == "error_id":
            assert list(error.metadata) == ["error_id"]
        else:
            assert (error.metadata or None) == metadata


# -- reconnecting --------------------------------------------------------------------------------


def reaction(reason: str, *, by_key: bool) -> str:
    """What official clients do after a close before Init."""
    waits, tries_again = table("reactions").values()
    if by_key and (reason in waits or reason.startswith("actor.destroyed_")):
        return "waits"
    return "tries again" if reason in tries_again else "gives up"


@every_encoding
@pytest.mark.parametrize("by_key", [True, False], ids=["by key", "by id"])
@pytest.mark.parametrize(("what", "with_key", "with_id"), rows("reconnecting"))
async def test_what_a_client_hears_before_init(
    what: str,
    with_key: list[str],
    with_id: list[str],
    by_key: bool,
    encoding: str,
    autojump_clock: MockClock,
) -> None:
    """The handshake itself never fails: a client would never open again."""
    reason, answer = with_key if by_key else with_id
    assert reaction(reason, by_key=by_key) == answer
    async with serving(Bouncer, Counter) as site, trio.open_nursery() as nursery:
        _, error = await failing(site, encoding, "fail", "UserError")
        assert error.actor is not None
        actor_id = error.actor.actor_id
        missing = what == "there is no such actor"
        address = gateway("bouncer", "none" if missing else "a", "/connect", create=not missing)
        if not by_key:
            address = f"/gateway/{'nobody' if missing else actor_id}/connect"
        fails = {"a hook refuses": "banned", "a hook fails": "ValueError"}.get(what, "")
        if what == "the actor is busy for the whole opening":
            async with connected(site, encoding) as busy:
                await busy.send(ActionRequest(0, "rest", [59.0]))
                await wait_all_tasks_blocked()
                began = trio.current_time()
                async with connecting(site, encoding, address) as client:
                    assert (await client.closed())[1] == reason
                assert trio.current_time() - began == 15
        elif what == "the server is stopping":
            stream = site.dial()
            await wait_all_tasks_blocked()
            site.service.stopping.begun = True
            offered = ("rivet", f"rivet_encoding.{encoding}")
            async with site.websocket(address, *offered, stream=stream) as socket:
                assert await closed_with(socket) == (1011, reason)
        else:
            async with connecting(site, encoding, address, fails=fails) as client:
                assert client.socket.subprotocol == "rivet"
                assert await client.closed() == (1011, reason)
        nursery.cancel_scope.cancel()


@every_encoding
async def test_a_client_that_comes_back_is_another_connection(
    encoding: str, autojump_clock: MockClock
) -> None:
    """Nothing of the old one is left, and its ids of actions go on."""
    async with serving(Bouncer) as site:
        ids: list[str] = []
        for number in range(2):
            async with connecting(site, encoding) as client:
                init = await client.receive()
                assert isinstance(init, Init)
                ids.append(init.connection_id)
                if number == 0:
                    await client.send(SubscriptionRequest("loud", True))
                await client.send(ActionRequest(number, "shout", [1]))
                if number == 0:
                    await client.receive()
                assert await client.receive() == ActionResponse(number, None)
                await client.send(ActionRequest(9, "leave", [None]))
                assert await client.closed() == (1000, "")
        assert len(set(ids)) == 2
