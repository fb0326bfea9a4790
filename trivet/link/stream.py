"""The general transport: any trio stream, for TLS and for memory streams.

A trio stream cannot be written without waiting, so the link's writer task always runs beside its
reader. A send that is cancelled half way leaves the stream unusable, which is remembered.
"""

from __future__ import annotations

from typing import Final

import trio

from trivet.link.outbox import Outbox

__all__ = ["StreamTransport"]

READ_SIZE: Final = 64 * 1024

AT_ONCE: Final = 0.1
"""Seconds in which a kernel with room takes a chunk."""


class StreamTransport:
    """A transport over a trio stream, which it owns from now on.

    A ``trio.SSLStream`` should be made with ``https_compatible=True``: otherwise closing waits
    for the peer's own goodbye.
    """

    __slots__ = ("_cut", "_stream")

    immediate: bool = False

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._cut = False

    async def receive_some(self) -> bytes:
        """Wait for bytes; ``b""`` when the peer has sent its last."""
        return bytes(await self._stream.receive_some(READ_SIZE))

    def send_now(self, data: bytes) -> int:
        """Take nothing: a trio stream has no way to."""
        return 0

    async def send_all(self, data: bytes) -> None:
        """Send everything, unless an earlier send was cut."""
        if self._cut:
            raise trio.BrokenResourceError("an earlier send was cancelled half way")
        self._cut = True
        await self._stream.send_all(data)
        self._cut = False

    async def write(self, outbox: Outbox) -> bool:
        """Send the next bytes of an outbox; whether that took so long that the peer was needed."""
        began_at = trio.current_time()
        await self.send_all(outbox.take())
        return trio.current_time() - began_at > AT_ONCE

    async def send_eof(self) -> None:
        """Close the sending half, if the stream has halves."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream) and not self._cut:
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    async def reset(self) -> None:
        """Close the stream without the goodbye that TLS has."""
        await self.aclose_forcefully()

    async def aclose_forcefully(self) -> None:
        """Close the stream without waiting for anything."""
        await trio.aclose_forcefully(self._stream)
