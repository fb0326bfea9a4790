"""Connections over WebSocket, with websockets and trio-websocket as clients, and raw bytes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_websocket import WebSocketConnection, wrap_client_stream
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import ClientConnection

from tests.server.actors import SECRET, Counter
from tests.server.serving import Serving, gateway, raw, rest, serving
from trivet.declare.handle import Address
from trivet.declare.options import Limits
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import (
    ActionRequest,
    ActionResponse,
    ErrorMessage,
    EventMessage,
    Init,
    SubscriptionRequest,
    ToClient,
    ToServer,
)

CONNECT = gateway(path="/connect")
ROOM = gateway("room", path="/connect")
ENCODINGS = ["bare", "cbor", "json"]


class Client:
    """Speaks the messages of one encoding over a WebSocket."""

    def __init__(self, socket: ClientConnection, encoding: str) -> None:
        self.socket = socket
        self._codec = CODECS[encoding]

    async def send(self, *messages: ToServer) -> None:
        for message in messages:
            data = self._codec.encode_to_server(message)
            await self.socket.send(data if self._codec.binary else data.decode())

    async def receive(self) -> ToClient:
        message = await self.socket.recv()
        assert isinstance(message, bytes) is self._codec.binary
        return self._codec.decode_to_client(
            message if isinstance(message, bytes) else message.encode()
        )

    async def closed(self) -> tuple[int, str]:
        """Wait for the server's close, and tell its code and reason."""
        try:
            while True:
                await self.socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


def params(text: str) -> str:
    return f"rivet_conn_params.{quote(text, safe='')}"


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


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_a_session(encoding: str, autojump_clock: MockClock) -> None:
    async with (
        serving() as site,
        site.websocket(CONNECT, "rivet", f"rivet_encoding.{encoding}") as socket,
    ):
        assert socket.subprotocol == "rivet"
        client = Client(socket, encoding)
        init = await client.receive()
        assert isinstance(init, Init)
        assert init.resume is None
        await client.send(
            SubscriptionRequest("changed", True),
            ActionRequest(0, "add", [3]),
            ActionRequest(1, "refuse", ["no", {"why": "so"}]),
            ActionRequest(2, "nothing", []),
            ActionRequest(3, "add", ["three"]),
        )
        assert await client.receive() == EventMessage("changed", [3])
        assert await client.receive() == ActionResponse(0, 3)
        assert await client.receive() == ErrorMessage(
            "user", "no", "No, thank you", {"why": "so"}, 1
        )
        for expected in ("action_not_found", "validation_error"):
            error = await client.receive()
            assert isinstance(error, ErrorMessage)
            assert error.code == expected
        await client.send(SubscriptionRequest("changed", False), ActionRequest(4, "add", [1]))
        assert await client.receive() == ActionResponse(4, 4)


async def test_the_default_encoding_is_json(autojump_clock: MockClock) -> None:
    async with serving() as site, site.websocket(CONNECT, "rivet") as socket:
        assert isinstance(await Client(socket, "json").receive(), Init)


async def test_the_direct_form(autojump_clock: MockClock) -> None:
    async with serving() as site:
        actor_id = (await site.http().call("add", 1)).headers["x-rivet-actor"]
        for address in (f"/gateway/{actor_id}/connect", f"/gateway/{actor_id}@token/connect?a=b"):
            async with site.websocket(address, "rivet") as socket:
                init = await Client(socket, "json").receive()
                assert isinstance(init, Init)
                assert init.actor_id == actor_id


async def test_subprotocols_may_name_the_actor(autojump_clock: MockClock) -> None:
    async with serving() as site:
        actor_id = (await site.http().call("add", 1)).headers["x-rivet-actor"]
        target = ("rivet", "rivet_target.actor", f"rivet_actor.{actor_id}", "rivet_token.t")
        async with site.websocket("/connect", *target, "rivet_skip_ready_wait") as socket:
            assert isinstance(await Client(socket, "json").receive(), Init)
        reason = await refused(site, "/connect", "rivet", "rivet_target.actor")
        assert reason == ("guard.missing_header", 1011)


