"""The peer: trio-websocket's own server, used as its documentation shows."""

from __future__ import annotations

from functools import partial

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from benchmarks.payloads import NEWS

__all__ = ["TrioWebSocketServer"]


class TrioWebSocketServer:
    def __init__(self) -> None:
        self._connections: set[WebSocketConnection] = set()

    async def serve(self, *, task_status: trio.TaskStatus[int]) -> None:
        async with trio.open_nursery() as nursery:
            start = partial(serve_websocket, self._echo, "127.0.0.1", 0, ssl_context=None)
            server = await nursery.start(start)
            task_status.started(server.port)

    async def _echo(self, request: WebSocketRequest) -> None:
        connection = await request.accept()
        self._connections.add(connection)
        try:
            while True:
                await connection.send_message(await connection.get_message())
        except ConnectionClosed:
            pass
        finally:
            self._connections.discard(connection)

    async def broadcast(self, times: int) -> None:
        for _ in range(times):
            for connection in self._connections:
                await connection.send_message(NEWS)
