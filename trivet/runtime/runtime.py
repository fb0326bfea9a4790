"""The runtime: the actors of one registry, in one nursery, on one store."""

from __future__ import annotations

import contextvars
import itertools
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.declare.options import Limits
from trivet.declare.registry import Registry
from trivet.declare.request import Request
from trivet.lifecycle.actor import ActorEvent
from trivet.logs import about
from trivet.ports.errors import NotStored
from trivet.ports.link import Link, SocketLink
from trivet.ports.observer import Observer
from trivet.ports.storage import Storage
from trivet.ports.surroundings import Randomness, WallClock
from trivet.runtime.alarms import Alarms
from trivet.runtime.between_turns import BetweenTurns
from trivet.runtime.call import InlineTurn
from trivet.runtime.cleanup import Shelter
from trivet.runtime.completions import Completions
from trivet.runtime.deadlines import Deadlines
from trivet.runtime.destroying import destroy, destroy_children
from trivet.runtime.directory import Directory
from trivet.runtime.inbox import Inbox
from trivet.runtime.life import end
from trivet.runtime.mailbox import Mailbox
from trivet.runtime.namespaces import DEFAULT
from trivet.runtime.nursery import open_service_nursery
from trivet.runtime.records import Records
from trivet.runtime.snapshot import RuntimeSnapshot, take_snapshot
from trivet.runtime.socket_inbox import SocketInbox
from trivet.runtime.state import State
from trivet.runtime.stop_deadline import StopDeadline
from trivet.runtime.supervision import Supervisor
from trivet.runtime.wall_clock import wall_clock_of_trio
from trivet.runtime.watching import Watchers

if TYPE_CHECKING:
    from trivet.declare.handle import Client
    from trivet.runtime.instance import Instance

__all__ = ["Runtime", "run_runtime"]

logger = logging.getLogger(__name__)

INLINE_CALLS = 64
"""After so many inline calls in a row a caller lets other tasks run: else a loop starves them."""

STOP_ROUNDS = 4
"""How many graces a stop may take at most: an actor may start others while it stops."""


