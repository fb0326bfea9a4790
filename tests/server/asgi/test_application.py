"""The application: requests, WebSockets and the lifespan, as an ASGI server sees them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.actors import Counter, Room
from tests.server.asgi.calling import Call, application, calling, request, scope_of
from tests.server.serving import gateway
from trivet.declare.options import Limits

ADD = gateway(path="/action/add")
JSON = {"x-rivet-encoding": "json"}


def posting(address: str = ADD, **changes: Any) -> dict[str, Any]:
    headers = {**JSON, **changes.pop("headers", {})}
    return dict(scope_of(address, method="POST", headers=headers, **changes))


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
