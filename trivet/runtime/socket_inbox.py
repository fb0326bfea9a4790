"""The inbox of a raw WebSocket: what its handler has not read yet, or is not done with.

Rules this file keeps:

1. It is bounded by holding the link: while the handler does not read, nor does the socket, and the
   client's own network makes it wait. Nobody is closed for sending.
2. What has arrived before the client has gone is read still; what the actor has closed is not.
3. A socket that hibernates keeps each message until it is settled: its handler has asked for the
   next one, and what the actor had changed by then is stored. What is not settled when the instance
   has ended is handed to the next one, in order, and with the numbers it had.
4. An instance that makes way for another hands out no message any more: those are for the next.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import trio

from trivet.declare.definition import Definition
from trivet.declare.errors import ActionError, Error
from trivet.declare.handle import Address
from trivet.declare.interfaces import CloseCause, ConnKind
from trivet.declare.request import Request
from trivet.runtime.connection import Connection
from trivet.runtime.inbox import Inbox
from trivet.runtime.parked import Parked
from trivet.runtime.web_socket import SocketConnection

if TYPE_CHECKING:
    from trivet.ports.link import SocketLink
    from trivet.runtime.runtime import Runtime

__all__ = ["SocketInbox", "check_served"]

READS_PER_CHECKPOINT = 64


class SocketInbox(Inbox):
    """A raw WebSocket's place in the runtime.

    Attributes:
        hibernates: Whether its connection survives its actor's sleep.
        index: The number of the message that was handed out last, from 1 on.
        is_waited_for: Whether the handler waits for a message.
    """

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
        self.hibernates = False
        self.index = 0
        self.is_waited_for = False
        self._socket_link = link
        self._news = trio.Event()
        self._is_over = False
        self._is_being_read = False
        self._reads = 0
        self._taken: list[tuple[str | bytes, int]] = []  # handed out, and not settled
        self._asked_past = 0  # with which number the handler is done

    # The link's side

    def start(self) -> None:
        """Begin to open a connection, when it is known whether that hibernates; never blocks."""
        try:
            self.hibernates = _hibernates(self._definition, self.request)
        except Exception as error:  # the connection's firewall
            self._refuse(error)
            self.decided()
        else:
            super().start()

    def receive(self, message: Any, size: int) -> None:
        """Keep a message until the handler reads it."""
        if self._is_over:
            self._runtime.observer.count("message_after_close")
            return
        self._waiting.append((message, size))
        self._bytes += size
        self._news.set()
        limits = self._limits
        if self._count >= limits.inbox_messages or self._bytes >= limits.inbox_bytes:
            self._socket_link.hold()
        if self.parked is not None:
            self.wake()

    def lost(self, cause: CloseCause) -> None:
        """Take note that the link has closed: nothing more comes."""
        super().lost(cause)
        self._is_over = True
        self._news.set()

    # The connection's side

    def decided(self) -> None:
        """Take note that the client has been let in, or refused."""
        request = self.request
        super().decided()
        if self.hibernates:
            self.request = request  # each of its handlers gets to see that

    def pump(self) -> None:
        """Do nothing: the handler takes what waits."""

    def drop(self) -> None:
        """Take note that the actor has closed the socket: what waits is not read any more."""
        self._is_over = True
        self._waiting.clear()
        self._taken.clear()
        self._bytes = 0
        self._news.set()

    def park(self, parked: Parked) -> None:
        """Keep the link while the actor has no instance."""
        super().park(parked)
        self._news.set()  # whoever still reads does so for nobody

    def restored(self) -> None:
        """Have the next instance's handler take over."""
        if isinstance(self.connection, SocketConnection):
            self.connection.serve(restored=True)
        super().restored()

    def instance_ended(self) -> None:
        """Hand what is not settled to the next instance."""
        self._waiting[:0] = self._taken
        self.index -= len(self._taken)
        self._taken.clear()
        self._asked_past = self.index
        super().instance_ended()

    @property
    def _owes_hook(self) -> bool:
        """Whether the actor has to come back for its end: its handler wants to hear of it."""
        return True

    # The handler's side

    async def take(self, conn: SocketConnection) -> str | bytes | None:
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
        if self.connection is not conn:
            return None
        if self._is_being_read:
            raise trio.BusyResourceError("another task reads this socket")
        self._is_being_read = True
        try:
            while self.connection is conn and (conn.makes_way or not self._waiting):
                if self._is_over and not conn.makes_way:
                    return None
                await self._wait_for_news(conn)
        finally:
            self._is_being_read = False
        return self._next() if self.connection is conn else None

    async def _wait_for_news(self, conn: SocketConnection) -> None:
        self._news = trio.Event()
        self.is_waited_for = True
        conn.waits()
        try:
            await self._news.wait()
        finally:
            self.is_waited_for = False

    def _next(self) -> str | bytes:
        message, size = self._waiting.pop(0)
        self.index += 1
        if self.hibernates:
            self._taken.append((message, size))
        else:
            self._bytes -= size
        self._resume()
        content: str | bytes = message
        return content

    def deal(self, conn: SocketConnection) -> None:
        """Take note that the handler asks for another message than those it has had."""
        if self._taken and self._asked_past < self.index and self.connection is conn:
            self._asked_past = self.index
            conn.instance.gate.emit(partial(self._settle, self.index), _keep)

    def _settle(self, number: int) -> None:
        count = max(0, number - (self.index - len(self._taken)))
        self._bytes -= sum(size for _, size in self._taken[:count])
        del self._taken[:count]
        self._resume()

    @property
    def _count(self) -> int:
        return len(self._waiting) + len(self._taken)

    @property
    def is_empty(self) -> bool:
        """Whether there is no message for the handler."""
        return not self._waiting

    def _resume(self) -> None:
        limits = self._limits
        if self._count <= limits.inbox_messages / 2 and self._bytes <= limits.inbox_bytes / 2:
            self._socket_link.resume()


def _keep(_: Error) -> None:
    """Leave a message unsettled: what its handler has changed is lost."""


def check_served(definition: Definition) -> None:
    """Check that an actor has a handler.

    Raises:
        ActionError: ``actor.websocket_not_handled``.
    """
    if "on_websocket" not in definition.hooks:
        message = "The actor serves no raw WebSockets"
        raise ActionError(message, group="actor", code="websocket_not_handled")


def _hibernates(definition: Definition, request: Request) -> bool:
    """Ask a class whether a socket hibernates.

    Raises:
        TypeError: If its answer is neither yes nor no.
    """
    wanted = definition.options.hibernate_websockets
    answer: Any = wanted if isinstance(wanted, bool) else wanted(request)
    if not isinstance(answer, bool):
        kind = type(answer).__name__
        raise TypeError(f"hibernate_websockets answers True or False, not {kind}")
    return answer