async def test_an_own_client_gets_its_own_subprotocol(autojump_clock: MockClock) -> None:
    async with serving() as site:
        offer = ("rivet", "rivet_encoding.cbor", "trivet.1")
        async with site.websocket(CONNECT, *offer) as socket:
            assert socket.subprotocol == "trivet.1"
            client = Client(socket, "cbor")
            await client.receive()
            await client.send(ActionRequest(0, "wait", [30.0], deadline=1000))
            await client.send(ActionRequest(1, "wait", [0.0], deadline=5000))


async def test_a_client_without_subprotocols_is_served(autojump_clock: MockClock) -> None:
    async with serving() as site, site.websocket(CONNECT) as socket:
        assert socket.subprotocol is None
        assert isinstance(await Client(socket, "json").receive(), Init)


async def test_trio_websocket_is_served_too(autojump_clock: MockClock) -> None:
    async with serving() as site, trio.open_nursery() as nursery:
        socket: WebSocketConnection = await wrap_client_stream(
            nursery, site.dial(), "server", CONNECT, subprotocols=["rivet", "rivet_encoding.bare"]
        )
        codec = CODECS["bare"]
        assert isinstance(codec.decode_to_client(await socket.get_message()), Init)
        await socket.send_message(codec.encode_to_server(ActionRequest(0, "add", [1])))
        assert codec.decode_to_client(await socket.get_message()) == ActionResponse(0, 1)
        await socket.aclose(1000, "Disposed")


async def test_early_frames_are_kept(autojump_clock: MockClock) -> None:
    """Raw clients send before Init, and even together with their request."""
    async with serving() as site:
        stream = site.dial()
        message = (
            b'{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","0"],"name":"add","args":[2]}}}'
        )
        frame = b"\x81" + bytes([128 + len(message)]) + bytes(4) + message
        assert len(message) < 126
        await stream.send_all(
            f"GET {CONNECT} HTTP/1.1\r\nhost: server\r\nupgrade: websocket\r\n"
            "connection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "sec-websocket-version: 13\r\nsec-websocket-protocol: rivet\r\n\r\n".encode()
            + frame
        )
        answer = b""
        while b"ActionResponse" not in answer:
            answer += await stream.receive_some()
        assert answer.index(b"101 Switching") < answer.index(b"Init") < answer.index(b"Response")


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("/nothing", "api.not_found"),
        ("/connect", "api.not_found"),
        ("/metadata", "api.not_found"),
        (gateway(path="/"), "api.not_found"),
        (gateway(path="/action/add"), "api.not_found"),
        (gateway(path="/inspector/connect"), "api.not_found"),
        (gateway(path="/websocket/a"), "actor.not_implemented"),
        (gateway(key="none", path="/connect", create=False), "actor.not_found"),
        ("/gateway/nobody/connect", "actor.not_found"),
        (gateway("nobody", path="/connect"), "guard.unknown_actor_name"),
        ("/gateway/counter/connect?rvt-method=get", "guard.query_invalid_params"),
        (
            "/gateway/counter/connect?rvt-namespace=other&rvt-method=get",
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
        site.server._listener._service.stopping.begun = True
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


async def test_a_store_that_hangs_lets_the_client_try_again(autojump_clock: MockClock) -> None:
    async with serving() as site:

        async def hang(actor_id: str) -> None:
            await trio.sleep_forever()

        site.runtime.storage.load = hang  # type: ignore[method-assign, assignment]
        started = trio.current_time()
        assert await refused(site, "/gateway/someone/connect") == ("actor.starting", 1011)
        assert trio.current_time() - started == 15


UPGRADE = (
    f"GET {CONNECT} HTTP/1.1\r\nhost: server\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
).encode()


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


# -- what clients do wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("json", "{"),
        ("json", '{"body":{"tag":"Nothing","val":{}}}'),
        ("json", b"\x00"),
        ("bare", "text"),
        ("bare", b"\x04\x00\x09"),
        ("cbor", b"\xff"),
    ],
)
async def test_a_message_that_cannot_be_read_closes(
    encoding: str, message: str | bytes, autojump_clock: MockClock
) -> None:
    async with (
        serving() as site,
        site.websocket(CONNECT, "rivet", f"rivet_encoding.{encoding}") as socket,
    ):
        client = Client(socket, encoding)
        await client.receive()
        await socket.send(message)
        assert await client.closed() == (1011, "actor.invalid_request")


