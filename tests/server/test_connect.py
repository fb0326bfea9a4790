"""Connections over WebSocket, with websockets and trio-websocket as clients, and raw bytes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_websocket import WebSocketConnection, wrap_client_stream
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import ClientConnection

from tests.server.actors import Counter
from tests.server.serving import rest, serving
from tests.server.sessions import CONNECT, ROOM, UPGRADE, Client, params
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
)

ENCODINGS = ["bare", "cbor", "json"]


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


async def test_an_own_client_gets_its_own_subprotocol(autojump_clock: MockClock) -> None:
    async with serving() as site:
        offer = ("rivet", "rivet_encoding.cbor", "trivet.1")
        async with site.websocket(CONNECT, *offer) as socket:
            assert socket.subprotocol == "trivet.1"
            client = Client(socket, "cbor")
            await client.receive()
            await client.send(ActionRequest(0, "wait", [30.0], deadline=1000))
            await client.send(ActionRequest(1, "wait", [0.0], deadline=5000))


async def test_trio_websocket_is_served_too(autojump_clock: MockClock) -> None:
    async with serving() as site, trio.open_nursery() as nursery:
        socket: WebSocketConnection = await wrap_client_stream(
            nursery,
            cast("trio.SocketStream", site.dial()),
            "server",
            CONNECT,
            subprotocols=["rivet", "rivet_encoding.bare"],
        )
        codec = CODECS["bare"]
        welcome = await socket.get_message()
        assert isinstance(welcome, bytes)
        assert isinstance(codec.decode_to_client(welcome), Init)
        await socket.send_message(codec.encode_to_server(ActionRequest(0, "add", [1])))
        answer = await socket.get_message()
        assert isinstance(answer, bytes)
        assert codec.decode_to_client(answer) == ActionResponse(0, 1)
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
        await stream.send_all(UPGRADE + b"sec-websocket-protocol: rivet\r\n\r\n" + frame)
        answer = b""
        while b"ActionResponse" not in answer:
            answer += await stream.receive_some()
        assert answer.index(b"101 Switching") < answer.index(b"Init") < answer.index(b"Response")


# -- what clients do wrong -----------------------------------------------------------------------


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
        assert len(site.service.links) == 1


async def test_a_silent_client_is_pinged_and_then_gone(autojump_clock: MockClock) -> None:
    async with serving(host="127.0.0.1") as site:
        async with await trio.open_tcp_stream("127.0.0.1", site.server.port) as stream:
            await stream.send_all(UPGRADE + b"\r\n")
            started = trio.current_time()
            assert (await rest(stream)).endswith(b"\x89\x00")
            assert 40 <= trio.current_time() - started <= 41
        await wait_all_tasks_blocked()
        assert site.listener.open_connections == 0


async def test_a_link_outlives_its_instance(autojump_clock: MockClock) -> None:
    async with serving() as site, site.websocket(CONNECT, "rivet") as socket:
        client = Client(socket, "json")
        await client.receive()
        await client.send(SubscriptionRequest("changed", True), ActionRequest(0, "add", [1]))
        for _ in range(2):
            await client.receive()
        definition = site.runtime.registry.find(Counter)
        await site.runtime.put_away(definition, Address(key=("a",)))
        await client.send(ActionRequest(1, "add", [1]))
        assert await client.receive() == EventMessage("changed", [2])
        assert await client.receive() == ActionResponse(1, 2)