class Runtime:
    """Where actors live: finds, starts and stops their instances.

    Attributes:
        registry: The actor classes it serves.
        client: The client for calls within this process.
        storage: Where actors live while they are not awake.
        nursery: The parent of every actor.
        closing: Whether it has begun to end: no connection opens any more.
        state_type: What holds the states of its instances.
        mailbox_type: What holds their turns.
        completions: Who waits for what becomes of messages in queues.
        stop_deadline: By when it waits for the store no longer.
        not_stored: How many actors ended with it without their last save.
        interruption: The ``KeyboardInterrupt`` or ``SystemExit`` that has stopped it, if one has.
        alarms: When its actors have something to do.
        wall_clock: Returns the time by the clock on the wall.
        wall_clock_jumps: Whether that may jump.
        now: Returns the time of Trio's clock.
        checkpoint_is_due: Tells a caller, once in so many inline calls, to let others run.
    """

    client: Client
    state_type: type[State] = State
    mailbox_type: type[Mailbox] = Mailbox

    def __init__(
        self,
        registry: Registry,
        nursery: trio.Nursery,
        storage: Storage,
        observer: Observer,
        *,
        limits: Limits,
        wall_clock: WallClock | None = None,
        randomness: Randomness = lambda: secrets.token_hex(16),
    ) -> None:
        self.registry = registry
        self.nursery = nursery
        self.storage = storage
        self.observer = observer
        self.wall_clock = wall_clock or wall_clock_of_trio()
        self.wall_clock_jumps = self.wall_clock is time.time or wall_clock is not None
        self.new_id = randomness
        self.limits = registry.limits.over(limits)
        self.stop_deadline = StopDeadline()
        self.records = Records(storage, self.stop_deadline, observer.count)
        self.directory = Directory(self)
        self.completions = Completions()
        self.supervisor = Supervisor(self)
        self.watchers = Watchers(lambda: self.wall_clock())
        self.deadlines = Deadlines()
        self.alarms = Alarms(self)
        self.between_turns = BetweenTurns()
        self.now = trio.lowlevel.current_clock().current_time  # half of what Trio's function takes
        self.context: contextvars.Context = contextvars.copy_context()
        self.inline_turn = InlineTurn()
        self.checkpoint_is_due = itertools.cycle([False] * (INLINE_CALLS - 1) + [True]).__next__
        self.closing = False
        self.not_stored = 0
        self.interruption: BaseException | None = None
        self._stop: Callable[[], object] | None = None
        self._limits: dict[Definition, Limits] = {}

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped or refused, by name, as of now."""
        return dict(self.observer.counts)

    def snapshot(self) -> RuntimeSnapshot:
        """Describe what it is doing right now, as plain values; safe at any time."""
        return take_snapshot(self)

    def limits_of(self, definition: Definition) -> Limits:
        """Return the limits of an actor class: its own over the registry's over the runtime's."""
        limits = self._limits.get(definition)
        if limits is None:
            limits = definition.options.limits.over(self.limits)
            if definition.options.grace is not None:
                limits = attrs.evolve(limits, grace=definition.options.grace)
            self._limits[definition] = limits
        return limits

    def attach(
        self,
        link: Link,
        definition: Definition,
        address: Address,
        *,
        params: Any,
        request: Request,
        when_decided: Callable[[], None] | None = None,
    ) -> Inbox:
        """Begin to open a connection behind a link.

        Args:
            link: The client's transport.
            definition: The actor's class.
            address: Which actor.
            params: Connection params, checked.
            request: What the client sent to be let in.
            when_decided: Called when that is decided.

        Returns:
            Where the link hands over messages and says that it has closed.
        """
        inbox = Inbox(self, link, definition, address, params=params, request=request)
        inbox.when_decided = when_decided
        inbox.start()
        return inbox

    def attach_socket(
        self,
        link: SocketLink,
        definition: Definition,
        address: Address,
        *,
        params: Any,
        request: Request,
        when_decided: Callable[[], None] | None = None,
    ) -> SocketInbox:
        """Begin to open the connection of a raw WebSocket, whose messages are text and bytes.

        Args:
            link: The client's transport.
            definition: The actor's class, with ``on_websocket``.
            address: Which actor.
            params: Connection params, checked.
            request: What the client sent to be let in, and the handler gets to see.
            when_decided: Called when that is decided.

        Returns:
            Where the link hands over messages and says that it has closed.
        """
        inbox = SocketInbox(self, link, definition, address, params=params, request=request)
        inbox.when_decided = when_decided
        inbox.start()
        return inbox

    async def create(
        self,
        definition: Definition,
        key: tuple[str, ...],
        given: Any,
        namespace: str = DEFAULT,
        *,
        parent: str | None = None,
    ) -> str:
        """Create and start an actor and return its id.

        Args:
            definition: Its class.
            key: Its key.
            given: Its input.
            namespace: Where its key counts.
            parent: The id of the actor whose life it is bound to, if it is.

        Raises:
            ActionError: ``actor.duplicate_key`` if the key is taken, or why it did not start.
        """
        address = Address(
            key=key, namespace=namespace, create=True, exclusive=True, input=given, parent=parent
        )
        return (await self.directory.create(definition, address)).actor_id

    async def put_away(self, definition: Definition, address: Address) -> None:
        """Put an actor to sleep, if it is awake; its links stay for the next instance."""
        instance = self.directory.awake_now(definition, address)
        if instance is not None:
            await end(instance, ActorEvent.SLEEP)

    async def destroy(self, definition: Definition, address: Address) -> None:
        """Destroy an actor and return when it is gone; one that sleeps is woken for its hook.

        One that cannot start is removed without it.

        Raises:
            ActionError: ``actor.not_found``, ``actor.state_not_loaded`` if the store cannot be
                read, or ``actor.state_not_saved`` if it could not be removed.
        """
        await destroy(self, definition, address)

    async def destroy_children(self, parent: Instance) -> bool:
        """Destroy the children of an actor that is being destroyed; return whether none is left."""
        return await destroy_children(self, parent.actor_id, by=parent.ends_at, parent=parent)

    async def aclose(self) -> None:
        """Stop every actor; connections are closed, their last hooks run, states are stored."""
        self.closing = True
        while self.directory.instances or self.directory.parked_links:
            async with trio.open_nursery() as nursery:
                for instance in self.directory.instances:
                    nursery.start_soon(_stop_for_good, instance)
                for inbox in self.directory.parked_links:
                    nursery.start_soon(inbox.end)
        self.completions.close()
        self.watchers.end()

    def interrupt(self, interruption: BaseException) -> None:
        """Stop because of what user code has raised: who has opened the runtime gets it in the end."""
        if self.interruption is None:
            self.interruption = interruption
            logger.error(
                "%r was raised in an actor: the runtime stops", interruption, extra=about()
            )
            if self._stop is not None:
                self._stop()

    def stop_with(self, stop: Callable[[], object]) -> None:
        """Have ``stop`` called when it is interrupted."""
        self._stop = stop

    @property
    def longest_grace(self) -> float:
        """How many seconds the end of any actor may take."""
        graces = [self.limits_of(definition).grace for definition in self.registry]
        return max(graces, default=self.limits.grace)


async def _stop_for_good(instance: Any) -> None:
    await end(instance, ActorEvent.STOP)


@asynccontextmanager
async def run_runtime(
    registry: Registry,
    storage: Storage,
    observer: Observer,
    limits: Limits,
    *,
    wall_clock: WallClock | None = None,
) -> AsyncGenerator[Runtime]:
    """Run a runtime while the body runs.

    Its actors live in a task of their own that outer cancellation does not reach: leaving the
    body, also by cancellation, stops them gracefully, within their grace. A store that hangs is
    left at its end.

    Raises:
        NotStored: On leaving, if the store has not taken everything by then.
    """
    shelter, around_store = Shelter(), Shelter(from_the_start=False)
    runtime: Runtime | None = None
    is_told = False
    try:
        with around_store:
            async with storage.open():
                try:
                    opening = _live(registry, storage, observer, limits, shelter, wall_clock)
                    async with opening as runtime:
                        yield runtime
                finally:
                    left = 0.0 if runtime is None else runtime.stop_deadline.left_for_leaving
                    around_store.end_within(left)
    except NotStored:
        is_told = True
        raise
    finally:
        if around_store.was_cut:
            logger.critical("the store did not close: its last saves may be lost", extra=about())
            raise NotStored("the store did not close before the end of the grace")
        if runtime is not None and runtime.not_stored and not is_told:
            raise NotStored(f"not stored at the end: the last saves of {runtime.not_stored} actors")


@asynccontextmanager
async def _live(
    registry: Registry,
    storage: Storage,
    observer: Observer,
    limits: Limits,
    shelter: Shelter,
    wall_clock: WallClock | None,
) -> AsyncGenerator[Runtime]:
    runtime: Runtime | None = None
    try:
        sheltered = _sheltered(registry, storage, observer, limits, shelter, wall_clock)
        async with sheltered as runtime:
            yield runtime
    finally:
        if runtime is not None and runtime.interruption is not None:
            raise runtime.interruption


@asynccontextmanager
async def _sheltered(
    registry: Registry,
    storage: Storage,
    observer: Observer,
    limits: Limits,
    shelter: Shelter,
    wall_clock: WallClock | None,
) -> AsyncGenerator[Runtime]:
    async with open_service_nursery() as outer:

        async def live(task_status: trio.TaskStatus[Runtime]) -> None:
            with shelter:
                async with trio.open_nursery() as nursery:
                    runtime = Runtime(
                        registry, nursery, storage, observer, limits=limits, wall_clock=wall_clock
                    )
                    nursery.start_soon(runtime.deadlines.watch)
                    nursery.start_soon(runtime.between_turns.run)
                    nursery.start_soon(runtime.alarms.run)
                    task_status.started(runtime)
                    await shelter.wait_told()
                    await runtime.aclose()
                    nursery.cancel_scope.cancel()

        runtime: Runtime = await outer.start(live)
        runtime.stop_with(outer.cancel_scope.cancel)
        try:
            yield runtime
        finally:
            runtime.stop_deadline.begin(runtime.longest_grace)
            shelter.end_within(STOP_ROUNDS * runtime.longest_grace)
