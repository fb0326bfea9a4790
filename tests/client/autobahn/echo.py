"""The client under test: its own sessions, but that what they hear is sent back."""

from __future__ import annotations

import trio
from trio_websocket import WebSocketConnection

from trivet.client.session import Ending, Receiver, Session, SessionLost
from trivet.client.watched_stream import WatchedStream
from trivet.client.websocket import WebSocketSession, run_session
from trivet.declare.errors import Error

__all__ = ["run_echo"]


class Deaf:
    """Hears nothing: these messages are not trivet's."""

    def opened(self, session: Session, /) -> None: ...

    def replied(self, call_id: int, output: object, /) -> None: ...

    def failed(self, call_id: int | None, error: Error, /) -> None: ...

    def event(self, name: str, payload: object, /) -> None: ...


class EchoSession(WebSocketSession):
    def __init__(self, socket: WebSocketConnection) -> None:
        receiver: Receiver = Deaf()
        super().__init__(socket, receiver, _forget)

    def _take(self, message: str | bytes) -> None:
        self._put(message)


def _forget(what: str) -> None:
    """Count nothing."""


async def run_echo(stream: trio.abc.Stream, path: str, host: str = "server") -> Ending | None:
    """Shake hands and repeat what is heard until the end; ``None`` if it was a mishap."""
    try:
        return await run_session(WatchedStream(stream, _forget), (host, path, []), EchoSession)
    except SessionLost:
        return None
