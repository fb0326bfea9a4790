"""The client's side of one connection: what may arrive when, and the ids of calls (6.4).

The machine is the table ``_RECEIVING``; a message of the server that has no row there, or answers
a call that was never made, ends the connection. Events may overtake Init: the official server
sends what ``on_connect`` sent before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from trivet.protocol.codec import Codec
from trivet.protocol.errors import IncomingTooLong, LocalProtocolError, RemoteProtocolError
from trivet.protocol.messages import (
    ActionRequest,
    ActionResponse,
    ErrorMessage,
    EventMessage,
    Init,
    SubscriptionRequest,
    ToClient,
)

__all__ = ["MAX_FRAME", "ClientConnection", "ClientState"]

MAX_FRAME = 33_554_432
"""Bytes of a message from a server: the hard limit of a frame, for its own limit is an option."""


class ClientState(Enum):
    """How far a connection is."""

    CONNECTING = auto()
    """Waiting for Init; nothing may be sent."""
    OPEN = auto()
    CLOSED = auto()
    """The server broke the protocol, or is gone."""


_RECEIVING: Mapping[tuple[ClientState, type[ToClient]], ClientState] = {
    (ClientState.CONNECTING, Init): ClientState.OPEN,
    (ClientState.CONNECTING, EventMessage): ClientState.CONNECTING,
    # A rejection: the server's close follows.
    (ClientState.CONNECTING, ErrorMessage): ClientState.CONNECTING,
    (ClientState.OPEN, ActionResponse): ClientState.OPEN,
    (ClientState.OPEN, EventMessage): ClientState.OPEN,
    (ClientState.OPEN, ErrorMessage): ClientState.OPEN,
}


class ClientConnection:
    """One network connection, seen from the client.

    Args:
        codec: How its messages are encoded.
        first_id: The id of the next call; ids go on over reconnects, so the next network
            connection starts with this one's ``next_id``.
        max_incoming: Bytes of an encoded message from the server.
    """

    __slots__ = ("_max_incoming", "codec", "next_id", "state")

    def __init__(self, codec: Codec, *, first_id: int = 0, max_incoming: int = MAX_FRAME) -> None:
        self.codec = codec
        self.next_id = first_id
        self.state = ClientState.CONNECTING
        self._max_incoming = max_incoming

    def receive(self, data: bytes) -> ToClient | None:
        """Take a message from the server.

        Returns:
            The message, ``None`` if the connection has ended.

        Raises:
            RemoteProtocolError: If it cannot be accepted; it says how to close the connection,
                which has ended with it.
        """
        if self.state is ClientState.CLOSED:
            return None
        try:
            if len(data) > self._max_incoming:
                raise IncomingTooLong(len(data), self._max_incoming)
            message = self.codec.decode_to_client(data)
            self.state = self._state_after(message)
        except RemoteProtocolError:
            self.state = ClientState.CLOSED
            raise
        return message

    def call(
        self,
        name: str,
        args: list[Any],
        *,
        deadline: int | None = None,
        call: str | None = None,
    ) -> tuple[int, bytes]:
        """Return the id and the payload of a call.

        Raises:
            EncodingError: If an argument is no wire value; the id is not used up.
            LocalProtocolError: If the connection is not open.
        """
        self._check_open()
        action_id = self.next_id
        request = ActionRequest(action_id, name, args, deadline, call)
        payload = self.codec.encode_to_server(request)
        self.next_id = action_id + 1
        return action_id, payload

    def subscribe(self, event_name: str, *, wanted: bool = True) -> bytes:
        """Return the payload that subscribes to an event, or ends a subscription.

        Raises:
            LocalProtocolError: If the connection is not open.
        """
        self._check_open()
        return self.codec.encode_to_server(SubscriptionRequest(event_name, wanted))

    def close(self) -> None:
        """End the connection: nothing more is received or sent."""
        self.state = ClientState.CLOSED

    def _check_open(self) -> None:
        if self.state is not ClientState.OPEN:
            raise LocalProtocolError(f"The connection is {self.state.name}")

    def _state_after(self, message: ToClient) -> ClientState:
        after = _RECEIVING.get((self.state, type(message)))
        if after is None:
            kind = type(message).__name__
            raise RemoteProtocolError(f"The server sent {kind} while {self.state.name}")
        match message:
            case ActionResponse(id=action_id) | ErrorMessage(action_id=int(action_id)):
                if action_id >= self.next_id:
                    raise RemoteProtocolError("The server answered a call that was never made")
            case _:
                pass
        return after
