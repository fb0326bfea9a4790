"""The floor: TCP on trio, with nothing around the bytes.

It uses the non-blocking socket itself and not a ``trio.SocketStream``, which adds a checkpoint and a
lock to each send: this is the least that a trio program can pay for waiting, reading and writing.
"""

from __future__ import annotations

import socket

import trio

from benchmarks.payloads import NEWS

__all__ = ["TcpServer"]


class TcpServer:
    def __init__(self) -> None:
        self._sockets: set[socket.socket] = set()

    async def serve(self, *, task_status: trio.TaskStatus[int]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(listeners[0].socket.getsockname()[1])
        await trio.serve_listeners(self._echo, listeners)

    async def _echo(self, stream: trio.SocketStream) -> None:
        with socket.socket(fileno=stream.socket.detach()) as connection:
            connection.setblocking(False)
            self._sockets.add(connection)
            while True:
                await trio.lowlevel.wait_readable(connection)
                data = connection.recv(65536)
                if not data:
                    break
                connection.send(data)
            self._sockets.discard(connection)

    async def broadcast(self, times: int) -> None:
        payload = NEWS.encode()
        for _ in range(times):
            for connection in self._sockets:
                connection.send(payload)
            await trio.lowlevel.checkpoint()
