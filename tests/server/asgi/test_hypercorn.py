"""The application inside a real ASGI server, mounted beside somebody else's, over real sockets."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import hypercorn.trio
import pytest
import trio
from hypercorn.config import Config
from hypercorn.middleware.dispatcher import TrioDispatcherMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import trivet.declare.errors as errors
from examples import mounted
from tests.server.actors import Counter, Login, Room
from tests.server.serving import HttpClient
from trivet.declare.registry import Registry
from trivet.open import asgi_app, open_client

REGISTRY = Registry(Counter, Room)


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def in_starlette() -> Any:
    actors = asgi_app(REGISTRY, public=True)
    routes = [Route("/hello", hello), Mount("/actors", actors)]
    return Starlette(routes=routes, lifespan=lambda _: actors.running())


def in_a_dispatcher() -> Any:
    site = Starlette(routes=[Route("/hello", hello)])
    actors = asgi_app(REGISTRY, public=True)
    mounts: dict[str, Any] = {"/actors": actors, "/": site}
    return TrioDispatcherMiddleware(mounts)


def alone() -> Any:
    return asgi_app(REGISTRY, public=True)


@asynccontextmanager
async def listening(application: Any) -> AsyncGenerator[str]:
    """Run an application; its address."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.accesslog = config.errorlog = logging.getLogger(__name__)
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        serve: Any = cast("Any", hypercorn.trio).serve
        serving = partial(serve, application, config, shutdown_trigger=stop.wait)
        addresses: list[str] = await nursery.start(serving)
        yield addresses[0]
        stop.set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "mount"), [(in_starlette, "/actors"), (in_a_dispatcher, "/actors"), (alone, "")]
)
async def test_actors_beside_another_application(make: Any, mount: str) -> None:
    async with listening(make()) as address, open_client(address + mount) as client:
        counter = client.get_or_create(Counter, "a")
        assert await counter.call(Counter.add, 2) == 2
        async with counter.connect() as connection:
            changes = connection.events(Counter.changed)
            assert await connection.call(Counter.add, 3) == 5
            assert await anext(changes) == 5
        room = client.get_or_create(Room, "b")
        async with room.connect(Login("bob")) as bob:
            left = bob.events(Room.left)
            async with room.connect(Login("ann")) as ann:
                assert await ann.call(Room.kick, "eve", "") is False
            assert await anext(left) == "ann"
            # hypercorn tells an application of every goodbye as of a lost network.
            assert await bob.call(Room.farewells) == ["ann network"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "mount"), [(in_starlette, "/actors"), (in_a_dispatcher, "/actors"), (alone, "")]
)
async def test_a_client_that_is_refused_before_any_hook(make: Any, mount: str) -> None:
    async with listening(make()) as address, open_client(address + mount) as client:
        room = client.get_or_create(Room, "a")
        with trio.fail_after(3), pytest.raises(errors.ValidationError):
            async with room.connect():  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
                pass
        async with room.websocket("/") as socket:
            with trio.fail_after(3):
                assert [message async for message in socket] == []
            assert (socket.close_code, socket.close_reason) == (1011, "actor.websocket_not_handled")


@pytest.mark.slow
async def test_the_example() -> None:
    async with listening(mounted.app) as address, open_client(address + "/actors") as client:
        stream = await trio.open_tcp_stream("127.0.0.1", int(address.rpartition(":")[2]))
        assert (await HttpClient(stream).request("GET", "/")).body == b"visit 1\n"
        visits = client.get(mounted.Visits, "home")
        assert await visits.call(mounted.Visits.count) == 2
        await stream.aclose()
