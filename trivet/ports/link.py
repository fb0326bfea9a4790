"""What a link is to the runtime, and what it tells it."""

from __future__ import annotations

from typing import Any, Protocol

from trivet.declare.definition import EventBinding
from trivet.declare.event import Overflow
from trivet.declare.interfaces import CloseCause
from trivet.declare.values import Shape
from trivet.protocol.faults import Fault

__all__ = ["Encoder", "Frame", "Link", "LinkOwner", "SocketEncoder", "SocketLink"]

Frame = Any
"""What an encoder makes and its links send: opaque to the runtime."""


class Encoder(Protocol):
    """Turns what an actor says into frames; links with the same encoder share them.

    Every method raises ``ActionError`` with ``message.outgoing_too_long`` when the frame would
    break the limit.
    """

    def init(self, actor_id: str, connection_id: str) -> Frame:
        """Encode the welcome that ends an opening."""
        ...

    def reply(self, call_id: int, shape: Shape[Any], value: Any) -> Frame:
        """Encode an action's result."""
        ...

    def event(self, binding: EventBinding, payload: Any) -> Frame:
        """Encode an event."""
        ...

    def failure(self, call_id: int | None, fault: Fault) -> Frame:
        """Encode the error of a call, or of the connection itself."""
        ...


class Link(Protocol):
    """The server's end of one client's transport. Only ``wait_closed`` may block."""

    @property
    def encoder(self) -> Encoder:
        """How frames for this link are made."""
        ...

    @property
    def backlog(self) -> tuple[int, int]:
        """How many frames, and bytes of them, the client has not taken."""
        ...

    def push(self, frame: Frame, *, event: str | None = None, overflow: Overflow = ...) -> bool:
        """Put a frame into the outbox.

        Returns:
            Whether the link still stood.
        """
        ...

    def close(self, code: int, reason: str) -> None:
        """Begin to close: flush, say goodbye, close the socket, all within a deadline."""
        ...

    def abort(self) -> None:
        """Close the socket now."""
        ...


class SocketEncoder(Encoder, Protocol):
    """Frames the messages of raw WebSockets; of what it has no form for it makes an empty frame."""

    def message(self, message: str | bytes, /) -> Frame:
        """Frame a message."""
        ...


class SocketLink(Link, Protocol):
    """A link that carries a raw WebSocket, and can make its client wait."""

    def hold(self) -> None:
        """Hand over no more messages than are on their way already."""
        ...

    def resume(self) -> None:
        """Hand over messages again."""
        ...


class LinkOwner(Protocol):
    """What a link tells the runtime."""

    def receive(self, message: Any, size: int) -> None:
        """Hand over one decoded message of ``size`` bytes; never blocks."""
        ...

    def lost(self, cause: CloseCause) -> None:
        """Say that the socket is closed and no task of the link is left; exactly once."""
        ...
