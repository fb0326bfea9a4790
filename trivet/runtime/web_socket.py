"""Raw WebSockets: the connection of one, and the task of the actor that serves it.

Rules this file keeps:

1. The handler begins when the client's connection is open and that is stored, and it is a task of
   the actor: the end of the connection ends its iteration, and cancels nothing.
2. Its end closes the socket, if nobody has: with 1000, or after an error with 1011 and the masked
   ``group.code`` as reason.
3. The connection ends with its instance, unless it hibernates. Of one that does the handler ends
   where it waits for a message, at the end of the grace wherever it is, and in a crash at once; the
   next instance calls it again. While it waits it has nothing to do.
4. Who answers each message cannot be made to fill the gate: while much of what was sent waits there
   for a turn to end, no further message is read.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import trio

from trivet.declare.errors import ActionError
from trivet.declare.event import Event
from trivet.declare.interfaces import CloseCause, Conn
from trivet.declare.web_socket import WebSocket, check_close, check_message
from trivet.lifecycle.actor import ActorEvent
from trivet.lifecycle.connection import ConnectionState
from trivet.protocol.faults import fault_of
from trivet.runtime.atomic import refuse_in_atomic_turn
from trivet.runtime.connection import REFUSED, Connection
from trivet.runtime.disconnecting import wait_closed
from trivet.runtime.subjects import about_connection
from trivet.runtime.turn import current_turn, running_turn
from trivet.runtime.user_code import user_code

if TYPE_CHECKING:
    from trivet.ports.link import Frame, SocketEncoder
    from trivet.runtime.socket_inbox import SocketInbox

__all__ = ["ActorSocket", "SocketConnection"]

T = TypeVar("T")

NORMAL = 1000

MESSAGE_COST = 256
"""Bytes that a message takes in the gate beside itself."""

MAKES_WAY: Final = frozenset({ActorEvent.SLEEP, ActorEvent.CRASH})
"""Ends of an instance after which there is a next one for its links."""

GONE_BY_ITSELF: frozenset[CloseCause] = frozenset({"client", "network", "slow_consumer"})
"""Ends after which what has arrived is still read."""

served_socket: ContextVar[Connection | None] = ContextVar("trivet.socket", default=None)
"""The connection whose handler the current task works for."""


class SocketConnection(Connection):
    """The connection of a raw WebSocket.

    Attributes:
        handled: Set when its handler has ended, or will never begin.
        handling: Cancels its handler.
        is_hibernating: Whether that is to end, for the next instance to call it again.
    """

    __slots__ = ("_in_gate", "handled", "handling", "is_hibernating")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hibernates = self.socket_inbox.hibernates
        self.handled = trio.Event()
        self.handling = trio.CancelScope()
        self.is_hibernating = False
        self._in_gate = 0

    @property
    def socket_inbox(self) -> SocketInbox:
        """What its client has sent."""
        return cast("SocketInbox", self.inbox)

    @property
    def encoder(self) -> SocketEncoder:
        """How its messages are framed."""
        return cast("SocketEncoder", self.socket_inbox.link.encoder)

    def count_in_gate(self, size: int) -> None:
        """Count a message of so many bytes that is being sent, if it may have to wait."""
        if self.instance.gate.is_open:
            self._in_gate = 0
        else:
            self._in_gate += size + MESSAGE_COST

    async def gate_has_room(self) -> None:
        """Wait until no more of what was sent is in the gate than the outbox has room for."""
        limits = self.instance.limits
        room = min(limits.outbox_bytes / 2, limits.outbox_messages / 2 * MESSAGE_COST)
        counted = self._in_gate
        if counted > room:
            try:
                await self.instance.gate.stand_behind()
            except ActionError:
                pass  # what was sent is lost, and so is the connection, as the handler will hear
            self._in_gate = max(0, self._in_gate - counted)

    def send(self, event: Event[T], payload: T, /) -> bool:
        """Send nothing: such a client knows no events."""
        self.instance.definition.event(event).shape.copy(payload)
        return False

    async def disconnect(self, reason: str | None = None, *, reconnect: bool = True) -> None:
        """Close the socket; outside the actor's turns, also wait for the handler.

        Inside one nobody waits for the handler, which may want a turn itself.
        """
        await super().disconnect(reason, reconnect=reconnect)
        turn = current_turn()
        in_turn = turn is not None and turn.instance is self.instance
        if not in_turn and served_socket.get() is not self:
            with trio.move_on_after(self.instance.limits.hook_time):
                await self.handled.wait()

    def close(self, cause: CloseCause, code: int, reason: str) -> None:
        """Begin to close; the handler hears of it."""
        if not self.greeted:
            self.handled.set()
        if cause not in GONE_BY_ITSELF:
            self.socket_inbox.drop()
        super().close(cause, code, reason)
        if (
            self.phase is ConnectionState.CLOSING and self.socket_inbox.closed.is_set()
        ):  # see ``lost``: nobody will say so any more
            self.instance.reception.begin_leaving(self)

    def depart(self, cause: CloseCause) -> None:
        """Leave an actor that is being destroyed; the handler hears of it."""
        self.socket_inbox.drop()
        super().depart(cause)

    def greet(self, frame: Frame) -> None:
        """Begin to serve the socket: what it rests on is stored."""
        super().greet(frame)
        self.serve(restored=False)

    def serve(self, *, restored: bool) -> None:
        """Start the handler, if the socket still stands.

        Args:
            restored: Whether an earlier instance has had one.
        """
        if not (self.greeted and self.is_standing):
            self.handled.set()
            return
        instance = self.instance
        instance.reception.handlers.add(self)
        instance.nursery.start_soon(_serve, self, restored, context=instance.context.copy())

    # How it hibernates

    @property
    def is_resting(self) -> bool:
        """Whether its handler has nothing to do, and may be called again after a sleep."""
        inbox = self.socket_inbox
        return self.hibernates and inbox.is_waited_for and inbox.is_empty

    @property
    def makes_way(self) -> bool:
        """Whether its messages are for the next instance."""
        instance = self.instance
        return instance.ending in MAKES_WAY and self.hibernates and self.is_standing

    def hibernate(self) -> None:
        """Have the handler end where it waits; what was broken is not used any longer."""
        self.is_hibernating = True
        if self.instance.broken or self.socket_inbox.is_waited_for:
            self.handling.cancel()

    def waits(self) -> None:
        """Take note that the handler waits for a message."""
        self.instance.rests()
        if self.is_hibernating:
            self.handling.cancel()

    def lost(self, cause: CloseCause) -> None:
        """Take note that the link is closed; the handler hears of it, which may be the next one."""
        if not (self.is_hibernating and self.is_standing):
            super().lost(cause)

    def reopen(self) -> None:
        """End a connection whose client was never told that it is open, and open it anew."""
        self.handled.set()
        super().reopen()


class ActorSocket(WebSocket[Any]):
    """The handler's end of a raw WebSocket."""

    __slots__ = ("_conn", "conn", "message_index", "request", "restored")

    def __init__(self, conn: SocketConnection, *, restored: bool) -> None:
        self._conn = conn
        self.conn: Conn[Any] = conn
        self.request = conn.request
        self.restored = restored
        self.message_index = conn.socket_inbox.index

    def send(self, message: str | bytes, /) -> bool:
        """Put a message into the outbox, through the gate."""
        check_message(message)
        frame = self._conn.encoder.message(message)
        if not self._conn.is_standing:
            return False
        self._conn.count_in_gate(len(message))
        return self._conn.push(frame)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the socket and return when it is closed."""
        check_close(code)
        inbox = self._conn.socket_inbox
        await trio.lowlevel.checkpoint()
        conn = inbox.connection  # another one, or none, if its instance has left it to the next
        if conn is None:
            inbox.close_parked("server", code, reason)
        elif conn.is_standing:
            refuse_in_atomic_turn(conn.instance)
            conn.close("server", code, reason)
            conn.instance.gate.end_segment()
        else:
            conn.close_link(code, reason)  # if nobody has: its actor may be on its way out
        await wait_closed(inbox, self._conn.instance.limits.close_time)

    async def __anext__(self) -> str | bytes:
        """Wait for the next message."""
        conn, inbox = self._conn, self._conn.socket_inbox
        inbox.deal(conn)
        await conn.gate_has_room()
        message = await inbox.take(conn)
        if message is None:
            raise StopAsyncIteration
        self.message_index = inbox.index
        return message


async def _serve(conn: SocketConnection, restored: bool) -> None:
    """Run the handler, as a task of the actor."""
    running_turn.set(None)
    served_socket.set(conn)
    code, reason = NORMAL, ""
    goes_on = False
    try:
        served = conn.instance.actor.on_websocket(ActorSocket(conn, restored=restored))
        with conn.handling:
            await user_code(conn.instance.runtime, served)
        goes_on = conn.handling.cancelled_caught
    except Exception as error:  # the actor's firewall: its client is closed
        goes_on = conn.makes_way and conn.instance.broken  # then it is no fault of the handler
        where = f"{conn.label} on_websocket"
        fault = fault_of(error, where=where, subject=about_connection(conn))
        code, reason = REFUSED, fault.reason
    finally:
        if conn.is_standing and not goes_on:
            conn.close("server", code, reason)
        conn.instance.reception.handlers.discard(conn)
        conn.handled.set()
        conn.instance.rests()
