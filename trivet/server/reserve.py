"""The reserve: one file descriptor, kept to turn a client away when there is no other left.

A client that nobody accepts waits in vain, and its connection stays readable: accepting would fail
again at once, for ever. So the descriptor is given up for a moment, the client is accepted into its
place, told to come back, and closed.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import trio

__all__ = ["Reserve"]

PATIENCE: Final = 0.1
"""Seconds that the client has to still be there."""

GOODBYE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)

Accept = Callable[[], Awaitable[tuple[trio.socket.SocketType, Any]]]


class Reserve:
    """One file descriptor that does nothing; ``close`` it in the end."""

    def __init__(self) -> None:
        self._file = -1
        self._renew()

    async def turn_away(self, accept: Accept) -> bool:
        """Accept a client in the reserve's place and send it away; whether there was one."""
        self.close()
        try:
            with trio.move_on_after(PATIENCE), suppress(OSError):
                client, _ = await accept()
                with client:
                    os.write(client.fileno(), GOODBYE)  # it never blocks: trio made it so
                return True
        finally:
            self._renew()
        return False

    def close(self) -> None:
        """Give the descriptor back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _renew(self) -> None:
        with suppress(OSError):  # somebody was faster; the next pause tries again
            self._file = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
