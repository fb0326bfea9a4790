"""A stream that notes when the server last gave a sign of life, and when it ended.

It also says the goodbye that trio-websocket leaves out: to a server that broke WebSocket.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection
from websockets.frames import Close, Frame, Opcode

__all__ = ["WatchedStream"]

PING_AFTER: Final = 20.0
DEAD_AFTER: Final = 20.0
REFUSAL_TIME: Final = 1.0

_CLOSE_FRAME: Final = b"\x88"
"""What a frame begins with that says goodbye; nothing else that is sent does."""


class WatchedStream(trio.abc.Stream):
    """A stream under a WebSocket.

    Args:
        stream: The stream itself.
        count: Counts servers that have vanished.

    Attributes:
        handshake: Cancelled when nothing more will arrive.
        failure: What ended the stream, for people; ``None`` while it stands.
        has_said_goodbye: Whether a close frame was sent.
    """

    def __init__(self, stream: trio.abc.Stream, count: Callable[[str], None]) -> None:
        self._stream = stream
        self._count = count
        self._heard_at = trio.current_time()
        self.handshake = trio.CancelScope()
        self.failure: str | None = None
        self.has_said_goodbye = False
        self._is_sending = False
        self._sent = trio.lowlevel.ParkingLot()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes: one frame, or several."""
        self.has_said_goodbye |= bytes(data[:1]) == _CLOSE_FRAME
        self._is_sending = True
        with self._noting_failures():
            await self._stream.send_all(data)
        self._is_sending = False
        self._sent.unpark_all()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Wait for bytes."""
        with self._noting_failures():
            data = await self._stream.receive_some(max_bytes)
        if data:
            self._heard_at = trio.current_time()
        else:
            self._note("the server closed the connection")
        return data

    async def aclose(self) -> None:
        """Close the stream."""
        self._note("the server does not speak WebSocket")
        await self._stream.aclose()

    @contextmanager
    def _noting_failures(self) -> Generator[None]:
        try:
            yield
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._note(str(error.__cause__ or error) or "the connection was lost")
            raise

    def _note(self, failure: str) -> None:
        self.failure = self.failure or failure
        self.handshake.cancel()

    async def refuse(self, code: int) -> None:
        """Say goodbye to a server that broke the rules, unless it takes nothing."""
        frame = Frame(Opcode.CLOSE, Close(code, "").serialize())
        with trio.move_on_after(REFUSAL_TIME), suppress(trio.BrokenResourceError):
            while self._is_sending:
                await self._sent.park()
            await self.send_all(frame.serialize(mask=True))

    async def keep_alive(self, socket: WebSocketConnection) -> None:
        """Ask a silent server for a sign of life, and close the stream if none comes."""
        async with trio.open_nursery() as nursery:
            while True:
                heard_at = self._heard_at
                await trio.sleep_until(heard_at + PING_AFTER)
                if self._heard_at > heard_at:
                    continue
                nursery.start_soon(_ping, socket)  # it waits for a pong that may never come
                await trio.sleep(DEAD_AFTER)
                if self._heard_at == heard_at:
                    break
            self._count("server_vanished")
            await trio.aclose_forcefully(self)
            nursery.cancel_scope.cancel()


async def _ping(socket: WebSocketConnection) -> None:
    try:
        await socket.ping()
    except ConnectionClosed:
        pass  # the reader tells how it ended
