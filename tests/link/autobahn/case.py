"""What a case of the catalogue is: bytes to send, frames to get back, and how it ends."""

from __future__ import annotations

from typing import Final

import attrs
from websockets.utils import apply_mask as apply_mask_slowly

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled extension on this platform
    apply_mask = apply_mask_slowly

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "MASK",
    "PING",
    "PONG",
    "TEXT",
    "Case",
    "Frame",
    "Send",
    "apply_mask",
    "frame",
    "goodbye",
]

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

MASK: Final = b"\x0f\xa5\x3c\xe1"

Frame = tuple[int, bytes]
"""An opcode and a payload: what a server's final frame consists of."""


@attrs.frozen
class Send:
    """Bytes that are written together, or in pieces of a number of bytes."""

    data: bytes
    chop: int | None = None

    def pieces(self) -> list[bytes]:
        size = self.chop or max(len(self.data), 1)
        return [self.data[start : start + size] for start in range(0, len(self.data), size)]


@attrs.frozen
class Case:
    """One case.

    Attributes:
        sends: What the client writes, one after the other.
        returns: The frames that the server must send, in this order, and no others.
        codes: The close codes that may follow. If the client did not close, they say that the
            server did, because the client broke a rule.
        closes: Whether the client says goodbye, normally, once it has everything.
        in_turn: Whether it waits for one returned frame after each of its writes.
    """

    sends: tuple[Send, ...]
    returns: tuple[Frame, ...] = ()
    codes: frozenset[int | None] = frozenset({1000})
    closes: bool = True
    in_turn: bool = False


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    declared: int | None = None,
) -> bytes:
    """Write a client's frame.

    Args:
        rsv: The three reserved bits.
        declared: The length that the header says, if it is another one.
    """
    length = len(payload) if declared is None else declared
    first = fin << 7 | rsv << 4 | opcode
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length < 65_536:
        head = bytes((first, 0x80 | 126)) + length.to_bytes(2)
    else:
        head = bytes((first, 0x80 | 127)) + length.to_bytes(8)
    return head + MASK + apply_mask(payload, MASK)


def goodbye(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """Write a client's close frame."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2) + reason)
