"""Raw WebSockets over the network: ``handle.websocket`` (client protocol, 6.3).

Rules this file keeps:

1. One task writes, and takes a message only when the one before has left: whoever sends waits as
   long as the actor takes none, and may be cancelled without cutting a frame in two.
2. The socket lives in a task that outer cancellation does not reach: leaving says goodbye, and
   after ``CLOSE_TIME`` the stream is closed in any case.
3. However the network fails, whoever reads or writes hears ``ConnectionClosed``.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio
from trio_websocket import (
    CloseReason,
    ConnectionClosed as SocketClosed,
    ConnectionRejected,
    WebSocketConnection,
)

from trivet.client.dialing import open_stream, shake_hands
from trivet.client.endpoint import Endpoint, StreamOpener
from trivet.client.session import SessionLost, first_error
from trivet.client.watched_stream import WatchedStream
from trivet.declare.errors import ConnectionClosed, ConnectionLost
from trivet.declare.web_socket import ClientWebSocket, check_close, check_message
from trivet.logs import Throttled, about
from trivet.protocol.close import CloseCode, fit_reason
from trivet.runtime.cleanup import Shelter
from trivet.runtime.nursery import open_service_nursery

__all__ = ["open_websocket"]

throttled = Throttled(logging.getLogger(__name__))

CLOSE_TIME: Final = 5.0


@asynccontextmanager
async def open_websocket(
    endpoint: Endpoint,
    connect: StreamOpener,
    path: str,
    offered: list[str],
    count: Callable[[str], None],
) -> AsyncGenerator[ClientWebSocket]:
    """Open a raw WebSocket, and close it behind the body.

    Args:
        endpoint: The server.
        connect: Connects to it.
        path: Path and query.
        offered: The subprotocols.
        count: Counts what goes wrong.

    Raises:
        ConnectionLost: If it does not open.
    """
    socket = NetworkSocket(count)
    shelter = Shelter()

    async def live(  # noqa: ASYNC128  # the socket reports the start
        task_status: trio.TaskStatus[None],
    ) -> None:
        with shelter:
            await socket.run(endpoint.authority, connect, path, offered, task_status)

    async with open_service_nursery() as nursery:
        try:
            await nursery.start(live)
            yield socket
        finally:
            socket.leave()
            shelter.end_within(CLOSE_TIME)


class NetworkSocket(ClientWebSocket):
    """The client's end of a raw WebSocket."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._socket: WebSocketConnection | None = None
        self._giver, self._taker = trio.open_memory_channel[str | bytes](0)
        self._goodbye = int(CloseCode.NORMAL), ""
        self._leaving = trio.CancelScope()
        self._has_left = trio.Event()

    @property
    def close_code(self) -> int | None:
        """The code it was closed with."""
        ending = self._ending
        return None if ending is None else int(ending.code)  # not wsproto's enumeration

    @property
    def close_reason(self) -> str:
        """The text beside the code."""
        ending = self._ending
        return "" if ending is None else ending.reason or ""

    async def send(self, message: str | bytes, /) -> None:
        """Hand a message to the task that writes."""
        check_message(message)
        try:
            await self._giver.send(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ConnectionClosed(self.close_reason) from None

    async def receive(self) -> str | bytes:
        """Wait for a message."""
        assert self._socket is not None
        try:
            return await self._socket.get_message()
        except SocketClosed:
            raise ConnectionClosed(self.close_reason) from None

    async def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Say goodbye behind what was sent, and wait until that is over."""
        check_close(code)
        self.leave(code, fit_reason(reason))
        await self._has_left.wait()

    # Its task

    def leave(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Begin to say goodbye, behind what is being sent; the first one counts."""
        if self._leaving.deadline == math.inf:
            self._goodbye = code, reason
            self._leaving.deadline = trio.current_time() + CLOSE_TIME
            self._giver.close()

    async def run(
        self,
        authority: str,
        connect: StreamOpener,
        path: str,
        offered: list[str],
        task_status: trio.TaskStatus[None],
    ) -> None:
        """Open the socket, and write until it is closed."""
        failure: Exception | None = None
        stream: WatchedStream | None = None
        try:
            stream = await open_stream(connect, self._count)
            async with trio.open_nursery() as nursery:
                socket = await shake_hands(nursery, stream, authority, path, offered)
                self._socket = socket
                nursery.start_soon(stream.keep_alive, socket)
                task_status.started()
                await self._write(socket)
                nursery.cancel_scope.cancel()
        except* Exception as group:  # the connection's firewall
            failure = first_error(group)
        finally:
            self._has_left.set()
            if stream is not None:
                await trio.aclose_forcefully(stream)
        if failure is None:
            return
        if self._socket is None:
            raise _lost(failure)
        throttled.log(
            logging.WARNING,
            "mishap",
            "a raw WebSocket ended by a mishap",
            extra=about(),
            error=failure,
        )

    async def _write(self, socket: WebSocketConnection) -> None:
        with self._leaving:
            try:
                with self._taker:
                    async for message in self._taker:
                        await socket.send_message(message)
            except SocketClosed:
                return  # whoever reads hears how
            await socket.aclose(*self._goodbye)

    @property
    def _ending(self) -> CloseReason | None:
        return None if self._socket is None else self._socket.closed


def _lost(failure: Exception) -> ConnectionLost:
    if isinstance(failure, ConnectionRejected):
        return ConnectionLost(f"The server answered with status {failure.status_code}")
    error = ConnectionLost(f"The WebSocket did not open: {failure}")
    error.__cause__ = None if isinstance(failure, SessionLost) else failure
    return error
