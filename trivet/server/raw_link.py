"""The link of a raw WebSocket: plain messages, and a client that can be made to wait.

Rules this file keeps:

1. While it is held it reads no further. What was read already is still handed over: less than one
   piece of 64 KiB beyond the message that was one too many.
2. A client that is held cannot answer a ping, and counts as alive for as long as that lasts. It is
   pinged all the same, so that it knows the same of the server.
3. A link that begins to end is held no longer, or it would not hear the client's goodbye.
"""

from __future__ import annotations

from typing import Any

from trivet.declare.definition import EventBinding
from trivet.declare.event import Overflow
from trivet.declare.values import Shape
from trivet.link.ending import Ending
from trivet.link.frames import binary_frame, text_frame
from trivet.link.handshake import Handshake
from trivet.link.holding import HoldableTransport
from trivet.link.limits import LinkLimits
from trivet.link.transport import Transport
from trivet.protocol.errors import OutgoingTooLong
from trivet.protocol.faults import Fault
from trivet.server.service import ClientLink

__all__ = ["RawEncoder", "RawLink"]

NOTHING = b""


class RawEncoder:
    """Frames messages as they are, up to a limit; see ``ports.SocketEncoder``."""

    __slots__ = ("_limit",)

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def message(self, message: str | bytes, /) -> bytes:
        """Frame a message.

        Raises:
            OutgoingTooLong: If it is too long.
        """
        payload = message.encode() if isinstance(message, str) else message
        if len(payload) > self._limit:
            raise OutgoingTooLong(len(payload), self._limit)
        return text_frame(payload) if isinstance(message, str) else binary_frame(payload)

    def init(self, actor_id: str, connection_id: str) -> bytes:
        """Say nothing: the handshake was the welcome."""
        return NOTHING

    def reply(self, call_id: int, shape: Shape[Any], value: Any) -> bytes:
        """Say nothing: nobody calls over it."""
        return NOTHING

    def event(self, binding: EventBinding, payload: Any) -> bytes:
        """Say nothing: nobody subscribes over it."""
        return NOTHING

    def failure(self, call_id: int | None, fault: Fault) -> bytes:
        """Say nothing: the close says it."""
        return NOTHING


class RawLink(ClientLink[RawEncoder]):
    """The link of a raw WebSocket; see ``WebSocketLink`` for the arguments."""

    __slots__ = ("_held",)

    def __init__(
        self,
        transport: Transport,
        handshake: Handshake,
        *,
        encoder: RawEncoder,
        limits: LinkLimits,
        received: bytes = b"",
    ) -> None:
        self._held = HoldableTransport(transport)
        super().__init__(self._held, handshake, encoder=encoder, limits=limits, received=received)

    def push(
        self, frame: bytes, *, event: str | None = None, overflow: Overflow = "disconnect"
    ) -> bool:
        """Send a frame, if it is any; see ``WebSocketLink``."""
        if not frame:
            return self.ending is None
        return super().push(frame, event=event, overflow=overflow)

    def hold(self) -> None:
        """Read no further."""
        if self.ending is None:
            self._held.hold()

    def resume(self) -> None:
        """Read again, if it was held."""
        if self._held.is_held:
            self.heard_at = self._clock.current_time()
            self._held.resume()

    def ping(self) -> None:
        """Ask the client for a sign of life; if it can give none, give it one."""
        if self._held.is_held:
            self.heard_at = self._clock.current_time()
        if not (self._held.is_held and self.waiting):
            super().ping()

    def _begin_ending(self, ending: Ending, last_frame: bytes | None) -> None:
        super()._begin_ending(ending, last_frame)
        self._held.resume()
