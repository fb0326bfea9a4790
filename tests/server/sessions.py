"""A client that speaks the messages of a connection, for tests."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import ClientConnection

from tests.server.serving import gateway
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ToClient, ToServer

CONNECT = gateway(path="/connect")
ROOM = gateway("room", path="/connect")

UPGRADE = (
    f"GET {CONNECT} HTTP/1.1\r\nhost: server\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
).encode()
"""A handshake without the empty line at its end."""


class Client:
    """Speaks the messages of one encoding over a WebSocket."""

    def __init__(self, socket: ClientConnection, encoding: str) -> None:
        self.socket = socket
        self._codec = CODECS[encoding]

    async def send(self, *messages: ToServer) -> None:
        for message in messages:
            data = self._codec.encode_to_server(message)
            await self.socket.send(data if self._codec.binary else data.decode())

    async def receive(self) -> ToClient:
        message = await self.socket.recv()
        assert isinstance(message, bytes) is self._codec.binary
        return self._codec.decode_to_client(
            message if isinstance(message, bytes) else message.encode()
        )

    async def closed(self) -> tuple[int, str]:
        return await closed_with(self.socket)


async def closed_with(socket: ClientConnection) -> tuple[int, str]:
    """Wait for the server's close, and tell its code and reason."""
    with pytest.raises(ConnectionClosed) as caught:
        await _receive_for_ever(socket)
    close = caught.value.rcvd
    assert close is not None
    return close.code, close.reason


async def _receive_for_ever(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


def params(text: str) -> str:
    return f"rivet_conn_params.{quote(text, safe='')}"
