"""A connection: the half that belongs to its actor's instance.

Rules this file keeps:

1. Every step goes through the lifecycle table; a step it does not know is a mistake of ours.
2. From ``ADMIT`` on, every way out leads through ``CLOSE`` and ``on_disconnect``, exactly once.
   ``lost`` (the link's last word) or, without a link, the end of its call starts that hook.
3. Hooks run in tasks of the actor's nursery. A connection without a running hook has no task.
4. What a client gets leaves through the actor's gate, encoded when it was sent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio

from trivet.declare.errors import ConnStateNotEnabled
from trivet.declare.event import Event, Overflow
from trivet.declare.interfaces import SHORT_KINDS, CloseCause, Conn, ConnKind
from trivet.declare.request import Request
from trivet.declare.values import Kept
from trivet.lifecycle.actor import ActorState
from trivet.lifecycle.connection import CONNECTION, ConnectionEvent, ConnectionState
from trivet.protocol.faults import fault_of
from trivet.runtime.callers import client_left
from trivet.runtime.disconnecting import disconnect
from trivet.runtime.moment import Moment
from trivet.runtime.parked import Parked
from trivet.runtime.subjects import about_connection
from trivet.runtime.turn import Turn

if TYPE_CHECKING:
    from trivet.ports.link import Frame
    from trivet.runtime.inbox import Inbox
    from trivet.runtime.instance import Instance

__all__ = ["NO_REQUEST", "REFUSED", "Connection"]

T = TypeVar("T")

REFUSED = 1011
NO_REQUEST = Request()
UNSEEN = frozenset({ConnectionState.NEW, ConnectionState.CHECKING})
OPENING = UNSEEN | {ConnectionState.CONNECTING}
STANDING = frozenset({ConnectionState.CONNECTING, ConnectionState.OPEN})


class Connection(Conn[Any]):
    """One client's connection to one instance.

    Attributes:
        instance: The instance it belongs to.
        inbox: What stands between it and its link; ``None`` for stateless calls.
        phase: Where it stands in its life.
        since: When that began.
        subscriptions: The names of the events it hears.
        queued: How many of its calls wait or run.
        abandoned: Whether its instance stopped before its client was told that it is open.
        is_late: Whether the end of its instance waits for it no longer.
        greeted: Whether Init has left: what it rests on is stored.
        opened: Set when its opening task is over.
        ended: Set when nothing of it is left.
        scope: Cancels its opening; ``None`` if that is done at once.
        lenders: Turns that wait for its end.
        leaving: The turn of its ``on_disconnect``, from the moment it asks for one.
        cut_at: When its ``on_disconnect`` is cut, once that has begun.
    """

    __slots__ = (
        "_state",
        "_unsent",
        "abandoned",
        "close_cause",
        "cut_at",
        "ended",
        "greeted",
        "hibernates",
        "id",
        "inbox",
        "instance",
        "is_late",
        "kind",
        "leaving",
        "lenders",
        "opened",
        "phase",
        "queued",
        "request",
        "scope",
        "since",
        "subscriptions",
    )

    def __init__(
        self,
        instance: Instance,
        *,
        conn_id: str,
        kind: ConnKind,
        request: Request,
        inbox: Inbox | None = None,
    ) -> None:
        self.instance, self.id, self.kind = instance, conn_id, kind
        # Who came by the actor's id, or from this process, has not said where it is.
        is_told = request.namespace == instance.namespace
        self.request = request if is_told else attrs.evolve(request, namespace=instance.namespace)
        self.inbox = inbox
        self.hibernates = kind == "connection"
        self.close_cause: CloseCause | None = None
        self.phase = CONNECTION.start
        self.since = trio.current_time()
        # A dict, not a set: an empty set takes three times as much, and many connections hear nothing.
        self.subscriptions: dict[str, None] = {}
        self.queued = 0
        self.abandoned = self.greeted = self.is_late = False
        self.scope: trio.CancelScope | None = None
        self.ended, self.opened = Moment(), Moment()
        self.leaving: Turn | None = None
        self.cut_at = math.inf
        self._state: Any = None
        self.lenders: list[Turn] = []
        self._unsent: list[tuple[Frame, str | None, Overflow]] | None = None

    def set_state(self, value: Any) -> None:
        """Give the connection its first state."""
        self._state = value

    def step(self, event: ConnectionEvent) -> None:
        """Take a step of its life."""
        self.phase = CONNECTION.step(self.phase, event)
        self.since = trio.current_time()
        self.instance.runtime.observer.connection_step(self.instance.label, self.id, event)

    @property
    def label(self) -> str:
        """How logs name it."""
        return f"{self.instance.label} connection {self.id}"

    # What the actor sees

    @property
    def state(self) -> Any:
        """The connection's state."""
        if self.instance.definition.conn_state is None:
            raise ConnStateNotEnabled
        self.instance.watch(self)
        return self._state

    @state.setter
    def state(self, value: Any) -> None:
        if self.instance.definition.conn_state is None:
            raise ConnStateNotEnabled
        self.instance.watch(self)
        self._state = value

    def encode_state(self) -> bytes | None:
        """Return the stored form of its state.

        Raises:
            ValidationError: If the state does not fit its type.
        """
        shape = self.instance.definition.conn_state
        return None if shape is None else shape.encode(self._state)

    def decode_state(self, data: bytes | None) -> None:
        """Take its state over from the stored form, of a class that had none the default.

        Raises:
            ValidationError: If that does not fit the type.
        """
        shape = self.instance.definition.conn_state
        if shape is not None and data is not None:
            self._state = shape.decode(data)
        else:
            self._state = self.instance.definition.default_conn_state()

    def keep_state(self) -> Kept:
        """Return what ``roll_back_state`` needs to bring its state back as it is now."""
        return Kept(self._state)

    def roll_back_state(self, kept: Kept) -> None:
        """Bring its state back as it was."""
        kept.bring_back()
        self._state = kept.value

    def send(self, event: Event[T], payload: T, /) -> bool:
        """Send an event to this client alone."""
        binding = self.instance.definition.event(event)
        if self.inbox is None or self.phase not in STANDING:
            binding.shape.copy(payload)
            return False
        self.push(self.inbox.link.encoder.event(binding, payload), binding.name, binding.overflow)
        return True

    async def disconnect(self, reason: str | None = None, *, reconnect: bool = True) -> None:
        """Close the connection and return when it is closed."""
        await disconnect(self, reason or "", reconnect=reconnect)

    # What its link and its calls do with it

    def push(
        self, frame: Frame, event: str | None = None, overflow: Overflow = "disconnect"
    ) -> bool:
        """Send a frame through the gate, before Init behind it; whether the link still stands."""
        inbox = self.inbox
        assert inbox is not None
        if self.phase is ConnectionState.CONNECTING:
            if self._unsent is None:
                self._unsent = []
            self._unsent.append((frame, event, overflow))
            return True
        gate, link = self.instance.gate, inbox.link
        if gate.is_open:
            return link.push(frame, event=event, overflow=overflow)
        gate.emit(lambda: self.abandoned or link.push(frame, event=event, overflow=overflow))
        return True

    def open(self) -> None:
        """Say Init, then what was sent before it.

        Raises:
            OutgoingTooLong: If Init is longer than a message may be; it is not open then.
        """
        assert self.inbox is not None
        frame = self.inbox.link.encoder.init(self.instance.actor_id, self.id)
        self.step(ConnectionEvent.OPEN)
        if self.instance.journal is not None:
            self.instance.journal.enter(self)
            self.instance.autosave()
        with self.inbox.held():  # a client in this process may call as soon as it hears Init
            self.instance.gate.emit(lambda: self.greet(frame))
            unsent, self._unsent = self._unsent, None
            for frame, event, overflow in unsent or ():
                self.push(frame, event, overflow)

    def greet(self, frame: Frame) -> None:
        """Say Init: everything it rests on is stored."""
        assert self.inbox is not None
        if self.abandoned:
            return
        self.greeted = True
        self.inbox.decided()
        self.inbox.link.push(frame)

    async def opening_done(self) -> bool:
        """Wait for the end of the opening; ``False`` if the instance stopped under it."""
        await self.opened.wait()
        return not self.abandoned

    def close(self, cause: CloseCause, code: int, reason: str) -> None:
        """Begin to close: out of ``conns`` at once, the goodbye behind everything sent before."""
        assert self.phase in STANDING
        opening = self.phase is ConnectionState.CONNECTING
        self._begin_close(cause)
        if opening:
            self.cancel_opening()
        self.close_link(code, reason)

    def depart(self, cause: CloseCause) -> None:
        """Leave an actor that is being destroyed; the link stands until that is gone."""
        self._begin_close(cause)
        if self.inbox is not None:
            self.instance.reception.left_open.append(self.inbox)
        self.instance.reception.begin_leaving(self)

    def _begin_close(self, cause: CloseCause) -> None:
        self.close_cause = cause
        self.step(ConnectionEvent.CLOSE)
        self.instance.conns.remove(self)
        if self.queued and self.instance.definition.heeds_callers:
            client_left(self)

    def close_link(self, code: int, reason: str) -> None:
        """Let its link say goodbye; without one it leaves at once."""
        if self.inbox is None:
            self.instance.reception.begin_leaving(self)
            return
        link = self.inbox.link
        self.instance.gate.emit(
            lambda: link.close(code, reason), lambda _: link.close(code, reason)
        )

    def refuse(self, error: BaseException, where: str) -> None:
        """Tell the client why it may not connect, and close."""
        assert self.inbox is not None
        fault = fault_of(error, where=f"{self.label} {where}", subject=about_connection(self))
        gate, link = self.instance.gate, self.inbox.link
        frame = link.encoder.failure(None, fault)
        gate.emit(lambda: link.push(frame))
        if self.phase in STANDING:
            # One that is open already has an Init that is too long to be sent.
            cause: CloseCause = "server" if self.phase is ConnectionState.OPEN else "hook"
            self.close(cause, REFUSED, fault.reason)
        else:
            self.step(ConnectionEvent.REFUSE)
            gate.emit(lambda: link.close(REFUSED, fault.reason), lambda _: link.close(REFUSED, ""))

    def lost(self, cause: CloseCause) -> None:
        """Take note that the link is closed and none of its tasks is left.

        While its instance starts, an open connection stays: should that fail, the next one needs it.
        """
        if self.instance.phase is ActorState.STARTING and self.phase is ConnectionState.OPEN:
            return
        if self.phase in UNSEEN:
            self.cancel_opening()
            return
        if self.phase in STANDING:
            self.close(cause, 1000, "")
        if self.phase is ConnectionState.CLOSING:
            self.instance.reception.begin_leaving(self)

    @property
    def is_opening(self) -> bool:
        """Whether nobody knows yet if its client is let in; a call that is waits in the mailbox."""
        return self.phase in (UNSEEN if self.kind in SHORT_KINDS else OPENING)

    def cancel_opening(self) -> None:
        """Cut its opening, if that takes time and is not over yet."""
        if self.scope is not None:
            self.scope.cancel()

    @property
    def is_standing(self) -> bool:
        """Whether it is visible: from the end of its preflight until somebody closes it."""
        return self.phase in STANDING

    def hibernate(self) -> None:
        """Make ready to be left to the next instance."""

    def park(self) -> None:
        """Leave the link to the next instance.

        Raises:
            ValidationError: If its state does not fit its type.
        """
        assert self.inbox is not None
        # What the store has of its state counts, if it has anything; a failed save is not in there.
        journal, gate = self.instance.journal, self.instance.gate
        is_in_store = journal is not None and journal.knows(self) and gate.has_failed
        state = None if is_in_store else self.encode_state()
        self.step(ConnectionEvent.PARK)
        self.instance.conns.remove(self)
        self.inbox.park(
            Parked(
                actor=self.instance.label,
                actor_id=self.instance.actor_id,
                conn_id=self.id,
                state=state,
                subscriptions=frozenset(self.subscriptions),
            )
        )

    def restore(self, parked: Parked, state: bytes | None) -> None:
        """Come back as the connection that an earlier instance parked.

        Args:
            parked: What is left of it.
            state: The stored form of its state.
        """
        self.decode_state(state)
        self.subscriptions = dict.fromkeys(parked.subscriptions)
        self.phase = ConnectionState.PARKED
        self.greeted = True
        self.step(ConnectionEvent.RESTORE)

    def resume_leaving(self, stored: bytes | None) -> None:
        """Come back only to leave: an earlier instance, or process, owed its ``on_disconnect``."""
        self.decode_state(stored)
        self.close_cause = "crash"
        self.step(ConnectionEvent.TAKE_OVER)

    def abandon(self) -> None:
        """End a connection whose opening the stopping instance cuts; its link stays."""
        if self.phase not in OPENING:
            return
        self.abandoned = True
        self.cancel_opening()
        if self.inbox is not None:
            self.inbox.connection = None
            if self.phase is ConnectionState.CONNECTING:
                self._leave_link("stop")

    def reopen(self) -> None:
        """End a connection whose client was never told that it is open, and open it anew."""
        inbox = self.inbox
        assert inbox is not None
        self.abandoned = True  # what it has in the gate still must not reach its client any more
        self._leave_link("crash")
        inbox.start_again()

    def _leave_link(self, cause: CloseCause) -> None:
        self.close_cause = cause
        self.step(ConnectionEvent.CLOSE)
        self.instance.conns.remove(self)
        self.instance.reception.begin_leaving(self)
