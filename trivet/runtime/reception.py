"""The reception: how links and their messages reach an actor, and how connections leave it.

This is the mailbox's second entrance, ``submit``: a link's reader hands a message over and goes
on. A subscription is applied at once; a synchronous action of an idle actor runs right here, on the
reader's task; everything else queues. Replies leave through the gate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trivet.declare.errors import ActionError, Error, Forbidden
from trivet.declare.interfaces import SHORT_KINDS
from trivet.declare.request import Request
from trivet.lifecycle.actor import ActorState
from trivet.lifecycle.connection import ConnectionEvent, ConnectionState
from trivet.protocol.faults import Fault, fault_of
from trivet.protocol.messages import ActionRequest, SubscriptionRequest
from trivet.runtime.asking import run_inline
from trivet.runtime.call import Submission
from trivet.runtime.cleanup import bounded_cleanup
from trivet.runtime.connection import REFUSED, Connection
from trivet.runtime.disconnecting import lender_of
from trivet.runtime.hooks import leave, open_connection
from trivet.runtime.mailbox import overloaded
from trivet.runtime.permission import may_subscribe
from trivet.runtime.replies import reply_failure
from trivet.runtime.subjects import about_connection
from trivet.runtime.turn import Turn, running_turn

if TYPE_CHECKING:
    from trivet.declare.definition import Method
    from trivet.runtime.inbox import Inbox
    from trivet.runtime.instance import Instance
    from trivet.runtime.web_socket import SocketConnection

__all__ = ["BoundRequest", "Reception"]

GOING = frozenset(
    {
        ConnectionState.CLOSING,
        ConnectionState.LEAVING,
        ConnectionState.CLOSED,
        ConnectionState.OWED,
    }
)


@attrs.frozen
class BoundRequest:
    """A call from a connection in this process: its arguments were checked by the caller."""

    id: int
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] | None
    deadline: float


class Reception:
    """The connections of one instance, from their knock to their end.

    Attributes:
        handlers: The raw WebSockets whose handler runs, open or not.
        left_open: The links that stand until their actor has been destroyed.
    """

    __slots__ = ("_instance", "_standing", "handlers", "left_open")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        # A dict, not a set: what leaves at once leaves in the order in which it came.
        self._standing: dict[Connection, None] = {}
        self.handlers: set[SocketConnection] = set()
        self.left_open: list[Inbox] = []

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Every connection that has not ended, visible or not, oldest first."""
        return tuple(self._standing)

    @property
    def is_serving(self) -> bool:
        """Whether the handler of a raw WebSocket has something to do."""
        return any(not conn.is_resting for conn in self.handlers)

    # Opening

    def open_now(self, inbox: Inbox) -> Connection:
        """Open a connection of a class without connection hooks, at once."""
        conn = self._new(inbox)
        conn.step(ConnectionEvent.CHECK)
        conn.set_state(self._instance.definition.default_conn_state())
        self.show(conn)
        inbox.connection = conn
        try:
            conn.open()
        except Error as error:  # Init is too long
            conn.refuse(error, "was refused")
            inbox.decided()
        else:
            inbox.pump()
        return conn

    def show(self, conn: Connection) -> None:
        """Let the actor see a connection; from now on its end is never forgotten."""
        conn.step(ConnectionEvent.ADMIT)
        self._instance.conns.add(conn)

    def admit(self, inbox: Inbox) -> Connection:
        """Begin to open a connection."""
        conn = self._new(inbox)
        conn.scope = trio.CancelScope()
        context = self._instance.context.copy()
        self._instance.nursery.start_soon(open_connection, conn, inbox.params, context=context)
        return conn

    def restore(self, inbox: Inbox) -> None:
        """Take up a connection that the last instance parked; no hook runs."""
        parked = inbox.parked
        assert parked is not None
        self._instance.runtime.directory.forget_parked(inbox)
        conn = self._new(inbox, parked.conn_id)
        journal = self._instance.journal
        if journal is not None and journal.knows(conn):
            conn.restore(parked, journal.stored_state(conn))
        else:
            conn.restore(parked, parked.state)
        self._instance.conns.add(conn)
        inbox.parked = None
        inbox.connection = conn

    def take_up(self) -> None:
        """Handle what restored links have sent, or that they have closed, meanwhile."""
        for conn in self.connections:
            if conn.inbox is not None:
                conn.inbox.restored()

    def park(self, conn: Connection) -> None:
        """Leave an open connection to the next instance; one that cannot be stored is closed."""
        try:
            conn.park()
        except Error as error:
            fault = fault_of(error, where=f"parking {conn.label}", subject=about_connection(conn))
            conn.close("crash", REFUSED, fault.reason)
        else:
            self.forget(conn)

    def connect_call(self) -> Connection:
        """Make the connection of a stateless call whose class has no connection hooks."""
        instance = self._instance
        conn = Connection(
            instance, conn_id=instance.runtime.new_id(), kind="call", request=Request(intent="call")
        )
        conn.step(ConnectionEvent.CHECK)
        conn.set_state(instance.definition.default_conn_state())
        conn.step(ConnectionEvent.ADMIT)
        conn.step(ConnectionEvent.OPEN)
        instance.conns.add(conn)
        self._standing[conn] = None
        return conn

    def expect_call(self, request: Request) -> Connection:
        """Make the connection of a stateless call whose class has connection hooks."""
        conn = Connection(
            self._instance, conn_id=self._instance.runtime.new_id(), kind="call", request=request
        )
        self.expect(conn)
        return conn

    def expect(self, conn: Connection) -> None:
        """Take note of a short connection whose preflight may begin."""
        conn.scope = trio.CancelScope()
        self._standing[conn] = None

    def _new(self, inbox: Inbox, conn_id: str | None = None) -> Connection:
        conn = inbox.connection_type(
            self._instance,
            conn_id=conn_id or self._instance.runtime.new_id(),
            kind=inbox.kind,
            request=inbox.request,
            inbox=inbox,
        )
        self._standing[conn] = None
        return conn

    # Messages

    def handle(self, conn: Connection, message: Any, size: int) -> bool:
        """Handle a message of a link; ``False`` leaves it in the inbox."""
        if conn.phase in GOING:
            self._instance.runtime.observer.count("message_after_close")
            return True
        if conn.phase is not ConnectionState.OPEN or self._instance.phase is not ActorState.AWAKE:
            return False
        if isinstance(message, SubscriptionRequest):
            self._subscribe(conn, message)
            return True
        if conn.queued >= self._instance.limits.mailbox_per_connection:
            return False
        self._submit(conn, message, size)
        return True

    def _subscribe(self, conn: Connection, message: SubscriptionRequest) -> None:
        name = message.event_name
        if not message.subscribe:
            self._instance.conns.unsubscribe(conn, name)
            return
        binding = self._instance.definition.events_by_name.get(name)
        if binding is None:
            # Accepted, as the reference does, and not kept: such names cost a client nothing.
            self._instance.runtime.observer.count("subscription_unknown")
            return
        if may_subscribe(conn, binding.event):
            self._instance.conns.subscribe(conn, name)
            return
        self._instance.runtime.observer.count("subscription_refused")
        self._end_with(conn, fault_of(Forbidden(), where=conn.label))

    def _end_with(self, conn: Connection, fault: Fault) -> None:
        assert conn.inbox is not None
        conn.push(conn.inbox.link.encoder.failure(None, fault))
        conn.close("server", REFUSED, fault.reason)

    def _submit(self, conn: Connection, message: Any, size: int) -> None:
        method = self._instance.definition.methods_by_name.get(message.name)
        if method is None:
            error = not_found(message.name)
            reply_failure(conn, message.id, fault_of(error, where=conn.label))
            return
        try:
            call = _call(conn, method, message)
        except Error as error:
            reply_failure(conn, message.id, fault_of(error, where=f"{conn.label} {method.name}"))
            return
        if call.deadline < math.inf and call.deadline <= trio.current_time():
            self._instance.runtime.observer.count("request_expired")
            call.failed(overloaded(self._instance.limits.mailbox))
            return
        call.message, call.size = message, size
        if method.may_run_inline and self._instance.mailbox.holder is None:
            run_inline(call)
            return
        conn.queued += 1
        try:
            call.queue()
        except ActionError as error:
            self._instance.runtime.observer.count("request_overloaded")
            conn.queued -= 1
            call.refused(fault_of(error, where=call.where))

    # Leaving

    def opening_ended(self, conn: Connection) -> None:
        """Take note that a connection's opening task is over, however it went."""
        if conn.phase is ConnectionState.CHECKING:
            conn.step(ConnectionEvent.REFUSE)
        if conn.phase is ConnectionState.REFUSED:
            self.forget(conn)
        conn.opened.set()

    def call_checked(self, conn: Connection) -> None:
        """Take note that the preflight of a stateless call is over."""
        self.opening_ended(conn)

    def call_ended(self, conn: Connection, turn: Turn) -> None:
        """Take note that a call of a connection is about to end its turn.

        The turn still holds the actor, so what the inbox hands over now queues behind it, while
        ``on_disconnect`` of a stateless call runs inside it.
        """
        if conn.kind not in SHORT_KINDS:
            self.call_dropped(conn)
            return
        if conn.is_standing and not turn.leaves_open:
            conn.close("client", 1000, "")
        if conn.leaving is not None:
            self._instance.mailbox.pull_forward(conn.leaving, turn)

    def call_dropped(self, conn: Connection) -> None:
        """Take note that a call of a link waits no more: there is room for the next."""
        conn.queued -= 1
        if conn.inbox is not None:
            conn.inbox.pump()

    def begin_leaving(self, conn: Connection) -> None:
        """Run ``on_disconnect`` of a closed connection, if the class has one.

        It asks for its turn at once, so that turns keep the order of what led to them.
        """
        if conn.leaving is not None:
            return
        instance, definition = self._instance, self._instance.definition
        if self._is_left_to_the_next(conn):
            conn.step(ConnectionEvent.HAND_OVER)
            self.forget(conn)
            return
        hooked = "on_disconnect" in definition.hooks
        unhooked_call = conn.kind in SHORT_KINDS and not definition.runs_call_hooks
        if not hooked or unhooked_call or instance.nursery.is_closed:
            conn.step(ConnectionEvent.LEAVE)
            self.has_left(conn)
            return
        turn = conn.leaving = Turn(instance, "on_disconnect", hook_of=conn)
        lender = lender_of(conn)
        if lender is None:
            instance.mailbox.put(turn)
        else:
            lender.lend(turn)
        context = instance.context.copy()
        context.run(running_turn.set, None)
        instance.nursery.start_soon(leave, conn, turn, context=context)

    def _is_left_to_the_next(self, conn: Connection) -> bool:
        """Whether a connection's ``on_disconnect`` can store nothing, so that the next one runs it."""
        journal = self._instance.journal
        return journal is not None and journal.knows(conn) and self._instance.gate.has_failed

    def has_left(self, conn: Connection) -> None:
        """Take note that a connection's last hook has ended."""
        if conn.phase is ConnectionState.CLOSING:
            conn.step(ConnectionEvent.LEAVE)  # its hook was cut before it began
        conn.step(ConnectionEvent.LEFT)
        self.forget(conn)

    async def wait_handlers_over(self) -> None:
        """Wait until no handler of a raw WebSocket runs any more."""
        while self.handlers:
            await next(iter(self.handlers)).handled.wait()

    async def cut_hibernating(self, seconds: float) -> None:
        """Cut the handlers that the next instance calls again; they have so long to end."""
        cut = [conn for conn in self.handlers if conn.is_hibernating]
        for conn in cut:
            conn.handling.cancel()
        with bounded_cleanup(seconds):
            for conn in cut:
                await conn.handled.wait()

    def forget(self, conn: Connection) -> None:
        """Let go of a connection that has ended, was refused or parked."""
        self._standing.pop(conn, None)
        conn.ended.set()
        self._instance.rests()


def not_found(name: str) -> ActionError:
    """Make the error of a call to an action that does not exist."""
    message = f"Action `{name}` was not found."
    return ActionError(message, group="actor", code="action_not_found")


def _call(conn: Connection, method: Method, message: Any) -> Submission:
    if isinstance(message, BoundRequest):
        call = Submission(conn, method, message.args, message.kwargs, message.id)
        call.deadline = message.deadline
        return call
    assert isinstance(message, ActionRequest)
    args, kwargs = method.binder.load(message.args)
    call = Submission(conn, method, args, kwargs, message.id)
    if message.deadline is not None:
        call.deadline = trio.current_time() + message.deadline / 1000
    return call
