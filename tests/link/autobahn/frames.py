"""Reads frames of either side from a stream of raw bytes."""

from __future__ import annotations

from typing import Final

import trio

from tests.link.autobahn.case import MASK, Frame, apply_mask

__all__ = ["READ_SIZE", "FrameReader"]

READ_SIZE: Final = 1024 * 1024


class FrameReader:
    """Reads what the other side writes, which has no extensions and sends final frames alone.

    Args:
        stream: Where it comes from.
        masked: Whether the other side is a client.
    """

    def __init__(self, stream: trio.abc.Stream, *, masked: bool) -> None:
        self.stream = stream
        self._mask_size = len(MASK) if masked else 0
        self._buffer = bytearray()

    async def read_head(self) -> bytes:
        """Return the head of an HTTP response."""
        while b"\r\n\r\n" not in self._buffer:
            data = await self.stream.receive_some(READ_SIZE)
            assert data, "the stream ends within the handshake"
            self._buffer += data
        end = self._buffer.index(b"\r\n\r\n") + 4
        head = bytes(self._buffer[:end])
        del self._buffer[:end]
        return head

    async def next_frame(self) -> Frame | None:
        """Return the next frame, ``None`` at the end of the stream."""
        if not await self._receive(2):
            return None
        first, second = self._buffer[:2]
        assert first & 0xF0 == 0x80, "a final frame, without extensions"
        assert second >> 7 == bool(self._mask_size), "a client masks, and a server does not"
        size = second & 0x7F
        width = {126: 2, 127: 8}.get(size, 0)
        start = 2 + width + self._mask_size
        assert await self._receive(start)
        if width:
            size = int.from_bytes(self._buffer[2 : 2 + width])
        assert await self._receive(start + size)
        payload = bytes(self._buffer[start : start + size])
        if self._mask_size:
            payload = apply_mask(payload, bytes(self._buffer[2 + width : start]))
        del self._buffer[: start + size]
        return first & 0x0F, payload

    async def _receive(self, size: int) -> bool:
        while len(self._buffer) < size:
            data = await self.stream.receive_some(READ_SIZE)
            if not data:
                assert not self._buffer, "the stream ends within a frame"
                return False
            self._buffer += data
        return True
