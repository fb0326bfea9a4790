"""Sessions over WebSockets against a server that the test plays, well-behaved or not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.meetings import Login, Room, Told, meeting
from tests.client.peers import CBOR
from trivet.declare.errors import ConnectionClosed, ConnectionLost, UserError
from trivet.protocol.messages import ActionResponse, ErrorMessage, EventMessage, Init


async def test_a_client_introduces_itself() -> None:
    async with meeting(params=Login("ann")) as (_, visitor, _, _):
        pass
    rivet, encoding, extension, params = visitor.offered
    assert (rivet, encoding, extension) == ("rivet", "rivet_encoding.bare", "trivet.1")
    prefix, _, sent = params.partition(".")
    assert prefix == "rivet_conn_params"
    assert json.loads(unquote(sent)) == {"name": "ann"}
    url = urlsplit(visitor.path)
    assert url.path == "/gateway/room/connect"
    assert parse_qs(url.query)["rvt-key"] == ["a"]


async def test_without_params_none_are_offered() -> None:
    async with meeting() as (_, visitor, _, _):
        pass
    assert visitor.offered == ("rivet", "rivet_encoding.bare", "trivet.1")


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


@pytest.mark.parametrize(("frame", "code"), [(b"\xc2\x00", 1002), (b"\x81\x01\xff", 1007)])
async def test_a_server_that_breaks_websocket_is_told(
    frame: bytes, code: int, autojump_clock: MockClock
) -> None:
    async with meeting() as (peer, visitor, conn, nursery):
        told = Told(nursery, conn)
        await visitor.hears_call()
        await visitor.write(frame)
        assert (await visitor.closed())[0] == code
        await wait_all_tasks_blocked()
        assert isinstance(told.outcome, ConnectionLost)
        await peer.guest()
        await wait_all_tasks_blocked()
        assert conn.status == "connected"


async def test_a_server_that_breaks_websocket_and_takes_nothing(
    autojump_clock: MockClock,
) -> None:
    async with meeting() as (peer, visitor, conn, nursery):
        connection = peer.network.connections[-1]
        connection.stop_reading(server=True)
        for _ in range(4):
            Told(nursery, conn, "x" * 60_000)
        await wait_all_tasks_blocked()
        await visitor.write(b"\xc2\x00")
        await trio.sleep(2)
        assert connection.client.is_closed


async def test_a_server_that_takes_nothing_is_left(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, _, conn, _):
        changes = conn.status_changes()
        peer.network.connections[-1].stop_reading(server=True)
        for _ in range(3000):
            async with conn.events(Room.said):
                pass
        assert await anext(changes) == "disconnected"
        await peer.guest()
        assert await anext(changes) == "connected"


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


async def test_a_server_that_pings_during_the_goodbye(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def ping() -> None:
        with trio.move_on_after(10):  # by itself it waits for ever
            await visitor.socket.ping()

    async with meeting() as (peer, visitor, _, nursery):
        connection = peer.network.connections[-1]
        connection.delay(to_client=1, to_server=1)
        nursery.start_soon(ping)
        nursery.start_soon(visitor.closed)
    assert connection.client.is_closed
    assert "mishap" not in caplog.text


async def test_leaving_while_the_server_takes_nothing(autojump_clock: MockClock) -> None:
    async with meeting() as (peer, _, conn, nursery):
        connection = peer.network.connections[-1]
        connection.stop_reading(server=True)
        for _ in range(4):
            Told(nursery, conn, "x" * 60_000)
        await wait_all_tasks_blocked()
    assert connection.client.is_closed
