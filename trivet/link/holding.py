"""A transport that can be kept from reading, so that the peer's own network makes it wait."""

from __future__ import annotations

import trio

from trivet.link.outbox import Outbox
from trivet.link.transport import Transport

__all__ = ["HoldableTransport"]


class HoldableTransport:
    """A transport over another one, which it owns from now on; see ``Transport``."""

    __slots__ = (
        "_resumed",
        "_transport",
        "aclose",
        "aclose_forcefully",
        "immediate",
        "reset",
        "send_all",
        "send_eof",
        "send_now",
    )

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._resumed: trio.Event | None = None
        self.immediate = transport.immediate
        self.send_now = transport.send_now
        self.send_all = transport.send_all
        self.send_eof = transport.send_eof
        self.aclose = transport.aclose
        self.aclose_forcefully = transport.aclose_forcefully
        self.reset = transport.reset

    @property
    def is_held(self) -> bool:
        """Whether nothing is read."""
        return self._resumed is not None

    def hold(self) -> None:
        """Read no further."""
        if self._resumed is None:
            self._resumed = trio.Event()

    def resume(self) -> None:
        """Read again."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    async def receive_some(self) -> bytes:
        """Wait until it may read, then for bytes."""
        while self._resumed is not None:
            await self._resumed.wait()
        return await self._transport.receive_some()

    async def write(self, outbox: Outbox) -> bool:
        """Write some of an outbox."""
        return await self._transport.write(outbox)
