"""Opening a WebSocket over the network: the stream, and the handshake on it.

The end of the bytes during the handshake ends the handshake: trio-websocket by itself would wait on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

from trivet.client.endpoint import StreamOpener
from trivet.client.session import SessionLost
from trivet.client.watched_stream import WatchedStream
from trivet.protocol.client import MAX_FRAME

__all__ = ["open_stream", "shake_hands"]

DIAL_TIME: Final = 15.0
"""Seconds for the stream to open, and for the handshake."""

READ_SIZE: Final = 64 * 1024
QUEUE_SIZE: Final = 64


async def open_stream(connect: StreamOpener, count: Callable[[str], None]) -> WatchedStream:
    """Connect to a server.

    Args:
        connect: Opens the stream.
        count: Counts what goes wrong on it.

    Raises:
        SessionLost: If that is not possible, or takes too long.
    """
    with trio.move_on_after(DIAL_TIME):
        try:
            return WatchedStream(await connect(), count)
        except (OSError, trio.BrokenResourceError) as error:
            raise SessionLost(f"cannot connect: {error}") from error
    raise SessionLost(f"no connection within {DIAL_TIME:g} s")


async def shake_hands(
    nursery: trio.Nursery, stream: WatchedStream, authority: str, path: str, offered: list[str]
) -> WebSocketConnection:
    """Open a WebSocket on a stream.

    Args:
        nursery: For the tasks of the WebSocket.
        stream: The stream.
        authority: Host and port as a ``Host`` header has them.
        path: Path and query.
        offered: The subprotocols.

    Raises:
        SessionLost: If the server does not answer.
        trio_websocket.ConnectionRejected: If it refuses.
    """
    stream.handshake.deadline = trio.current_time() + DIAL_TIME
    with stream.handshake:
        return await wrap_client_stream(
            nursery,
            cast("trio.SocketStream", stream),  # it takes any stream
            authority,
            path,
            subprotocols=offered,
            message_queue_size=QUEUE_SIZE,
            max_message_size=MAX_FRAME,
            receive_buffer_size=READ_SIZE,
        )
    raise SessionLost(stream.failure or f"no handshake within {DIAL_TIME:g} s")
