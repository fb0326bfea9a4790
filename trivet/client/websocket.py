"""Sessions over the network: the real protocol over a WebSocket (client protocol, 6 and 11).

trio-websocket carries the frames, and this file keeps to what it bears:

1. Its reader is never made to wait, or it would answer no ping: what arrives is handed on at once.
2. One task writes. When it is cancelled in the middle of a frame the stream is never used again.
3. Whatever its tasks raise ends this session alone, and its stream is closed in any case.
4. The end of the bytes during the handshake ends the handshake: by itself it would wait on.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Final

import trio
from trio_websocket import CloseReason, ConnectionClosed, ConnectionRejected, WebSocketConnection

from trivet.client.answers import stated_error, told_error
from trivet.client.deadline import milliseconds_left
from trivet.client.dialing import open_stream, shake_hands
from trivet.client.endpoint import Endpoint, StreamOpener
from trivet.client.http import HttpResponse
from trivet.client.session import Ending, Receiver, SessionLost, first_error
from trivet.client.values import WireValues
from trivet.client.watched_stream import WatchedStream
from trivet.declare.errors import ConnectionLost
from trivet.logs import Throttled, about
from trivet.protocol.client import ClientConnection, ClientState
from trivet.protocol.close import CloseCode
from trivet.protocol.codec import CODECS
from trivet.protocol.errors import RemoteProtocolError
from trivet.protocol.gateway import GatewayTarget, gateway_url
from trivet.protocol.handshake import EXTENSION, subprotocols
from trivet.protocol.messages import ActionResponse, ErrorMessage, EventMessage, Init

__all__ = ["WebSocketDialer", "WebSocketSession", "run_session"]

throttled = Throttled(logging.getLogger(__name__))

INIT_TIME: Final = 30.0
"""Seconds for Init: a server gives up an opening after half of that."""

OUTBOX_SIZE: Final = 4096
"""Messages that may wait to be sent. Calls are fewer, so it takes subscriptions to fill it."""

_BROKEN_RULES: Final = frozenset({1002, CloseCode.INVALID_UTF8})
"""What trio-websocket reports as the close code where it could not read a frame."""


class WebSocketDialer:
    """Opens sessions with an actor of a server.

    Args:
        endpoint: The server.
        connect: Connects to it.
        values: How values travel.
        route: Tells how a URL names the actor.
        creates: Whether the actor is created if there is none.
        count: Counts what its server does wrong.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        connect: StreamOpener,
        values: WireValues,
        route: Callable[[], Awaitable[GatewayTarget]],
        *,
        creates: bool,
        count: Callable[[str], None],
    ) -> None:
        self.values = values
        self.creates = creates
        self._endpoint = endpoint
        self._connect = connect
        self._route = route
        self._count = count

    async def run(self, params: Any, receiver: Receiver, /) -> Ending:
        """Open a session and serve it until its end."""
        offered = subprotocols("bare", params=self.values.params(params))
        path = await self._path()
        return await run_session(
            await open_stream(self._connect, self._count),
            (self._endpoint.authority, path, offered),
            partial(WebSocketSession, receiver=receiver, count=self._count),
        )

    def waiting(self) -> AbstractContextManager[object]:
        """Return nothing: only within a process it is known who waits for whom."""
        return nullcontext()

    async def _path(self) -> str:
        try:
            return self._endpoint.base_path + gateway_url(await self._route(), "/connect")
        except ConnectionLost as lost:
            raise SessionLost(lost.message) from lost


async def run_session(
    stream: WatchedStream,
    target: tuple[str, str, list[str]],
    session_of: Callable[[WebSocketConnection], WebSocketSession],
) -> Ending:
    """Serve a session until its end, and close its stream.

    Args:
        stream: The open stream.
        target: Host and path, and the subprotocols to offer.
        session_of: Makes the session, once there is a WebSocket.

    Raises:
        SessionLost: If no session came about, or it failed.
        Error: If the server states why not.
    """
    session: WebSocketSession | None = None
    ending = Ending()
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            socket = await shake_hands(nursery, stream, *target)
            session = session_of(socket)
            nursery.start_soon(session.write)
            nursery.start_soon(stream.keep_alive, socket)
            ending = await session.read()
            if ending.code in _BROKEN_RULES and not stream.has_said_goodbye:
                await stream.refuse(ending.code)
                raise RemoteProtocolError(f"The server broke WebSocket: {ending.reason}")
            nursery.cancel_scope.cancel()
    except* Exception as group:  # the connection's firewall
        failure = first_error(group)
    finally:
        await trio.aclose_forcefully(stream)
    if failure is not None and not (session is not None and session.is_leaving):
        raise _judged(failure)
    return ending


