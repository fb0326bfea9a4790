"""What can go wrong on the wire, told apart by who is to blame.

``LocalProtocolError`` and below: this side asked for something that cannot be sent.
``RemoteProtocolError`` and below: the peer sent something that cannot be accepted; each carries
the close code that a WebSocket answers with, and its group and code are the close reason and the
HTTP error. No text of a peer is repeated in a message.
"""

from __future__ import annotations

from trivet.declare.errors import Error
from trivet.protocol.close import CloseCode

__all__ = [
    "DecodingError",
    "EncodingError",
    "GatewayError",
    "IncomingTooLong",
    "LocalProtocolError",
    "OutgoingTooLong",
    "ProtocolError",
    "RemoteProtocolError",
    "UnfinishedFull",
    "UnsupportedEncoding",
]


class ProtocolError(Error):
    """The base of both sides' errors; never raised itself."""


class LocalProtocolError(ProtocolError):
    """This side tried to send something that cannot be sent now, or at all."""


class EncodingError(LocalProtocolError):
    """A value that the wire cannot carry.

    Attributes:
        path: Keys and indexes that lead to it, outermost first.
        what: What stands there, in words that name types only.
    """

    group, code = "message", "not_encodable"

    def __init__(self, path: tuple[str | int, ...], what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(self._text(), metadata={"path": self._place()})

    def inside(self, step: str | int) -> EncodingError:
        """Return the same error seen from one container further out."""
        return EncodingError((step, *self.path), self.what)

    def _place(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "$" + "".join(steps)

    def _text(self) -> str:
        return f"Cannot encode {self.what} @ {self._place()}"


class OutgoingTooLong(LocalProtocolError):
    """An encoded message is longer than the connection may send; ``metadata`` has the sizes."""

    group, code = "message", "outgoing_too_long"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__("Outgoing message too long", metadata={"size": size, "limit": limit})


class RemoteProtocolError(ProtocolError):
    """The peer sent something that cannot be accepted.

    Attributes:
        close_code: The code that a WebSocket is closed with.
    """

    group, code = "actor", "invalid_request"
    close_code: CloseCode = CloseCode.INTERNAL_ERROR


class DecodingError(RemoteProtocolError):
    """A message, a body or a header that is not well formed; the text says what was wrong."""


class IncomingTooLong(RemoteProtocolError):
    """A message is longer than the connection accepts; ``metadata`` has the sizes."""

    group, code = "message", "incoming_too_long"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__("Incoming message too long", metadata={"size": size, "limit": limit})


class UnfinishedFull(RemoteProtocolError):
    """There is no room for a large message or body now; over HTTP the status is 503."""

    group, code = "guard", "unfinished_full"
    close_code = CloseCode.TRY_AGAIN_LATER

    def __init__(self) -> None:
        super().__init__("The server has no room for more unfinished messages now")


class UnsupportedEncoding(RemoteProtocolError):
    """A WebSocket client asked for an encoding that is none of bare, cbor and json."""

    group, code = "actor", "unsupported_websocket_encoding"
    close_code = CloseCode.UNSUPPORTED_DATA

    def __init__(self) -> None:
        super().__init__("The encoding must be bare, cbor or json")


class GatewayError(RemoteProtocolError):
    """An address that leads to no actor; over HTTP the status is 400."""

    group = "guard"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)
