"""The server under test: a listener, the handshake, and a link that repeats what it hears."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import h11
import trio

from trivet.link.frames import binary_frame, text_frame
from trivet.link.handshake import Handshake, accept_handshake
from trivet.link.limits import HARD_LIMIT, LinkLimits
from trivet.link.socket import SocketTransport
from trivet.link.websocket import WebSocketLink

__all__ = ["echo_server"]

# The catalogue sends more fragments and frames than a server lets a client send; what is large
# about its messages stays below the limit that nobody can raise.
LIMITS: Final = LinkLimits(
    message_size=HARD_LIMIT, fragments=1_000_000, frames_per_second=math.inf, burst=1_000_000
)


@asynccontextmanager
async def echo_server() -> AsyncGenerator[int]:
    """Serve on a free port of the loopback interface, and yield it."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, _serve, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def _serve(stream: trio.SocketStream) -> None:
    upgrade = await _upgrade(stream)
    if upgrade is None:
        await stream.aclose()  # the suite looks first whether anybody listens
        return
    handshake, received = upgrade
    transport = SocketTransport.adopt(stream.socket)
    link = WebSocketLink(transport, handshake, encoder=None, limits=LIMITS, received=received)

    def receive(message: str | bytes) -> None:
        if isinstance(message, str):
            link.push(text_frame(message.encode()))
        else:
            link.push(binary_frame(message))

    await link.run(receive)


async def _upgrade(stream: trio.SocketStream) -> tuple[Handshake, bytes] | None:
    http = h11.Connection(h11.SERVER)
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await stream.receive_some())
    if not isinstance(event, h11.Request):
        return None
    handshake = accept_handshake(event.method, event.target, event.headers)
    assert isinstance(handshake, Handshake)
    return handshake, http.trailing_data[0]
