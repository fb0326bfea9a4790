"""The ways on which a behaviour is reached: twice under the mock clock, and once over sockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

import trio

from tests.server.serving import serving
from trivet.client.local import LocalTransport
from trivet.client.network import open_network_transport
from trivet.declare.actor import Actor
from trivet.declare.handle import Client
from trivet.declare.registry import Registry
from trivet.open import open_client, serve
from trivet.ports.storage import Storage
from trivet.server.serve import Server
from trivet.testing.network import MemoryConnection

__all__ = ["WAYS", "Way", "over_sockets", "reached"]

Way = Literal["in process", "over a network"]
WAYS: tuple[Way, ...] = ("in process", "over a network")


@asynccontextmanager
async def reached(way: Way, *actors: type[Actor[Any, Any, Any, Any]]) -> AsyncGenerator[Client]:
    """Serve actors, and reach them in this process, or over a network in memory."""
    async with serving(*actors) as site:
        site.runtime.client = Client(LocalTransport(site.runtime))
        if way == "in process":
            yield site.runtime.client
            return

        async def connect() -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            connection = MemoryConnection("server")
            site.server.serve_stream(connection.server)
            return connection.client

        async with open_network_transport("http://server", connect=connect) as transport:
            yield Client(transport)


@asynccontextmanager
async def over_sockets(
    *actors: type[Actor[Any, Any, Any, Any]], storage: Storage | None = None
) -> AsyncGenerator[Client]:
    """Serve actors, and reach them by TCP."""
    async with trio.open_nursery() as nursery:
        served = partial(serve, Registry(*actors), port=0, storage=storage)
        server: Server = await nursery.start(served)
        async with open_client(server.url) as client:
            yield client
        nursery.cancel_scope.cancel()
