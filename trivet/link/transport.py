"""What a link needs of the byte stream under it."""

from __future__ import annotations

from typing import Protocol

from trivet.link.outbox import Outbox

__all__ = ["Transport"]


class Transport(Protocol):
    """One client's byte stream.

    One task may read while another writes. Every method that touches the network raises
    ``trio.BrokenResourceError`` when the peer is gone.
    """

    @property
    def immediate(self) -> bool:
        """Whether ``send_now`` can take anything, and waiting for the peer may be cancelled."""
        ...

    async def receive_some(self) -> bytes:
        """Wait for bytes; ``b""`` when the peer has sent its last."""
        ...

    def send_now(self, data: bytes) -> int:
        """Send what can be sent without waiting; how many bytes that was."""
        ...

    async def send_all(self, data: bytes) -> None:
        """Send everything. If cancelled, how much was sent is unknown: close the transport."""
        ...

    async def write(self, outbox: Outbox) -> bool:
        """Write some of an outbox that is not empty, waiting for the peer if need be.

        Returns:
            Whether the peer was seen to take bytes, which is a sign of life. That the kernel took
            them is none.
        """
        ...

    async def send_eof(self) -> None:
        """Say that nothing follows, where the stream can; reading stays possible."""
        ...

    async def aclose(self) -> None:
        """Close as the stream's own protocol wants it; when cancelled, forcefully."""
        ...

    async def aclose_forcefully(self) -> None:
        """Close now, without waiting for anything; closing twice is closing once."""
        ...

    async def reset(self) -> None:
        """Close now, so that the peer cannot take what it has got for all there was."""
        ...
