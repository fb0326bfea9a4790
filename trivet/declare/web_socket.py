"""Raw WebSockets: as ``on_websocket`` gets one, and as its client has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Self

from typing_extensions import TypeVar

from trivet.declare.errors import ConnectionClosed

if TYPE_CHECKING:
    from trivet.declare.interfaces import Conn
    from trivet.declare.request import Request

__all__ = ["ClientWebSocket", "WebSocket", "check_close", "check_message", "may_be_sent"]

SENDABLE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
"""Close codes that an endpoint may send, beside those from 3000 to 4999."""

ConnStateT = TypeVar("ConnStateT", default=None)


class WebSocket(ABC, Generic[ConnStateT]):
    """A raw WebSocket, as ``on_websocket`` gets it.

    Iterate over it for the client's messages, texts as ``str`` and binary ones as ``bytes``; that
    ends when anybody closes it.

    Attributes:
        conn: Its connection, which is in ``self.conns`` until it is closed.
        request: What the client sent to open it; its path is what follows ``/websocket``.
        restored: Whether an earlier handler has had the socket: the actor has slept, or crashed,
            since it was opened.
        message_index: The number of the message that was received last, from 1 on; 0 before. It
            goes on when the actor has slept, and a message that is handed over again, because its
            handler was cut, has the number it had.
    """

    __slots__ = ()

    conn: Conn[ConnStateT]
    request: Request
    restored: bool
    message_index: int

    @abstractmethod
    def send(self, message: str | bytes, /) -> bool:
        """Put a message into the outbox, as text or binary; it never blocks.

        What the actor changed before is stored before it leaves.

        Returns:
            Whether the socket was still open.

        Raises:
            TypeError: If the message is neither text nor bytes.
            ActionError: ``message.outgoing_too_long``.
        """

    @abstractmethod
    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket, and return when it is closed: after 5 s whatever the client does.

        Args:
            code: 1000, or one of your own from 3000 to 4999; 1011 for an error.
            reason: Told to the client, cut to 123 bytes.

        Raises:
            ValueError: If nobody may send the code.
        """

    def __aiter__(self) -> Self:
        """Return the socket itself."""
        return self

    @abstractmethod
    async def __anext__(self) -> str | bytes:
        """Wait for the next message of the client.

        Raises:
            StopAsyncIteration: When the socket is closed.
        """


class ClientWebSocket(ABC):
    """A raw WebSocket to an actor, as its client has it.

    Iterate over it for the actor's messages; that ends when anybody closes it.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def close_code(self) -> int | None:
        """The code it was closed with, ``None`` while it is open; 1006 if the network failed."""

    @property
    @abstractmethod
    def close_reason(self) -> str:
        """The text beside the code."""

    @abstractmethod
    async def send(self, message: str | bytes, /) -> None:
        """Send a message, as text or binary; it waits while the actor takes none.

        Raises:
            TypeError: If the message is neither text nor bytes.
            ConnectionClosed: If the socket is closed.
        """

    @abstractmethod
    async def receive(self) -> str | bytes:
        """Wait for the next message of the actor.

        Raises:
            ConnectionClosed: If the socket is closed; ``close_code`` says how.
        """

    @abstractmethod
    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket, and return when it is closed."""

    def __aiter__(self) -> Self:
        """Return the socket itself."""
        return self

    async def __anext__(self) -> str | bytes:
        """Wait for the next message of the actor.

        Raises:
            StopAsyncIteration: When the socket is closed.
        """
        try:
            return await self.receive()
        except ConnectionClosed:
            raise StopAsyncIteration from None


def check_message(message: object) -> None:
    """Check that a message is text or binary.

    Raises:
        TypeError: If it is neither.
        UnicodeEncodeError: If it is text that UTF-8 does not have: a half of a surrogate pair.
    """
    if isinstance(message, str):
        message.encode()
    elif not isinstance(message, bytes):
        kind = type(message).__name__
        raise TypeError(f"a message of a WebSocket is str or bytes, not {kind}")


def may_be_sent(code: int) -> bool:
    """Whether an endpoint may close with a code (RFC 6455, section 7.4)."""
    return code in SENDABLE_CODES or 3000 <= code < 5000


def check_close(code: object) -> None:
    """Check a close code.

    Raises:
        TypeError: If it is no number.
        ValueError: If no endpoint may send it.
    """
    if not isinstance(code, int):
        raise TypeError(f"a close code is a number, not {type(code).__name__}")
    if not may_be_sent(code):
        raise ValueError(f"close code {code} must not be sent")