async def test_a_message_beyond_its_limit_closes(autojump_clock: MockClock) -> None:
    async with (
        serving(limits=Limits(message_in=200)) as site,
        site.websocket(CONNECT, "rivet") as socket,
    ):
        client = Client(socket, "json")
        await client.receive()
        await client.send(ActionRequest(0, "echo", ["x" * 200]))
        assert await client.closed() == (1011, "message.incoming_too_long")


async def test_an_answer_beyond_its_limit_is_an_error_of_the_call(
    autojump_clock: MockClock,
) -> None:
    async with (
        serving(limits=Limits(message_out=300)) as site,
        site.websocket(CONNECT, "rivet") as socket,
    ):
        client = Client(socket, "json")
        await client.receive()
        await client.send(ActionRequest(0, "large", [300]), ActionRequest(1, "large", [1]))
        error = await client.receive()
        assert isinstance(error, ErrorMessage)
        assert (error.group, error.code, error.action_id) == ("message", "outgoing_too_long", 0)
        assert await client.receive() == ActionResponse(1, "x")


async def test_a_flood_of_frames_closes(autojump_clock: MockClock) -> None:
    async with (
        serving(limits=Limits(frame_rate=10, frame_burst=20)) as site,
        site.websocket(CONNECT, "rivet") as socket,
    ):
        client = Client(socket, "json")
        await client.receive()
        for n in range(30):
            try:
                await client.send(ActionRequest(n, "value", []))
            except ConnectionClosed:
                break
        assert await client.closed() == (1008, "connection.flooding")


# -- the end -------------------------------------------------------------------------------------


async def test_every_end_is_told_to_the_actor_once(autojump_clock: MockClock) -> None:
    async with serving() as site, AsyncExitStack() as clients:

        async def enter(name: str, stream: trio.abc.Stream | None = None) -> ClientConnection:
            context = site.websocket(ROOM, "rivet", params(f'{{"token":"{name}"}}'), stream=stream)
            socket = await clients.enter_async_context(context)
            await Client(socket, "json").receive()
            return socket

        leaver = await enter("leaver")
        await leaver.aclose(1000, "Disposed")
        lost = site.dial()
        await enter("lost", lost)
        await trio.aclose_forcefully(lost)
        mistaken = await enter("mistaken")
        await mistaken.send("{")
        await Client(mistaken, "json").closed()
        kicked = await enter("kicked")
        client = Client(await enter("staying"), "json")
        await client.send(ActionRequest(0, "kick", ["kicked", "out"]))
        assert await Client(kicked, "json").closed() == (1000, "out")
        assert await client.receive() == ActionResponse(0, True)
        await client.send(ActionRequest(1, "farewells", []))
        farewells = ["leaver client", "lost network", "mistaken server", "kicked kick"]
        assert await client.receive() == ActionResponse(1, farewells)
        assert len(site.server._listener._service.links) == 1


async def test_a_silent_client_is_pinged_and_then_gone(autojump_clock: MockClock) -> None:
    async with serving(host="127.0.0.1") as site:
        async with await trio.open_tcp_stream("127.0.0.1", site.server.port) as stream:
            await stream.send_all(UPGRADE + b"\r\n")
            started = trio.current_time()
            assert (await rest(stream)).endswith(b"\x89\x00")
            assert 40 <= trio.current_time() - started <= 41
        await wait_all_tasks_blocked()
        assert site.server._listener.open_connections == 0


async def test_a_link_outlives_its_instance(autojump_clock: MockClock) -> None:
    async with serving() as site, site.websocket(CONNECT, "rivet") as socket:
        client = Client(socket, "json")
        await client.receive()
        await client.send(SubscriptionRequest("changed", True), ActionRequest(0, "add", [1]))
        await client.receive(), await client.receive()
        definition = site.runtime.registry.find(Counter)
        await site.runtime.put_away(definition, Address(key=("a",)))
        await client.send(ActionRequest(1, "add", [1]))
        assert await client.receive() == EventMessage("changed", [2])
        assert await client.receive() == ActionResponse(1, 2)
