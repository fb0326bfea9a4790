"""A server that writes what a case of the catalogue says, and reads a client's frames."""

from __future__ import annotations

from typing import Final

import trio
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.link.autobahn.case import MASK, Case, Frame, apply_mask

__all__ = ["ScriptedServer", "written_by_a_server"]

READ_SIZE: Final = 1024 * 1024


class ScriptedServer:
    """The server's end of a connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._buffer = bytearray()

    async def shake_hands(self) -> None:
        protocol = ServerProtocol()
        while not (events := protocol.events_received()):
            protocol.receive_data(bytes(await self.stream.receive_some(READ_SIZE)))
        (request,) = events
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        await self.stream.send_all(b"".join(protocol.data_to_send()))

    async def next_frame(self) -> Frame | None:
        """Return the next frame, ``None`` at the end of the stream."""
        if not await self._receive(2):
            return None
        first, second = self._buffer[:2]
        assert first & 0xF0 == 0x80, "the client sends final frames without extensions"
        assert second & 0x80, "a client masks"
        width = {126: 2, 127: 8}.get(second & 0x7F, 0)
        start = 2 + width + len(MASK)
        assert await self._receive(start)
        length = int.from_bytes(self._buffer[2 : 2 + width]) if width else second & 0x7F
        assert await self._receive(start + length)
        mask = bytes(self._buffer[2 + width : start])
        payload = apply_mask(bytes(self._buffer[start : start + length]), mask)
        del self._buffer[: start + length]
        return first & 0x0F, payload

    async def _receive(self, size: int) -> bool:
        while len(self._buffer) < size:
            data = await self.stream.receive_some(READ_SIZE)
            if not data:
                assert not self._buffer, "the stream ends within a frame"
                return False
            self._buffer += data
        return True


def written_by_a_server(case: Case) -> list[list[bytes]]:
    """Return what a case writes, without masks: its writes, each in its pieces.

    The table is made for clients, so the masks are taken out, and all is cut in the same places.
    """
    plain, masks = _unmasked(b"".join(send.data for send in case.sends))
    writes: list[list[bytes]] = []
    end = written = 0
    for send in case.sends:
        pieces: list[bytes] = []
        for piece in send.pieces():
            end += len(piece)
            start, written = written, end - sum(min(max(end - at, 0), len(MASK)) for at in masks)
            pieces.append(plain[start:written])
        writes.append(pieces)
    return writes


def _unmasked(data: bytes) -> tuple[bytes, list[int]]:
    """Return frames without their masks, and where these have been."""
    plain = bytearray()
    masks: list[int] = []
    at = 0
    while at < len(data):
        first, second = data[at], data[at + 1] & 0x7F
        mask = at + 2 + {126: 2, 127: 8}.get(second, 0)
        start = mask + len(MASK)
        size = int.from_bytes(data[at + 2 : mask]) if second > 125 else second
        plain += bytes((first, second)) + data[at + 2 : mask]
        plain += apply_mask(data[start : start + size], MASK)
        masks.append(mask)
        at = start + size
    return bytes(plain), masks
