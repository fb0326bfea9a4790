"""Supervision: actors that have crashed lately, when they come back, and when they are withheld.

Rules this file keeps:

1. A crash is a failing task of an actor, or a start hook of one that exists already. What an
   application raises on purpose (``UserError``), an actor that could not be created, a store that
   cannot be read: none of these is. A failed save is, but only puts off the next start.
2. An actor that has crashed comes back by itself if somebody misses it: if it has ``run``, or links
   are parked. Whoever asks for it meanwhile starts it at once; but after a start that has failed,
   links wait.
3. While it is unavailable nobody starts it: calls are told so, parked links are closed, and clients
   that want to be let in are put off. What it owes (``on_disconnect``) runs when it starts again.
4. Only actors that crashed lately are remembered, and no more than so many.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import trio

from trivet.declare.errors import ActionError, Error
from trivet.declare.handle import Address
from trivet.declare.watching import ActorStatus
from trivet.logs import Throttled
from trivet.runtime.crash_record import WINDOW, CrashRecord
from trivet.runtime.namespaces import stored_name
from trivet.runtime.subjects import about_instance

if TYPE_CHECKING:
    from trivet.declare.definition import Definition
    from trivet.runtime.instance import Instance
    from trivet.runtime.runtime import Runtime

__all__ = ["Supervised", "Supervisor", "unavailable"]

throttled = Throttled(logging.getLogger(__name__))

MOST_REMEMBERED: Final = 4096
INTERNAL_ERROR: Final = 1011


def unavailable(seconds: float) -> ActionError:
    """Make the error of an actor that crashes too often.

    Args:
        seconds: When it may be tried again.
    """
    return ActionError(
        "The actor has crashed too often",
        group="actor",
        code="unavailable",
        metadata={"retry_after": math.ceil(seconds * 1000) / 1000},
    )


class Supervisor:
    """Knows which actors of a runtime have crashed lately."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # Whoever crashed last is last.
        self._by_id: OrderedDict[str, Supervised] = OrderedDict()
        self._by_key: dict[tuple[str, tuple[str, ...]], Supervised] = {}

    @property
    def supervised(self) -> tuple[Supervised, ...]:
        """The actors that crashed lately, in that order."""
        return tuple(self._by_id.values())

    def find(self, definition: Definition, address: Address) -> Supervised | None:
        """Return what is known of an actor that has crashed lately."""
        if address.actor_id is not None:
            return self._by_id.get(address.actor_id)
        return self._by_key.get((stored_name(address.namespace, definition.name), address.key))

    def of(self, actor_id: str) -> Supervised | None:
        """Return what is known of an actor with an id that has crashed lately."""
        return self._by_id.get(actor_id)

    def check(self, definition: Definition, address: Address) -> None:
        """Check that an actor may be started.

        Raises:
            ActionError: ``actor.unavailable``.
        """
        if self._by_id:
            supervised = self.find(definition, address)
            left = 0.0 if supervised is None else supervised.unavailable_for
            if left > 0:
                raise unavailable(left)

    def holds_links(self, definition: Definition, address: Address) -> bool:
        """Whether links wait until an actor comes back by itself."""
        supervised = self.find(definition, address)
        return supervised is not None and supervised.holds_links

    def crashed(self, instance: Instance, *, by_itself: bool) -> None:
        """Take note that an instance that was awake has crashed."""
        self._remember(instance).failed(instance.generation, by_itself=by_itself)

    def start_over(self, instance: Instance, *, crashed: bool) -> None:
        """Take note that a start has succeeded, or failed, and how; nothing of it is left."""
        supervised = self._by_id.get(instance.actor_id)
        if crashed:
            supervised = self._remember(instance)
            supervised.failed(instance.generation, by_itself=True)
        if supervised is not None:
            supervised.holds_since_start = supervised.is_down = crashed
            if crashed:
                supervised.settle()

    def instance_ended(self, instance: Instance) -> None:
        """Take note that nothing of an instance is left: parked links are closed, if need be."""
        supervised = self._by_id.get(instance.actor_id)
        if supervised is None:
            return
        if instance.is_removed:
            self.forget(supervised)
        elif instance.broken:
            supervised.settle()

    def forget(self, supervised: Supervised) -> None:
        """Trust an actor again."""
        supervised.restart_at = math.inf
        self._by_id.pop(supervised.actor_id, None)
        self._by_key.pop(supervised.place, None)

    def _remember(self, instance: Instance) -> Supervised:
        supervised = self._by_id.get(instance.actor_id)
        if supervised is None:
            supervised = Supervised(self._runtime, instance)
            self._by_id[supervised.actor_id] = self._by_key[supervised.place] = supervised
            if len(self._by_id) > MOST_REMEMBERED:
                oldest = next(iter(self._by_id.values()))
                self.forget(oldest)
                oldest.wake_links()
        self._by_id.move_to_end(supervised.actor_id)
        return supervised


