"""Raw WebSockets within the process: the same semantics as over a network, without a frame.

Who sends waits while the actor's handler has too much to read; an actor whose client does not read
closes it as a slow consumer. A refusal is told by the close, as by a server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trivet.client.session import Ending
from trivet.declare.definition import Definition, EventBinding
from trivet.declare.errors import ConnectionClosed
from trivet.declare.event import Overflow
from trivet.declare.handle import Address
from trivet.declare.interfaces import CloseCause
from trivet.declare.options import Limits
from trivet.declare.request import Request
from trivet.declare.values import Shape
from trivet.declare.web_socket import ClientWebSocket, check_close, check_message
from trivet.protocol.close import CloseCode, fit_reason
from trivet.protocol.errors import OutgoingTooLong
from trivet.protocol.faults import Fault, fault_of
from trivet.runtime.runtime import Runtime
from trivet.runtime.socket_inbox import SocketInbox, check_served

__all__ = ["open_websocket_here"]


@asynccontextmanager
async def open_websocket_here(
    runtime: Runtime, definition: Definition, address: Address, request: Request, params: Any
) -> AsyncGenerator[ClientWebSocket]:
    """Open a raw WebSocket to an actor of this process, and close it behind the body.

    Args:
        runtime: Where the actor lives.
        definition: Its class.
        address: Which actor.
        request: What the handler gets to see.
        params: Connection params, not yet checked.
    """
    await trio.lowlevel.checkpoint()
    link = LocalRawLink(runtime.limits_of(definition))
    try:
        check_served(definition)
        checked = definition.params_from_caller(params)
    except Exception as error:  # the connection's firewall: the client hears it as over a network
        fault = fault_of(error, where=f"opening a WebSocket to {definition.name}")
        link.close(CloseCode.INTERNAL_ERROR, fault.reason)
    else:
        request = attrs.evolve(request, intent="connect")
        link.attached(
            runtime.attach_socket(link, definition, address, params=checked, request=request)
        )
    try:
        yield LocalWebSocket(link)
    finally:
        link.end(Ending(CloseCode.NORMAL), "client")


@attrs.frozen
class _Message:
    """A message on its way, with its size in bytes."""

    content: str | bytes
    size: int


class _Encoder:
    """Makes frames of messages, and none of what such a client would not understand."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def message(self, message: str | bytes, /) -> _Message:
        size = len(message.encode()) if isinstance(message, str) else len(message)
        if size > self._limit:
            raise OutgoingTooLong(size, self._limit)
        return _Message(message, size)

    def init(self, actor_id: str, connection_id: str) -> None:
        return None

    def reply(self, call_id: int, shape: Shape[Any], value: Any) -> None:
        return None

    def event(self, binding: EventBinding, payload: Any) -> None:
        return None

    def failure(self, call_id: int | None, fault: Fault) -> None:
        return None


class LocalRawLink:
    """The runtime's end of a raw WebSocket.

    Attributes:
        inbox: Where its messages go, ``None`` if the client was refused at once.
        arrived: What the client has not read.
        ending: How it has ended.
        news: Set when something has arrived, or it has ended.
        resumed: Set when the client may send again; ``None`` if it may now.
    """

    def __init__(self, limits: Limits) -> None:
        self.encoder = _Encoder(limits.frame)
        self.inbox: SocketInbox | None = None
        self.arrived: deque[_Message] = deque()
        self.ending: Ending | None = None
        self.news = trio.Event()
        self.resumed: trio.Event | None = None
        self._limits = limits
        self._size = 0
        self._cause: CloseCause = "server"

    def attached(self, inbox: SocketInbox) -> None:
        """Take note of where its messages go; the runtime may have closed it already."""
        self.inbox = inbox
        if self.ending is not None:
            inbox.lost(self._cause)

    def take(self) -> str | bytes:
        """Return the next message that has arrived."""
        message = self.arrived.popleft()
        self._size -= message.size
        return message.content

    def end(self, ending: Ending, cause: CloseCause) -> None:
        """End it; the first ending counts."""
        if self.ending is None:
            self.ending, self._cause = ending, cause
            self.news.set()
            self.resume()
            if self.inbox is not None:
                self.inbox.lost(cause)

    # What the runtime does with it

    @property
    def backlog(self) -> tuple[int, int]:
        """How many messages, and bytes of them, the client has not read."""
        return len(self.arrived), self._size

    def push(
        self, frame: Any, *, event: str | None = None, overflow: Overflow = "disconnect"
    ) -> bool:
        """Deliver a message; a client that reads none is closed as a slow consumer."""
        if self.ending is not None or not isinstance(frame, _Message):
            return self.ending is None
        size, limits = self._size + frame.size, self._limits
        is_full = len(self.arrived) >= limits.outbox_messages or size > limits.outbox_bytes
        if self.arrived and is_full:
            self.end(Ending(CloseCode.TRY_AGAIN_LATER, "slow_consumer"), "slow_consumer")
            return False
        self.arrived.append(frame)
        self._size = size
        self.news.set()
        return True

    def close(self, code: int, reason: str) -> None:
        """End it as the actor wants it."""
        self.end(Ending(code, fit_reason(reason)), "server")

    def abort(self) -> None:
        """End it as a network would."""
        self.end(Ending(), "server")

    def hold(self) -> None:
        """Make the client wait."""
        if self.resumed is None and self.ending is None:
            self.resumed = trio.Event()

    def resume(self) -> None:
        """Let the client send again."""
        if self.resumed is not None:
            self.resumed.set()
            self.resumed = None


class LocalWebSocket(ClientWebSocket):
    """The client's end of a raw WebSocket."""

    __slots__ = ("_link",)

    def __init__(self, link: LocalRawLink) -> None:
        self._link = link

    @property
    def close_code(self) -> int | None:
        """The code it was closed with."""
        ending = self._link.ending
        return None if ending is None else int(ending.code)

    @property
    def close_reason(self) -> str:
        """The text beside the code."""
        ending = self._link.ending
        return "" if ending is None else ending.reason

    async def send(self, message: str | bytes, /) -> None:
        """Send a message."""
        check_message(message)
        await trio.lowlevel.checkpoint()
        link = self._link
        while link.resumed is not None:
            await link.resumed.wait()
        if link.ending is not None or link.inbox is None:
            raise ConnectionClosed(self.close_reason)
        link.inbox.receive(message, len(message))

    async def receive(self) -> str | bytes:
        """Wait for a message."""
        await trio.lowlevel.checkpoint()
        link = self._link
        while not link.arrived:
            if link.ending is not None:
                raise ConnectionClosed(self.close_reason)
            link.news = trio.Event()
            await link.news.wait()
        return link.take()

    async def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Close it; there is nobody to wait for."""
        check_close(code)
        await trio.lowlevel.checkpoint()
        self._link.end(Ending(code, fit_reason(reason)), "client")
