"""WebSockets behind an ASGI server: accepted, carried both ways, closed with a reason."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.actors import Counter, Login, Room
from tests.server.asgi.calling import Call, application, calling, websocket_scope
from tests.server.serving import gateway
from tests.server.sessions import params
from trivet.declare.actor import Actor
from trivet.declare.request import Request
from trivet.declare.web_socket import WebSocket
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, ActionResponse, Init, ToClient, ToServer


class Club(Actor[None], name="club"):
    @classmethod
    async def authorize(cls, request: Request) -> bool:
        return False


class Speaker:
    """A client that speaks the messages of one encoding through an ASGI server."""

    def __init__(self, call: Call, encoding: str) -> None:
        self.call = call
        self._codec = CODECS[encoding]

    async def open(self) -> Any:
        self.call.say("websocket.connect")
        accepted = await self.call.hear()
        assert accepted == {"type": "websocket.accept", "subprotocol": "rivet"}

    def send(self, message: ToServer) -> None:
        data = self._codec.encode_to_server(message)
        if self._codec.binary:
            self.call.say("websocket.receive", bytes=data, text=None)
        else:
            self.call.say("websocket.receive", text=data.decode())

    async def receive(self) -> ToClient:
        message = await self.call.hear()
        assert message["type"] == "websocket.send"
        data = message["bytes"] if self._codec.binary else message["text"].encode()
        return self._codec.decode_to_client(data)


def connecting(*more: str, name: str = "counter", encoding: str = "json") -> dict[str, Any]:
    address = gateway(name, path="/connect")
    return dict(websocket_scope(address, "rivet", f"rivet_encoding.{encoding}", *more))


@pytest.mark.parametrize("encoding", ["bare", "cbor", "json"])
async def test_a_connection(autojump_clock: MockClock, encoding: str) -> None:
    app = application()
    began_at = trio.current_time()
    async with app.running(), calling(app, connecting(encoding=encoding)) as call:
        speaker = Speaker(call, encoding)
        await speaker.open()
        assert isinstance(await speaker.receive(), Init)
        speaker.send(ActionRequest(0, "add", [3]))
        assert await speaker.receive() == ActionResponse(0, 3)
        assert trio.current_time() == began_at  # nothing waited for a ping
        call.say("websocket.disconnect", code=1000, reason="Disposed")
        await call.ended.wait()


@pytest.mark.parametrize(
    ("code", "cause"),
    [(1000, "client"), (1005, "client"), (1006, "network"), (1015, "network"), (4000, "client")],
)
async def test_how_a_client_left_is_known(autojump_clock: MockClock, code: int, cause: str) -> None:
    app = application()
    async with app.running():
        login = params('{"token":"ann"}')
        async with calling(app, connecting(login, name="room")) as call:
            speaker = Speaker(call, "json")
            await speaker.open()
            await speaker.receive()
            call.say("websocket.disconnect", code=code)
            await call.ended.wait()
        await wait_all_tasks_blocked()
        room = app.server.client.get(Room, "a").with_params(Login("bob"))
        assert f"ann {cause}" in await room.call(Room.farewells)


async def test_half_a_character_closes(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running(), calling(app, connecting()) as call:
        speaker = Speaker(call, "json")
        await speaker.open()
        await speaker.receive()
        call.say("websocket.receive", text="\ud800")
        assert (await call.hear())["code"] == 1007


async def test_a_kicked_client_hears_why(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running():
        login = params('{"token":"ann"}')
        async with calling(app, connecting(login, name="room")) as call:
            speaker = Speaker(call, "json")
            await speaker.open()
            await speaker.receive()
            room = app.server.client.get(Room, "a").with_params(Login("bob"))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(room.call_by_name, "kick", "ann", "Too loud")
                closed = await call.hear()
            assert closed == {"type": "websocket.close", "code": 1000, "reason": "Too loud"}
            await call.ended.wait()


async def test_a_refused_client_is_accepted_and_told(autojump_clock: MockClock) -> None:
    app = application()
    login = params('{"token":"wrong"}')
    async with app.running(), calling(app, connecting(login, name="room")) as call:
        speaker = Speaker(call, "json")
        await speaker.open()
        await speaker.receive()
        closed = await call.hear()
        assert (closed["code"], closed["reason"]) == (1011, "user.unauthorized")


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        (connecting(name="club"), "auth.forbidden"),
        (dict(websocket_scope("/gateway/0123/connect", "rivet")), "auth.forbidden"),
        (connecting(name="room"), "actor.validation_error"),
        (connecting(name="nothing"), "guard.unknown_actor_name"),
        (dict(websocket_scope("/nowhere", "rivet")), "api.not_found"),
    ],
)
async def test_a_client_that_is_refused_at_once_is_told_at_once(
    autojump_clock: MockClock, scope: dict[str, Any], reason: str
) -> None:
    """Response, error and close come in one piece: the WebSocket is closing before it was open."""
    app = application(Counter, Room, Club)
    began_at = trio.current_time()
    async with app.running(), calling(app, scope) as call:
        call.say("websocket.connect")
        assert await call.hear() == {"type": "websocket.accept", "subprotocol": "rivet"}
        while (message := await call.hear())["type"] == "websocket.send":
            pass
        assert message == {"type": "websocket.close", "code": 1011, "reason": reason}
        await call.ended.wait()
    assert trio.current_time() == began_at


async def test_the_server_pings_and_is_answered(autojump_clock: MockClock) -> None:
    """The ASGI server watches its client, so the one behind it must not give that up."""
    app = application()
    async with app.running(), calling(app, connecting()) as call:
        speaker = Speaker(call, "json")
        await speaker.open()
        await speaker.receive()
        await trio.sleep(300)
        speaker.send(ActionRequest(0, "add", []))
        assert await speaker.receive() == ActionResponse(0, 1)


async def test_a_client_that_reads_nothing_is_given_up(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running(), calling(app, connecting()) as call:
        speaker = Speaker(call, "json")
        await speaker.open()
        await speaker.receive()
        counter = app.server.client.get(Counter, "a")
        for number in range(5):  # one is under way, one is being sent, and two fit behind them
            speaker.send(ActionRequest(number, "large", [500_000]))
        await trio.sleep(10)
        assert await counter.call(Counter.value) == 0
        assert app.server.runtime.counters["slow_consumer"] == 1


async def test_the_stop_tells_every_client(autojump_clock: MockClock) -> None:
    app = application()
    call = Call()
    async with trio.open_nursery() as nursery:
        async with app.running():
            nursery.start_soon(call.run, app, connecting())
            speaker = Speaker(call, "json")
            await speaker.open()
            await speaker.receive()
            nursery.start_soon(hear_the_stop, call)


async def hear_the_stop(call: Call) -> None:
    assert (await call.hear())["code"] == 1012


class Talker(Actor[None], name="talker"):
    """Talks before it listens."""

    async def on_websocket(self, socket: WebSocket[None]) -> None:
        await anext(aiter(socket))
        for number in range(20):
            await trio.sleep(1)
            socket.send(f"tick {number}")
        count = 1
        async for _ in socket:
            count += 1
            if count == 60:
                socket.send("all")


async def test_what_the_server_does_not_read_keeps_nothing_back(autojump_clock: MockClock) -> None:
    app = application(Talker)
    scope = websocket_scope(gateway("talker", path="/websocket/x"))
    async with app.running(), calling(app, scope) as call:
        began_at = trio.current_time()
        call.say("websocket.connect")
        assert (await call.hear())["type"] == "websocket.accept"
        for _ in range(60):
            call.say("websocket.receive", bytes=bytes(60_000), text=None)
        for number in range(20):
            assert (await call.hear())["text"] == f"tick {number}"
            assert trio.current_time() - began_at == number + 1
        assert (await call.hear())["text"] == "all"
