"""The fast transport: a raw non-blocking socket, written without waiting.

A send that the kernel takes at once costs one system call and no task switch, so a broadcast is a
plain loop. Waiting happens only here: ``wait_readable`` before each read, ``wait_writable`` once
the kernel has refused bytes. Both may be cancelled without losing any.
"""

from __future__ import annotations

import contextlib
import math
import socket
import struct
from typing import Final

import trio

from trivet.link.outbox import Outbox

__all__ = ["SocketTransport", "notice_vanished"]

READ_SIZE: Final = 64 * 1024
CLOSED: Final = "this socket was already closed"
WOULD_BLOCK: Final = (BlockingIOError, InterruptedError)

PROBES: Final = 4
"""How many signs of life the system asks for before it takes a peer for vanished."""

AT_ONCE: Final = struct.pack("ii", 1, 0)
"""For the option `SO_LINGER`: wait for nothing, and send a reset."""

LONGEST: Final = 32_767
"""The most seconds between them that a system takes."""


def notice_vanished(
    connection: socket.socket | trio.socket.SocketType, *, ping_after: float, dead_after: float
) -> None:
    """Have the system close a connection whose peer has vanished without a word.

    It asks for a sign of life as soon as nothing was said for a while, so a stream that waits for
    its next piece ends, too; what a peer has not confirmed counts as silence. Where a system lacks
    one of these options, it goes by its own times.

    Args:
        connection: A connected stream socket; of one that is not TCP nothing changes.
        ping_after: Seconds of silence before it asks; with infinity it never does.
        dead_after: Seconds of silence after that.
    """
    if math.inf in {ping_after, dead_after}:
        return
    options = {
        "TCP_KEEPIDLE": _seconds(ping_after),
        "TCP_KEEPINTVL": _seconds(dead_after / PROBES),
        "TCP_KEEPCNT": PROBES,
        "TCP_USER_TIMEOUT": 1000 * (_seconds(ping_after) + _seconds(dead_after)),
    }
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            option: int | None = getattr(socket, name, None)
            if option is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _seconds(time: float) -> int:
    return min(LONGEST, max(1, math.ceil(time)))


class SocketTransport:
    """A transport over a connected stream socket, which it owns from now on.

    Args:
        connection: A socket of the standard library; it is made non-blocking.
    """

    __slots__ = ("_file", "_socket")

    immediate: bool = True

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with contextlib.suppress(OSError):  # not every stream socket is TCP
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._file = connection.fileno()

    @classmethod
    def adopt(cls, connection: trio.socket.SocketType) -> SocketTransport:
        """Take the socket out of one of trio's, which is closed by that."""
        return cls(socket.socket(fileno=connection.detach()))

    async def receive_some(self) -> bytes:
        """Wait for bytes; ``b""`` when the peer has sent its last."""
        while True:
            if self._file < 0:
                raise trio.ClosedResourceError(CLOSED)
            await trio.lowlevel.wait_readable(self._file)
            try:
                return self._socket.recv(READ_SIZE)
            except WOULD_BLOCK:
                pass  # another reason to wake up
            except OSError as error:
                raise self._broken(error) from error

    def send_now(self, data: bytes) -> int:
        """Send what the kernel takes; how many bytes that was."""
        try:
            return self._socket.send(data)
        except WOULD_BLOCK:
            return 0
        except OSError as error:
            raise self._broken(error) from error

    async def send_all(self, data: bytes) -> None:
        """Send everything."""
        await trio.lowlevel.checkpoint()
        while (sent := self.send_now(data)) < len(data):
            data = data[sent:]
            await trio.lowlevel.wait_writable(self._file)

    async def write(self, outbox: Outbox) -> bool:
        """Wait until a kernel that refused bytes takes some, because the peer took some."""
        if self._file < 0:
            raise trio.ClosedResourceError(CLOSED)
        await trio.lowlevel.wait_writable(self._file)
        outbox.flush(self.send_now)
        return True

    async def send_eof(self) -> None:
        """Shut down the sending half."""
        await trio.lowlevel.checkpoint()
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise self._broken(error) from error

    async def aclose(self) -> None:
        """Close the socket; the kernel sends what it has taken."""
        await self.aclose_forcefully()
        await trio.lowlevel.checkpoint()

    async def aclose_forcefully(self) -> None:
        """Close the socket."""
        if self._file >= 0:
            trio.lowlevel.notify_closing(self._file)
            self._file = -1
            self._socket.close()

    async def reset(self) -> None:
        """Close the socket so that its peer reads an error behind the last byte, not an end."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        await self.aclose_forcefully()

    def _broken(self, error: OSError) -> Exception:
        if self._file < 0:
            return trio.ClosedResourceError(CLOSED)
        return trio.BrokenResourceError(f"the peer is gone: {error}")
