"""The inbox: what stands between a link and the connections that come and go behind it.

Rules this file keeps:

1. A message is handled at once if its connection is open and none waits before it; else it waits
   here, in order, within bounds. A client that breaks them is closed with 1008.
2. The link outlives the instance. When that is put away the inbox keeps what the connection needs
   to come back (``Parked``), and the first message, or the link's end, wakes the actor.
3. The opening has one deadline for everything, instances that stop in the middle included.
4. Until it was told that it is open, a client comes back only after a close that says so: 1012
   would be the end for the official ones. ``_put_off`` closes like that.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import trio

from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.declare.interfaces import CloseCause, ConnKind
from trivet.declare.request import Request
from trivet.lifecycle.connection import ConnectionEvent
from trivet.protocol.faults import fault_of
from trivet.runtime.connection import NO_REQUEST, REFUSED, Connection
from trivet.runtime.moment import Moment
from trivet.runtime.parked import Parked

if TYPE_CHECKING:
    from trivet.ports.link import Link
    from trivet.runtime.runtime import Runtime

__all__ = ["Inbox"]


FLOODED = 1008
GOING_AWAY = 1012


class Inbox:
    """One link's place in the runtime.

    Attributes:
        kind: How its clients come.
        connection_type: What their connections are.
        link: The link.
        request: What the client sent to be let in, until that is decided.
        params: The params the client sent, checked, until then.
        connection: The connection behind it, while an instance has one.
        parked: What is left of the connection otherwise.
        closed: Set when the link has closed and none of its tasks is left.
        when_decided: Called once the client has been let in, or refused.
    """

    kind: ClassVar[ConnKind] = "connection"
    connection_type: ClassVar[type[Connection]] = Connection

    def __init__(
        self,
        runtime: Runtime,
        link: Link,
        definition: Definition,
        address: Address,
        *,
        params: Any,
        request: Request,
    ) -> None:
        self.link = link
        self.request = request
        self.params = params
        self.connection: Connection | None = None
        self.parked: Parked | None = None
        self.closed = Moment()
        self.when_decided: Callable[[], None] | None = None
        self._runtime = runtime
        self._definition = definition
        self._address = address
        self._limits = runtime.limits_of(definition)
        self._opening: trio.CancelScope | None = None
        # A list, since an empty deque weighs ten times as much and few inboxes ever hold anything.
        self._waiting: list[tuple[Any, int]] = []
        self._bytes = 0
        self._held = False
        self._flooded = False
        self._closed_for: CloseCause | None = None
        self._waking = False
        self._started_again = False
        self._refused = False
        self._cause: CloseCause | None = None

    # The link's side

    def start(self) -> None:
        """Begin to open a connection; never blocks."""
        if self._runtime.closing:
            self._put_off("stopping")
            return
        instance = self._runtime.directory.awake_now(self._definition, self._address)
        if instance is not None and not self._definition.has_connect_hooks:
            self.connection = instance.reception.open_now(self)
        else:
            self._runtime.nursery.start_soon(self._open)

    def start_again(self) -> None:
        """Open the connection anew, for its client was never told that it is open.

        Only once: if opening it makes the actor fail, everybody else must not suffer for long.
        """
        self.connection = None
        if self._started_again:
            self._refused = True
            self.decided()
            self._put_off("starting")
            return
        self._started_again = True
        if self._opening is None:  # else that one goes on: two would open two connections
            self.start()

    def receive(self, message: Any, size: int) -> None:
        """Handle a message now, or keep it."""
        if self._flooded:
            self._runtime.observer.count("message_after_close")
            return
        if not self._waiting and not self._held and self._handle(message, size):
            return
        self._waiting.append((message, size))
        self._bytes += size
        limits = self._limits
        if len(self._waiting) > limits.inbox_messages or self._bytes > limits.inbox_bytes:
            self._runtime.observer.count("connection_flooding")
            self._runtime.observer.count("message_dropped", len(self._waiting))
            self._flooded = True
            self._waiting.clear()
            self.link.close(FLOODED, "connection.flooding")
        elif self.parked is not None:
            self.wake()

    def lost(self, cause: CloseCause) -> None:
        """Take note that the link has closed; called exactly once, by the link."""
        self._cause = cause = self._closed_for or cause
        self.closed.set()
        if self.connection is not None:
            self.connection.lost(cause)
        elif self.parked is not None:
            if self._owes_hook:
                self.wake()
            else:
                self._end_parked(cause)
        if self._opening is not None:
            self._opening.cancel()

    # The connection's side

    def decided(self) -> None:
        """Take note that the client has been let in, or refused: tokens do not linger."""
        self.params, self.request = None, NO_REQUEST
        self._started_again = False
        if self.when_decided is not None:
            when_decided, self.when_decided = self.when_decided, None
            when_decided()

    def pump(self) -> None:
        """Handle what waits, as far as the connection takes it."""
        if self._held or not self._waiting:
            return
        with self.held():
            while self._waiting and self._handle(*self._waiting[0]):
                _, size = self._waiting.pop(0)
                self._bytes -= size

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep what arrives while the body runs."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def give_back(self, message: Any, size: int) -> None:
        """Put a message back whose call has not begun; the last one first."""
        self._waiting.insert(0, (message, size))
        self._bytes += size

    def park(self, parked: Parked) -> None:
        """Keep the link while the actor has no instance."""
        self.connection = None
        self.parked = parked
        self._address = Address(actor_id=parked.actor_id)
        self._runtime.directory.keep_parked(self)

    def restored(self) -> None:
        """Bring the connection of the next instance up to date."""
        if self.connection is None:
            return
        if self.closed.is_set():
            self.connection.lost(self._cause or "network")
        else:
            self.pump()

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def instance_ended(self) -> None:
        """Wake the actor again if a parked link has something for it to do."""
        if self.closed.is_set() or self._waiting:
            self.wake()

    def wake(self) -> None:
        """Start the actor for a parked link, unless that has to wait until it is due."""
        if not (self._waking or self._is_held):
            self._waking = True
            self._runtime.nursery.start_soon(self._wake)

    def close_parked(self, cause: CloseCause, code: int, reason: str) -> None:
        """Close a parked link."""
        self._closed_for = cause
        self.link.close(code, reason)

    async def end(self) -> None:
        """End a parked link with the runtime: its actor comes back if ``on_disconnect`` has to run.

        The instance then ends as any other; if it cannot start, the hook is lost.
        """
        if self._owes_hook:
            try:
                await self._runtime.directory.awake(self._definition, self._address)
                return
            except Exception as error:  # the connection's firewall
                fault_of(error, where=f"waking {self._definition.name} for its last hooks")
        self.link.close(GOING_AWAY, "")
        if self.parked is not None:
            self._end_parked("stop")

    @property
    def _owes_hook(self) -> bool:
        return "on_disconnect" in self._definition.hooks

    def _end_parked(self, cause: CloseCause) -> None:
        """Let a parked connection end without an instance."""
        assert self.parked is not None
        self._runtime.directory.forget_parked(self)
        for event in (ConnectionEvent.CLOSE, ConnectionEvent.LEAVE, ConnectionEvent.LEFT):
            self._runtime.observer.connection_step(self.parked.actor, self.parked.conn_id, event)
        self.parked = None

    def _handle(self, message: Any, size: int) -> bool:
        connection = self.connection
        return connection is not None and connection.instance.reception.handle(
            connection, message, size
        )

    @property
    def _is_held(self) -> bool:
        """Whether the actor has crashed, and comes back by itself."""
        return self._runtime.supervisor.holds_links(self._definition, self._address)

    async def _open(self) -> None:
        try:
            await self._open_in_time()
        except trio.Cancelled:
            self._put_off("stopping")  # the runtime ends; a link that is closing stays as it is
            raise

    async def _open_in_time(self) -> None:
        with trio.move_on_after(self._limits.opening_time) as opening:
            self._opening = opening
            while not (self.closed.is_set() or self._refused):
                if self._runtime.closing:
                    self._put_off("stopping")
                    break
                try:
                    instance = await self._runtime.directory.awake(self._definition, self._address)
                except Exception as error:  # the connection's firewall
                    if self._is_held:
                        self._put_off("starting")
                    else:
                        self._refuse(error)
                    break
                self.connection = instance.reception.admit(self)
                if await self.connection.opening_done():
                    break
                self.connection = None
        if self._opening is opening:
            self._opening = None
        if opening.cancelled_caught and not self.closed.is_set():
            self._give_up()
        if self.connection is None or not self.connection.is_standing:
            self.decided()

    def _refuse(self, error: Exception) -> None:
        self._runtime.observer.count("opening_refused")
        fault = fault_of(error, where=f"opening a connection to {self._definition.name}")
        self.link.push(self.link.encoder.failure(None, fault))
        self.link.close(REFUSED, fault.reason)

    def _give_up(self) -> None:
        self._runtime.observer.count("opening_timed_out")
        conn = self.connection
        if conn is not None and conn.is_standing:
            conn.close("server", REFUSED, self._not_now("starting"))
            return
        self._put_off("starting")
        if conn is not None:
            conn.cancel_opening()  # nobody shall see it any more

    def _put_off(self, why: str) -> None:
        """Close the link of a client that was not let in yet, and shall come back."""
        self.link.close(REFUSED, self._not_now(why))

    def _not_now(self, why: str) -> str:
        """Return the reason that the official clients retry without a word, if they can.

        They do if they know the actor's key. With an id only ``restarting`` makes them come back,
        which is told to the application, and fails the calls that wait.
        """
        return "actor.restarting" if self._address.actor_id is not None else f"actor.{why}"

    async def _wake(self) -> None:
        with trio.move_on_after(self._limits.park_time) as scope:
            try:
                await self._runtime.directory.awake(self._definition, self._address)
            except Exception as error:  # the connection's firewall
                if not self._is_held:
                    self._refuse(error)
        if scope.cancelled_caught:
            self.link.close(REFUSED, "actor.starting")
        self._waking = False
