"""The load generator: the clients of one server, which cost as little as clients can.

Blocking sockets and one epoll, frames made beforehand, and nothing is parsed: a client knows which
bytes must come. So it is faster than every server it measures, and each has always work to do.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

__all__ = ["Clients", "connected", "masked", "unmasked"]

PATIENCE: Final = 10.0
"""Seconds after which a silent server is broken."""

REQUEST: Final = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK: Final = b"\x1f\x2e\x3d\x4c"
PONG: Final = b"\x8a\x80" + MASK


class Clients:
    """Connections to one server.

    Args:
        sign_of_life: What a client sends that only listens, so that it is not taken for dead.
    """

    def __init__(
        self, sockets: list[socket.socket], epoll: select.epoll, *, sign_of_life: bytes
    ) -> None:
        self._sockets = {connection.fileno(): connection for connection in sockets}
        self._epoll = epoll
        self._sign_of_life = sign_of_life
        for descriptor in self._sockets:
            epoll.register(descriptor, select.EPOLLIN)

    def echo(self, message: bytes, reply: bytes, exchanges: int) -> None:
        """Send messages and read replies, on each connection one after the other."""
        unsent = exchanges - len(self._sockets)
        for connection in self._sockets.values():
            connection.sendall(message)
        while exchanges > 0:
            for descriptor in self._ready():
                connection = self._sockets[descriptor]
                if connection.recv(4096) != reply:
                    raise AssertionError("a reply is wrong, or came in pieces")
                exchanges -= 1
                if unsent > 0:
                    connection.send(message)
                    unsent -= 1

    def expect(self, data: bytes) -> None:
        """Read until each connection has got exactly these bytes."""
        received = dict.fromkeys(self._sockets, b"")
        while received:
            for descriptor in self._ready():
                more = self._sockets[descriptor].recv(65536)
                got = received[descriptor] + more
                if not more or not data.startswith(got):
                    raise AssertionError("what came is not what was expected")
                received[descriptor] = got
                if got == data:
                    del received[descriptor]

    def give_sign_of_life(self) -> None:
        """Send something nobody answers, on each connection."""
        for connection in self._sockets.values():
            connection.sendall(self._sign_of_life)

    def _ready(self) -> list[int]:
        events = self._epoll.poll(PATIENCE)
        if not events:
            raise TimeoutError(f"the server sent nothing for {PATIENCE:g} seconds")
        return [descriptor for descriptor, _ in events]


@contextmanager
def connected(port: int, count: int, *, websocket: bool) -> Generator[Clients]:
    """Open connections to a server on this machine, and close them in the end."""
    sockets: list[socket.socket] = []
    try:
        with select.epoll() as epoll:
            for _ in range(count):
                connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
                sockets.append(connection)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if websocket:
                    _upgrade(connection)
                connection.settimeout(None)
            yield Clients(sockets, epoll, sign_of_life=PONG if websocket else b"")
    finally:
        for connection in sockets:
            connection.close()


def _upgrade(connection: socket.socket) -> None:
    connection.sendall(REQUEST)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(4096)
        if not data:
            break
        head += data
    if not head.startswith(b"HTTP/1.1 101"):
        raise ConnectionError(f"the server refused the handshake: {head!r}")


def masked(text: str) -> bytes:
    """Frame a text of 64 or less bytes as a client must."""
    payload = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(text.encode()))
    return bytes((0x81, 0x80 | len(payload))) + MASK + payload


def unmasked(text: str) -> bytes:
    """Frame a text as a server must."""
    payload = text.encode()
    length = len(payload)
    header = bytes((0x81, length)) if length < 126 else b"\x81\x7e" + length.to_bytes(2, "big")
    return header + payload
