"""Sessions over WebSockets against a server that the test plays, well-behaved or not."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.peers import CBOR, JSON, SocketPeer, Visitor, client_of, socket_peer
from trivet.client.network import open_network_transport
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import ActionError, ConnectionClosed, ConnectionLost, Error, UserError
from trivet.declare.event import Event
from trivet.declare.handle import Client, Connection, Handle
from trivet.protocol.messages import (
    ActionResponse,
    ErrorMessage,
    EventMessage,
    HttpResponseError,
    Init,
)
from trivet.testing.network import MemoryStream


@attrs.frozen
class Login:
    name: str


class Room(Actor[None, None, Login | None], name="room"):
    said = Event[str]()
    moved = Event[tuple[str, int]]()

    @action
    def say(self, text: str) -> int:
        return len(text)


@asynccontextmanager
async def meeting(
    subprotocol: str | None = "trivet.1", params: Login | None = None
) -> AsyncGenerator[tuple[SocketPeer, Visitor, Connection[Room], trio.Nursery]]:
    """An open connection, both of its ends, and a nursery for calls."""
    async with (
        socket_peer() as peer,
        client_of(peer.network) as (client, _),
        trio.open_nursery() as nursery,
    ):
        visitors: list[Visitor] = []

        async def let_in() -> None:
            visitors.append(await peer.guest(subprotocol))

        nursery.start_soon(let_in)
        async with client.get_or_create(Room, "a").connect(params) as conn:
            yield peer, visitors[0], conn, nursery


class Told:
    """What became of a call in a task of its own."""

    outcome: Any = None

    def __init__(self, nursery: trio.Nursery, conn: Handle[Room], text: str = "hi") -> None:
        nursery.start_soon(self._run, conn, text)

    async def _run(self, conn: Handle[Room], text: str) -> None:
        try:
            self.outcome = await conn.call(Room.say, text)
        except Error as error:
            self.outcome = error


async def test_a_client_introduces_itself() -> None:
    async with meeting(params=Login("ann")) as (_, visitor, _, _):
        pass
    rivet, encoding, extension, params = visitor.offered
    assert (rivet, encoding, extension) == ("rivet", "rivet_encoding.cbor", "trivet.1")
    prefix, _, sent = params.partition(".")
    assert prefix == "rivet_conn_params"
    assert json.loads(unquote(sent)) == {"name": "ann"}
    url = urlsplit(visitor.path)
    assert url.path == "/gateway/room/connect"
    assert parse_qs(url.query)["rvt-key"] == ["a"]


async def test_without_params_none_are_offered() -> None:
    async with meeting() as (_, visitor, _, _):
        pass
    assert visitor.offered == ("rivet", "rivet_encoding.cbor", "trivet.1")


async def test_calls_and_their_answers() -> None:
    async with meeting() as (_, visitor, conn, nursery):
        first, second = Told(nursery, conn, "one"), Told(nursery, conn, "two")
        calls = [await visitor.hears_call(), await visitor.hears_call()]
        assert [call.id for call in calls] == [0, 1]
        assert {call.name for call in calls} == {"say"}
        ids = {call.args[0]: call.id for call in calls}
        await visitor.say(ActionResponse(ids["two"], 2))
        await visitor.say(ErrorMessage("user", "denied", "no", {"why": 1}, ids["one"]))
        await wait_all_tasks_blocked()
        assert second.outcome == 2
        assert isinstance(first.outcome, UserError)
        assert (first.outcome.code, first.outcome.metadata) == ("denied", {"why": 1})


async def test_events_and_subscriptions() -> None:
    async with meeting() as (_, visitor, conn, _):
        async with conn.events(Room.said, Room.moved) as events:
            assert (await visitor.hears_subscription()).event_name == "said"
            assert (await visitor.hears_subscription()).event_name == "moved"
            await visitor.say(EventMessage("moved", ["ann", 3]))
            await visitor.say(EventMessage("said", ["hi"]))
            assert [await anext(events), await anext(events)] == [("ann", 3), "hi"]
        assert not (await visitor.hears_subscription()).subscribe


@pytest.mark.parametrize(("subprotocol", "deadline"), [("trivet.1", 1500), ("rivet", None)])
async def test_deadlines_are_told_to_who_understands_them(
    subprotocol: str, deadline: int | None, autojump_clock: MockClock
) -> None:
    async with meeting(subprotocol) as (_, visitor, conn, nursery):
        with trio.move_on_after(1.5):
            Told(nursery, conn)
            await conn.call(Room.say, "mine")
        heard = [await visitor.hears_call(), await visitor.hears_call()]
        found = {call.args[0]: call.deadline for call in heard}
        assert found == {"mine": deadline, "hi": None}


async def test_a_server_that_selects_no_subprotocol_is_borne() -> None:
    async with meeting(None) as (_, visitor, conn, nursery):
        told = Told(nursery, conn)
        await visitor.say(ActionResponse((await visitor.hears_call()).id, 2))
        await wait_all_tasks_blocked()
        assert told.outcome == 2


async def test_pings_are_answered_whatever_the_application_does() -> None:
    async with meeting() as (_, visitor, conn, _):
        conn.events(Room.said)
        for number in range(500):
            await visitor.say(EventMessage("said", [str(number)]))
        await visitor.socket.ping()


# Refusals


async def refused(peer: SocketPeer, *, create: bool = True) -> Exception | None:
    async with client_of(peer.network) as (client, _):
        room = client.get_or_create(Room, "a") if create else client.get(Room, "a")
        try:
            async with room.connect():
                return None
        except Exception as error:
            return error


async def test_a_refusal_is_the_error_that_was_told() -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:

        async def refuse() -> None:
            visitor = await peer.visitor()
            await visitor.say(ErrorMessage("user", "denied", "nope", {"why": "bad token"}))
            await visitor.socket.aclose(1011, "user.denied")

        nursery.start_soon(refuse)
        error = await refused(peer)
    assert isinstance(error, UserError)
    assert (error.message, error.metadata) == ("nope", {"why": "bad token"})


async def test_a_close_alone_is_a_refusal_too() -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:

        async def refuse() -> None:
            await (await peer.visitor()).socket.aclose(1011, "actor.not_found#ray")

        nursery.start_soon(refuse)
        error = await refused(peer, create=False)
    assert isinstance(error, ActionError)
    assert error.code == "not_found"


async def answer_with(stream: MemoryStream, answer: bytes) -> None:
    async with stream:
        await stream.receive_some()
        await stream.send_all(answer)


async def test_an_http_error_that_states_an_error_is_a_refusal() -> None:
    body = JSON.encode_error(HttpResponseError("auth", "forbidden", "not from there"))
    head = f"HTTP/1.1 403 No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    async with socket_peer() as peer, trio.open_nursery() as nursery:

        async def refuse() -> None:
            await answer_with(await peer.stream(), head.encode() + b"\r\n" + body)

        nursery.start_soon(refuse)
        error = await refused(peer)
    assert isinstance(error, ActionError)
    assert str(error) == "auth.forbidden: not from there"


async def test_params_that_are_too_long_are_told_at_once() -> None:
    async with socket_peer() as peer, client_of(peer.network) as (client, _):
        with pytest.raises(Error, match="outgoing_too_long"):
            async with client.get(Room, "a").connect(Login("x" * 5000)):
                pass


# Mishaps before Init


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"complete nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 503 No\r\n\r\nuntil the end",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 \xff\r\nconnection: \xff\r\nupgrade: \xff\r\n\r\n",
    ],
)
async def test_no_handshake_is_tried_again(answer: bytes, autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        nursery.start_soon(refused, peer)
        await answer_with(await peer.stream(), answer)
        await peer.guest()


async def test_a_handshake_that_never_comes_is_tried_again(autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        nursery.start_soon(refused, peer)
        silent = await peer.stream()
        start = trio.current_time()
        await peer.guest()
        assert 15 <= trio.current_time() - start < 16
        assert await silent.receive_some() != b""
        assert await silent.receive_some() == b""


async def test_an_init_that_never_comes_is_tried_again(autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        nursery.start_soon(refused, peer)
        visitor = await peer.visitor()
        start = trio.current_time()
        await peer.guest()
        assert 30 <= trio.current_time() - start < 31
        assert (await visitor.closed())[0] == 1006


async def test_a_network_that_is_down_is_tried_again(autojump_clock: MockClock) -> None:
    async with socket_peer() as peer, trio.open_nursery() as nursery:
        tries: list[float] = []

        async def connect() -> trio.abc.Stream:
            tries.append(trio.current_time())
            if len(tries) < 5:
                raise OSError("the network is down")
            return await peer.network.connect("server")

        async with open_network_transport("http://server", connect=connect) as transport:
            nursery.start_soon(peer.guest)
            async with Client(transport).get(Room, "a").connect():
                pass
    assert len(tries) == 5


# Losses


async def test_a_server_that_closes_gives_its_reason(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, visitor, conn, nursery):
        told = Told(nursery, conn)
        await visitor.hears_call()
        await visitor.socket.aclose(1000, "Kicked by admin")
        await wait_all_tasks_blocked()
        assert isinstance(told.outcome, ConnectionClosed)
        assert told.outcome.reason == "Kicked by admin"
        await peer.guest()
        await wait_all_tasks_blocked()
        assert conn.status == "connected"


async def test_a_server_that_wants_nobody_back(autojump_clock: MockClock) -> None:
    async with meeting() as (_, visitor, conn, _):
        await visitor.socket.aclose(4001, "no advertising")
        with pytest.raises(ConnectionClosed, match="no advertising"):
            await conn.call(Room.say, "hi")
        assert conn.status == "closed"


async def test_a_cut_loses_what_was_on_its_way_and_nothing_else(
    autojump_clock: MockClock,
) -> None:
    async with meeting() as (peer, visitor, conn, nursery):
        events = conn.events(Room.said)
        await visitor.hears_subscription()
        lost = Told(nursery, conn, "lost")
        await visitor.hears_call()
        peer.network.cut()
        await wait_all_tasks_blocked()
        assert isinstance(lost.outcome, ConnectionLost)
        assert conn.status == "disconnected"
        kept = Told(nursery, conn, "kept")
        back = await peer.guest()
        assert (await back.hears_subscription()).event_name == "said"
        call = await back.hears_call()
        assert (call.id, call.args) == (1, ["kept"])
        await back.say(EventMessage("said", ["again"]))
        await back.say(ActionResponse(1, 4))
        assert await anext(events) == "again"
        await wait_all_tasks_blocked()
        assert kept.outcome == 4


async def test_a_server_that_vanishes_is_missed(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, _, conn, _):
        changes = conn.status_changes()
        peer.network.vanish()
        start = trio.current_time()
        assert await anext(changes) == "disconnected"
        assert trio.current_time() - start <= 40
        await peer.guest()


async def test_a_server_that_is_only_quiet_is_not(autojump_clock: MockClock) -> None:
    async with meeting() as (_, visitor, conn, nursery):
        nursery.start_soon(visitor.closed)  # it answers pings
        await trio.sleep(600)
        assert conn.status == "connected"


@pytest.mark.parametrize(
    "message",
    [
        b"\xff\xff",
        "text",
        CBOR.encode_to_client(ActionResponse(77, None)),
        CBOR.encode_to_client(Init("again", "again")),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_left(
    message: str | bytes, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with meeting() as (peer, visitor, conn, nursery):
        told = Told(nursery, conn)
        await visitor.hears_call()
        await visitor.socket.send_message(message)
        await wait_all_tasks_blocked()
        assert isinstance(told.outcome, ConnectionLost)
        await peer.guest()
        await wait_all_tasks_blocked()
        assert conn.status == "connected"
    assert "mishap" in caplog.text


async def test_frames_that_are_none_end_the_session(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, _, conn, _):
        changes = conn.status_changes()
        await peer.network.connections[-1].server.send_all(b"\xff" * 100)
        assert await anext(changes) == "disconnected"
        await peer.guest()


# Leaving


async def test_leaving_says_goodbye() -> None:
    async with meeting() as (_, visitor, _, nursery):
        goodbyes: list[Any] = []

        async def listen() -> None:
            goodbyes.append(await visitor.closed())

        nursery.start_soon(listen)
    assert goodbyes == [(1000, "Disposed")]


async def test_leaving_leaves_nothing_behind() -> None:
    async with meeting() as (peer, visitor, _, nursery):
        nursery.start_soon(visitor.closed)
    assert all(connection.client.is_closed for connection in peer.network.connections)


async def test_a_server_that_does_not_answer_the_goodbye(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, _, _, _):
        connection = peer.network.connections[-1]
        connection.stop_reading(server=True)
        start = trio.current_time()
    assert trio.current_time() - start == pytest.approx(5)
    assert connection.client.is_closed


async def test_a_server_that_pings_during_the_goodbye(autojump_clock: MockClock) -> None:
    async def ping() -> None:
        with trio.move_on_after(10):  # by itself it waits for ever
            await visitor.socket.ping()

    async with meeting() as (peer, visitor, _, nursery):
        connection = peer.network.connections[-1]
        connection.delay(to_client=1, to_server=1)
        nursery.start_soon(ping)
        nursery.start_soon(visitor.closed)
    assert connection.client.is_closed


async def test_leaving_while_the_server_takes_nothing(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, _, conn, nursery):
        connection = peer.network.connections[-1]
        connection.stop_reading(server=True)
        for _ in range(4):
            Told(nursery, conn, "x" * 60_000)
        await wait_all_tasks_blocked()
    assert connection.client.is_closed