class Supervised:
    """One actor that has crashed lately.

    Attributes:
        definition: What its class declares.
        key: Its key.
        actor_id: Its id.
        label: How logs name it.
        place: Its name in the store, and its key.
        record: Its crashes.
        restart_at: When it comes back by itself.
        is_down: Whether it has not been started since it has crashed.
        holds_since_start: Whether its last start has failed, so that links wait for the next.
        armed_at: When ``deadlines`` looks at it next.
    """

    def __init__(self, runtime: Runtime, instance: Instance) -> None:
        self.definition = instance.definition
        self.key = instance.key
        self.actor_id = instance.actor_id
        self.label = instance.label
        self.place = instance.stored_name, instance.key
        self.record = CrashRecord()
        self.restart_at = math.inf
        self.is_down = self.holds_since_start = False
        self.armed_at = math.inf
        self._runtime = runtime
        self._generation = instance.generation
        self._subject = about_instance(instance)

    @property
    def unavailable_for(self) -> float:
        """For how many seconds more it is unavailable."""
        return self.record.unavailable_for(trio.current_time())

    @property
    def holds_links(self) -> bool:
        """Whether links wait for it to come back by itself."""
        return self.holds_since_start or self.unavailable_for > 0

    def failed(self, generation: int, *, by_itself: bool) -> None:
        """Take note of the failure of one of its lives."""
        now = trio.current_time()
        self.record = self.record.failed(now, by_itself=by_itself)
        self.is_down, self._generation = True, generation
        self._plan()
        if self.record.unavailable_for(now) > 0:
            self._runtime.observer.count("actor_unavailable")
            throttled.error(
                "unavailable",
                "%s has crashed %d times in %g s: it is unavailable for %g s",
                self.label,
                len(self.record.crashes),
                WINDOW,
                self.record.unavailable_for(now),
                extra=self._subject,
            )

    def settle(self) -> None:
        """Close the parked links of an actor that is unavailable."""
        if self.unavailable_for > 0:
            self._tell("unavailable")
            for inbox in self._runtime.directory.parked(self.actor_id):
                inbox.close_parked("crash", INTERNAL_ERROR, "actor.unavailable")

    def deadline_passed(self, now: float) -> float:
        """Start the actor if that is due and somebody misses it; forget what is long ago."""
        if self.restart_at <= now:
            self.restart_at = math.inf
            runtime = self._runtime
            if not self._is_missed:
                self._rest()
            elif not runtime.closing:
                runtime.nursery.start_soon(self._restart, name=f"restart of {self.label}")
        elif now >= self.record.forgotten_at:
            self._runtime.supervisor.forget(self)
            return math.inf
        return min(self.restart_at, self.record.forgotten_at)

    def wake_links(self) -> None:
        """Have parked links see to themselves, for nobody remembers that they wait."""
        for inbox in self._runtime.directory.parked(self.actor_id):
            inbox.instance_ended()

    @property
    def _is_missed(self) -> bool:
        return "run" in self.definition.hooks or bool(self._runtime.directory.parked(self.actor_id))

    def _rest(self) -> None:
        """Leave it asleep: nobody misses it."""
        if self.is_down and self._runtime.directory.at(self.place) is None:
            self.is_down = False
            self._tell("asleep")

    def _tell(self, status: ActorStatus) -> None:
        self._runtime.watchers.tell(self.place, status, self.actor_id, self._generation)

    def _plan(self) -> None:
        self.restart_at = self.record.restart_at
        self._runtime.deadlines.arm(self, self.restart_at)

    async def _restart(self) -> None:
        try:
            await self._runtime.directory.awake(self.definition, Address(actor_id=self.actor_id))
        except Error as error:
            if (error.group, error.code) == ("actor", "not_found"):
                self._runtime.supervisor.forget(self)
            elif self.restart_at == math.inf and not self._runtime.closing:
                self.record = self.record.failed(trio.current_time(), by_itself=False)
                self._plan()
