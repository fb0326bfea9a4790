"""The server's side of one connection: what may be said when (client protocol, 6.4).

The machine is the table ``_SENDING``; a message of the server that has no row there is a mistake
of ours. What the client says is taken in any open state: whether a message that came before Init
has to wait is the connection's business, not the wire's. The first thing that cannot be accepted
ends the connection: from then on everything that arrives or should leave is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from trivet.protocol.codec import Codec
from trivet.protocol.errors import (
    IncomingTooLong,
    LocalProtocolError,
    OutgoingTooLong,
    RemoteProtocolError,
)
from trivet.protocol.messages import (
    ActionResponse,
    ErrorMessage,
    EventMessage,
    Init,
    ToClient,
    ToServer,
)

__all__ = ["MAX_INCOMING", "MAX_OUTGOING", "ServerConnection", "ServerState"]

MAX_INCOMING = 65_536
"""Bytes of an encoded message from a client."""

MAX_OUTGOING = 1_048_576
"""Bytes of an encoded message to a client."""


class ServerState(Enum):
    """How far a connection is."""

    OPENING = auto()
    """The client waits for Init."""
    OPEN = auto()
    CLOSED = auto()
    """The client was rejected, broke the protocol, or is gone."""


_SENDING: Mapping[tuple[ServerState, type[ToClient]], ServerState] = {
    (ServerState.OPENING, Init): ServerState.OPEN,
    # A rejection: its close follows.
    (ServerState.OPENING, ErrorMessage): ServerState.CLOSED,
    (ServerState.OPEN, ActionResponse): ServerState.OPEN,
    (ServerState.OPEN, EventMessage): ServerState.OPEN,
    (ServerState.OPEN, ErrorMessage): ServerState.OPEN,
}


class ServerConnection:
    """One client's connection, seen from the server.

    Args:
        codec: How its messages are encoded.
        max_incoming: Bytes of an encoded message from the client.
        max_outgoing: Bytes of an encoded message to the client.
    """

    __slots__ = ("_max_incoming", "_max_outgoing", "codec", "state")

    def __init__(
        self, codec: Codec, *, max_incoming: int = MAX_INCOMING, max_outgoing: int = MAX_OUTGOING
    ) -> None:
        self.codec = codec
        self.state = ServerState.OPENING
        self._max_incoming = max_incoming
        self._max_outgoing = max_outgoing

    def receive(self, data: bytes) -> ToServer | None:
        """Take a message from the client.

        Returns:
            The message, ``None`` if the connection has ended.

        Raises:
            RemoteProtocolError: If it cannot be accepted; it says how to close the connection,
                which has ended with it.
        """
        if self.state is ServerState.CLOSED:
            return None
        try:
            if len(data) > self._max_incoming:
                raise IncomingTooLong(len(data), self._max_incoming)
            return self.codec.decode_to_server(data)
        except RemoteProtocolError:
            self.state = ServerState.CLOSED
            raise

    def send(self, message: ToClient) -> bytes | None:
        """Return a message's payload, ``None`` if the connection has ended.

        Raises:
            EncodingError: If it holds what the wire cannot carry; nothing has changed.
            OutgoingTooLong: If its payload is too long; nothing has changed.
            LocalProtocolError: If it may not be sent now.
        """
        if self.state is ServerState.CLOSED:
            return None
        after = self._state_after(type(message))
        payload = self._checked(self.codec.encode_to_client(message))
        self.state = after
        return payload

    def send_encoded_event(self, event: bytes, seq: int | None = None) -> bytes | None:
        """Return the payload of an event that was encoded once for many connections.

        Args:
            event: What the codec made of an ``EventMessage`` without ``seq``.
            seq: This connection's number for it (``trivet.1``).

        Raises:
            OutgoingTooLong: If its payload is too long.
            LocalProtocolError: If it may not be sent now.
        """
        if self.state is ServerState.CLOSED:
            return None
        self._state_after(EventMessage)
        return self._checked(event if seq is None else self.codec.number_event(event, seq))

    def close(self) -> None:
        """End the connection: nothing more is received or sent."""
        self.state = ServerState.CLOSED

    def _state_after(self, kind: type[ToClient]) -> ServerState:
        after = _SENDING.get((self.state, kind))
        if after is None:
            text = f"{kind.__name__} cannot be sent while the connection is {self.state.name}"
            raise LocalProtocolError(text)
        return after

    def _checked(self, payload: bytes) -> bytes:
        if len(payload) > self._max_outgoing:
            raise OutgoingTooLong(len(payload), self._max_outgoing)
        return payload
