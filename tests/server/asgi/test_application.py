"""The application: requests, WebSockets and the lifespan, as an ASGI server sees them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.actors import Counter, Login, Room
from tests.server.asgi.calling import Call, calling, request, scope_of, websocket_scope
from tests.server.serving import gateway
from tests.server.sessions import params
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.declare.registry import Registry
from trivet.declare.request import Request
from trivet.open import asgi_app
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, ActionResponse, Init, ToClient, ToServer
from trivet.server.asgi.application import Application

ADD = gateway(path="/action/add")
JSON = {"x-rivet-encoding": "json"}


def application(*actors: Any, **options: Any) -> Application:
    registry = Registry(*(actors or (Counter, Room)))
    chosen: dict[str, Any] = {"public": True, "watch_loop": False, **options}
    return asgi_app(registry, **chosen)


def posting(address: str = ADD, **changes: Any) -> dict[str, Any]:
    headers = {**JSON, **changes.pop("headers", {})}
    return dict(scope_of(address, method="POST", headers=headers, **changes))


class Club(Actor[None], name="club"):
    @classmethod
    async def authorize(cls, request: Request) -> bool:
        return False


# -- requests ------------------------------------------------------------------------------------


async def test_a_call(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running():
        status, headers, body = await request(app, posting(), b'{"args":[2]}')
        assert (status, json.loads(body)) == (200, {"output": 2})
        assert headers["content-type"] == "application/json"
        assert "connection" not in headers
        assert "transfer-encoding" not in headers


@pytest.mark.parametrize(
    "headers", [{}, {"content-length": "12"}, {"transfer-encoding": "chunked"}]
)
async def test_a_body_in_pieces(autojump_clock: MockClock, headers: dict[str, str]) -> None:
    app = application()
    async with app.running():
        scope = posting(headers=headers)
        _, _, body = await request(app, scope, b'{"ar', b'gs"', b":[5]}")
        assert json.loads(body) == {"output": 5}


async def test_a_body_over_the_limit_is_refused_before_its_end(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running(), calling(app, posting()) as call:
        for _ in range(100):
            call.say("http.request", body=b"x" * 1000, more_body=True)
        start = await call.hear()
        assert start["status"] == 400
        answer = json.loads((await call.hear())["body"])
        assert answer["code"] == "incoming_too_long"
        assert not (await call.hear())["more_body"]
        await call.ended.wait()


async def test_a_request_without_a_body(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running():
        status, _, body = await request(app, scope_of("/metadata"))
        assert (status, json.loads(body)["runtime"]) == (200, "trivet")
        status, headers, body = await request(app, scope_of("/metadata", method="HEAD"))
        assert (status, body) == (200, b"")
        assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    "mounted",
    [
        {"path": "/api/actors/metadata", "raw_path": b"/api/actors/metadata"},
        {"path": "/metadata", "raw_path": b"/api/actors/metadata"},
        {"path": "/metadata", "raw_path": None},
        {"path": "/api/actors/metadata", "raw_path": None},
    ],
)
async def test_where_it_is_mounted_is_no_part_of_the_address(
    autojump_clock: MockClock, mounted: dict[str, Any]
) -> None:
    app = application()
    async with app.running():
        status, _, _ = await request(app, scope_of("", root_path="/api/actors", **mounted))
        assert status == 200


async def test_a_mount_that_only_looks_alike(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running():
        status, _, _ = await request(app, scope_of("/metadata", root_path="/meta"))
        assert status == 200


async def test_a_client_that_leaves_ends_its_request(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running():
        scope = posting(gateway(path="/action/wait"))
        async with calling(app, scope) as call:
            call.say("http.request", body=b'{"args":[5]}')
            await wait_all_tasks_blocked()
            call.say("http.disconnect")
            await call.ended.wait()
        await trio.sleep(6)
        assert app.server.runtime.counters["connection_broken"] == 1


async def test_a_client_that_leaves_before_its_body(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running(), calling(app, posting()) as call:
        call.say("http.disconnect")
        await call.ended.wait()


async def test_an_address_with_too_many_connections(autojump_clock: MockClock) -> None:
    app = application(limits=Limits(connections_per_address=1))
    scope = posting(gateway(path="/action/wait"), client=("192.0.2.1", 1))
    async with app.running(), calling(app, scope) as call:
        call.say("http.request", body=b'{"args":[5]}')
        await wait_all_tasks_blocked()
        assert (await request(app, {**posting(), "client": ("192.0.2.1", 2)}))[0] == 503
        assert (await request(app, {**posting(), "client": ("192.0.2.2", 2)}, b"{}"))[0] == 200


async def test_what_is_no_http_is_refused(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running():
        scope = posting(headers={"x-odd": "one\r\ntwo: three"})
        assert (await request(app, scope, b"{}"))[0] == 400


async def test_a_body_of_another_length_is_not_taken(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running(), calling(app, posting(headers={"content-length": "5"})) as call:
        call.say("http.request", body=b'{"args":[1]}')
        await call.ended.wait()
        counter = app.server.client.get_or_create(Counter, "a")
        assert await counter.call(Counter.value) == 0


# -- WebSockets ----------------------------------------------------------------------------------


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
        speaker.send(ActionRequest(0, "large", [500_000]))
        speaker.send(ActionRequest(1, "large", [500_000]))
        speaker.send(ActionRequest(2, "large", [500_000]))
        speaker.send(ActionRequest(3, "large", [500_000]))
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


# -- the lifespan --------------------------------------------------------------------------------


async def test_the_lifespan_is_its_run(autojump_clock: MockClock) -> None:
    app = application()
    async with calling(app, {"type": "lifespan"}) as call:
        call.say("lifespan.startup")
        assert await call.hear() == {"type": "lifespan.startup.complete"}
        assert (await request(app, scope_of("/health")))[0] == 200
        call.say("lifespan.shutdown")
        assert await call.hear() == {"type": "lifespan.shutdown.complete"}


async def test_it_runs_again(autojump_clock: MockClock) -> None:
    app = application()
    for _ in range(2):
        async with app.running():
            assert (await request(app, posting(), b'{"args":[1]}'))[2] == b'{"output":1}'


async def test_a_start_that_fails_is_told(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(public=False)
    async with calling(app, {"type": "lifespan"}) as call:
        call.say("lifespan.startup")
        told = await call.hear()
        assert told["type"] == "lifespan.startup.failed"
        assert "Counter lets everybody in" in told["message"]
    assert "the startup of the actors failed" in caplog.text


async def test_guarded_actors_need_not_be_public(autojump_clock: MockClock) -> None:
    async with application(Room, public=False).running():
        pass


async def test_what_does_not_run_says_so(autojump_clock: MockClock) -> None:
    with pytest.raises(RuntimeError, match=r"enter its running\(\)"):
        await Call().run(application(), scope_of("/health"))


async def test_two_runs_at_once(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running():
        with pytest.raises(RuntimeError, match="runs already"):
            async with app.running():
                raise AssertionError


async def test_nothing_else_is_served(autojump_clock: MockClock) -> None:
    app = application()
    async with app.running():
        with pytest.raises(ValueError, match="telegraph"):
            await Call().run(app, {"type": "telegraph"})


def test_another_event_loop_is_refused_by_name() -> None:
    app = application()

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "trio worker" in sent[0]["message"]


async def test_nobody_manages_without_a_token(autojump_clock: MockClock) -> None:
    """Where the ASGI server lets clients in from is not known here, so nobody is local."""
    app = application()
    async with app.running():
        status, _, body = await request(app, scope_of("/actors?name=counter&namespace=default"))
        assert (status, json.loads(body)["code"]) == (403, "forbidden")
