"""Both machines of a connection, wired back to back."""

from __future__ import annotations

from typing import Any

from trivet.protocol.client import ClientConnection
from trivet.protocol.codec import Codec
from trivet.protocol.messages import ErrorMessage, Init, ToClient, ToServer
from trivet.protocol.server import ServerConnection

INIT = Init("actor", "connection")
REJECTION = ErrorMessage("user", "denied", "nope")


class Pair:
    """A server and a client of one connection."""

    def __init__(self, codec: Codec, *, first_id: int = 0) -> None:
        self.server = ServerConnection(codec)
        self.client = ClientConnection(codec, first_id=first_id)

    def tell(self, message: ToClient) -> ToClient | None:
        payload = self.server.send(message)
        assert payload is not None
        return self.client.receive(payload)

    def call(self, name: str, *args: Any) -> tuple[int, ToServer | None]:
        action_id, payload = self.client.call(name, list(args))
        return action_id, self.server.receive(payload)


def opened(codec: Codec, *, first_id: int = 0) -> Pair:
    pair = Pair(codec, first_id=first_id)
    assert pair.tell(INIT) == INIT
    return pair
