"""A relay between client and server: a network that can be cut."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import trio

__all__ = ["Relay", "open_relay"]


class Relay:
    """Passes every byte on.

    Attributes:
        port: Where clients reach it.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self._server = port
        self._latest = trio.CancelScope()

    @property
    def url(self) -> str:
        """Return the URL for clients without a token."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Close the latest connection, on both sides.

        Not all: node would send its next request over one that is idle, before it hears of its
        end, and the client would give up over that.
        """
        self._latest.cancel()

    async def carry(self, client: trio.SocketStream) -> None:
        """Connect a client to the server."""
        server = await trio.open_tcp_stream("127.0.0.1", self._server)
        async with client, server, trio.open_nursery() as nursery:
            self._latest = nursery.cancel_scope
            nursery.start_soon(_pass_on, client, server)
            await _pass_on(server, client)
            nursery.cancel_scope.cancel()


async def _pass_on(source: trio.SocketStream, target: trio.SocketStream) -> None:
    try:
        async for data in source:
            await target.send_all(data)
        await target.send_eof()
    except trio.BrokenResourceError:
        pass


@asynccontextmanager
async def open_relay(port: int) -> AsyncGenerator[Relay]:
    """Open a relay to a port of this machine."""
    relay = Relay(port)
    async with trio.open_nursery() as nursery:
        listening = partial(trio.serve_tcp, relay.carry, 0, host="127.0.0.1")
        listeners: list[trio.SocketListener] = await nursery.start(listening)
        relay.port = listeners[0].socket.getsockname()[1]
        yield relay
        nursery.cancel_scope.cancel()