class WebSocketSession:
    """An open WebSocket.

    Args:
        socket: The WebSocket.
        receiver: Who hears what arrives.
        count: Counts what the server does wrong.

    Attributes:
        is_leaving: Whether the client has begun to say goodbye.
    """

    def __init__(
        self, socket: WebSocketConnection, receiver: Receiver, count: Callable[[str], None]
    ) -> None:
        self.is_leaving = False
        self._socket = socket
        self._receiver = receiver
        self._count = count
        self._extended = socket.subprotocol == EXTENSION
        self._machine = ClientConnection(CODECS["cbor" if self._extended else "bare"])
        self._reading = trio.CancelScope()
        self._given_up = f"no Init within {INIT_TIME:g} s"
        self._outbox: deque[str | bytes] = deque()
        self._news = trio.Event()
        self._left = trio.Event()

    # What the connection does

    def call(self, call_id: int, name: str, arguments: Any, deadline: float, /) -> int | None:
        """Send a call."""
        if self._machine.state is not ClientState.OPEN:
            return None
        left = milliseconds_left(deadline) if self._extended else None
        self._machine.next_id = call_id
        _, payload = self._machine.call(name, arguments, deadline=left)
        self._put(payload)
        return len(payload)

    def subscribe(self, event_name: str, *, wanted: bool) -> None:
        """Ask for an event, or no longer."""
        if self._machine.state is ClientState.OPEN:
            self._put(self._machine.subscribe(event_name, wanted=wanted))

    def close(self) -> None:
        """Begin to say goodbye: what was not sent yet stays unsent."""
        self.is_leaving = True
        self._news.set()

    # Its tasks

    async def read(self) -> Ending:
        """Hand on what arrives until the end.

        Raises:
            SessionLost: If Init does not come in time, or the server takes nothing.
            RemoteProtocolError: If the server breaks the protocol.
        """
        self._reading.deadline = trio.current_time() + INIT_TIME
        with self._reading:
            try:
                while True:
                    self._take(await self._socket.get_message())
            except ConnectionClosed as closed:
                self._machine.close()
                if self.is_leaving:
                    await self._left.wait()
                return _ending(closed.reason)
        raise SessionLost(self._given_up)

    async def write(self) -> None:
        """Send what is in the outbox, and in the end the goodbye."""
        try:
            while not self.is_leaving:
                if self._outbox:
                    await self._socket.send_message(self._outbox.popleft())
                else:
                    self._news = trio.Event()
                    await self._news.wait()
            await self._socket.aclose(CloseCode.NORMAL, "Disposed")
        except ConnectionClosed:
            pass  # the reader tells how it ended
        finally:
            self._left.set()

    def _put(self, payload: str | bytes) -> None:
        self._outbox.append(payload)
        self._news.set()
        if len(self._outbox) > OUTBOX_SIZE:
            self._count("server_stalled")
            self._machine.close()
            self._given_up = "the server takes nothing"
            self._reading.cancel()

    def _take(self, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        try:
            received = self._machine.receive(data)
        except RemoteProtocolError:
            self._count("message_malformed")
            raise
        match received:
            case Init():
                self._reading.deadline = math.inf
                self._receiver.opened(self)
            case ActionResponse(call_id, output):
                self._receiver.replied(call_id, output)
            case EventMessage(name, args):
                self._receiver.event(name, args)
            case ErrorMessage(action_id=call_id) as error:
                self._receiver.failed(call_id, told_error(error))
            case None:
                pass


def _ending(reason: CloseReason | None) -> Ending:
    return Ending() if reason is None else Ending(reason.code, reason.reason or "")


def _judged(failure: Exception) -> Exception:
    """Return what a failed session raises: the error that the server stated, else a loss."""
    if isinstance(failure, SessionLost):
        return failure
    if isinstance(failure, ConnectionRejected):
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in failure.headers
        }
        stated = stated_error(HttpResponse(failure.status_code, headers, failure.body or b""))
        return stated or SessionLost(f"the server answered with status {failure.status_code}")
    mishap = "a session ended by a mishap"
    throttled.log(logging.WARNING, type(failure), mishap, extra=about(), error=failure)
    lost = SessionLost(f"the session failed: {failure!r}")
    lost.__cause__ = failure
    return lost
