"""A server that writes what a case of the catalogue says, and reads a client's frames."""

from __future__ import annotations

import trio
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.link.autobahn.case import MASK, Case, apply_mask
from tests.link.autobahn.frames import READ_SIZE, FrameReader

__all__ = ["ScriptedServer", "written_by_a_server"]


class ScriptedServer(FrameReader):
    """The server's end of a connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        super().__init__(stream, masked=True)

    async def shake_hands(self) -> None:
        protocol = ServerProtocol()
        while not (events := protocol.events_received()):
            protocol.receive_data(bytes(await self.stream.receive_some(READ_SIZE)))
        (request,) = events
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        await self.stream.send_all(b"".join(protocol.data_to_send()))


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
