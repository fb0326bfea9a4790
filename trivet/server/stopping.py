"""How HTTP connections learn that the server stops: idle ones at once, the others at the end.

A client whose first request has not arrived is not idle: it may open a WebSocket, and the official
clients never come back if that gets no answer. What arrives late is answered, with "not now".
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import trio

__all__ = ["Stopping"]

LAST_WORDS: Final = 0.25
"""Seconds that a request which is on its way has once nothing else is left."""


class Stopping:
    """The cancel scopes of a server's HTTP connections.

    Attributes:
        begun: Whether the server has begun to stop.
    """

    def __init__(self) -> None:
        self.begun = False
        self._idle: set[trio.CancelScope] = set()
        self._busy: set[trio.CancelScope] = set()

    @contextmanager
    def while_idle(self, scope: trio.CancelScope) -> Generator[None]:
        """Have a scope cancelled if the stop begins while the body runs."""
        self._idle.add(scope)
        if self.begun:
            scope.cancel()
        try:
            yield
        finally:
            self._idle.discard(scope)

    @contextmanager
    def while_busy(self, scope: trio.CancelScope) -> Generator[None]:
        """Have a scope end soon if the last connections end while the body runs."""
        self._busy.add(scope)
        try:
            yield
        finally:
            self._busy.discard(scope)

    def begin(self) -> None:
        """End the connections that wait for a request, now and from now on."""
        self.begun = True
        for scope in self._idle:
            scope.cancel()

    def finish(self) -> None:
        """End every connection that has not gone on as a WebSocket, as soon as it is answered."""
        for scope in self._busy:
            scope.deadline = min(scope.deadline, trio.current_time() + LAST_WORDS)
