"""The inbox of a raw WebSocket: what its handler has not read yet.

Rules this file keeps:

1. It is bounded by holding the link: while the handler does not read, nor does the socket, and the
   client's own network makes it wait. Nobody is closed for sending.
2. What has arrived before the client has gone is read still; what the actor has closed is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import trio

from trivet.declare.definition import Definition
from trivet.declare.errors import ActionError
from trivet.declare.handle import Address
from trivet.declare.interfaces import CloseCause, ConnKind
from trivet.declare.request import Request
from trivet.runtime.connection import Connection
from trivet.runtime.inbox import Inbox
from trivet.runtime.web_socket import SocketConnection

if TYPE_CHECKING:
    from trivet.ports.link import SocketLink
    from trivet.runtime.runtime import Runtime

__all__ = ["SocketInbox", "check_served"]

READS_PER_CHECKPOINT = 64


class SocketInbox(Inbox):
    """A raw WebSocket's place in the runtime."""

    kind: ClassVar[ConnKind] = "websocket"
    connection_type: ClassVar[type[Connection]] = SocketConnection

    def __init__(
        self,
        runtime: Runtime,
        link: SocketLink,
        definition: Definition,
        address: Address,
        *,
        params: Any,
        request: Request,
    ) -> None:
        super().__init__(runtime, link, definition, address, params=params, request=request)
        self._socket_link = link
        self._news = trio.Event()
        self._is_over = False
        self._is_being_read = False
        self._reads = 0

    def receive(self, message: Any, size: int) -> None:
        """Keep a message until the handler reads it."""
        if self._is_over:
            self._runtime.observer.count("message_after_close")
            return
        self._waiting.append((message, size))
        self._bytes += size
        self._news.set()
        limits = self._limits
        if len(self._waiting) >= limits.inbox_messages or self._bytes >= limits.inbox_bytes:
            self._socket_link.hold()

    def pump(self) -> None:
        """Do nothing: the handler takes what waits."""

    def lost(self, cause: CloseCause) -> None:
        """Take note that the link has closed: nothing more comes."""
        super().lost(cause)
        self._is_over = True
        self._news.set()

    def drop(self) -> None:
        """Take note that the actor has closed the socket: what waits is not read any more."""
        self._is_over = True
        self._waiting.clear()
        self._bytes = 0
        self._news.set()

    async def take(self) -> str | bytes | None:
        """Wait for the next message; ``None`` when there is none any more.

        Raises:
            trio.BusyResourceError: If another task waits for one.
        """
        self._reads += 1
        if self._reads % READS_PER_CHECKPOINT == 0 or self._socket_link.backlog[0]:
            # Who is answered gets the time to take it, or it would look slow.
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        if self._is_being_read:
            raise trio.BusyResourceError("another task reads this socket")
        self._is_being_read = True
        try:
            while not self._waiting:
                if self._is_over:
                    return None
                self._news = trio.Event()
                await self._news.wait()
        finally:
            self._is_being_read = False
        message, size = self._waiting.pop(0)
        self._bytes -= size
        limits = self._limits
        if (
            len(self._waiting) <= limits.inbox_messages / 2
            and self._bytes <= limits.inbox_bytes / 2
        ):
            self._socket_link.resume()
        content: str | bytes = message
        return content


def check_served(definition: Definition) -> None:
    """Check that an actor has a handler.

    Raises:
        ActionError: ``actor.websocket_not_handled``.
    """
    if "on_websocket" not in definition.hooks:
        message = "The actor serves no raw WebSockets"
        raise ActionError(message, group="actor", code="websocket_not_handled")
