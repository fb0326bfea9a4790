"""The alarms of a runtime: when which actor has something to do, awake or not.

Rules this file keeps:

1. An actor has one alarm. While it is awake it sets it itself; of those that sleep the store knows
   it, and the soonest of these are read ahead.
2. Times are those of the clock on the wall, which can jump: it is looked at again and again.
3. After an outage many alarms are due at once: so many actors are started at a time, no more.
4. An actor that cannot be started is tried again later; one that is gone is forgotten.
"""

from __future__ import annotations

import heapq
import logging
import math
from typing import TYPE_CHECKING, Final

import trio

from trivet.declare.errors import Error
from trivet.declare.handle import Address
from trivet.lifecycle.actor import ActorState
from trivet.logs import Throttled, about
from trivet.protocol.faults import fault_of
from trivet.runtime.namespaces import name_of
from trivet.runtime.wall_clock import LOOK

if TYPE_CHECKING:
    from trivet.runtime.runtime import Runtime

__all__ = ["Alarms"]

throttled = Throttled(logging.getLogger(__name__))

READ_AHEAD: Final = 10_000
"""Alarms of sleeping actors that are kept in memory."""

STARTED_AT_ONCE: Final = 64
"""Actors that are started for their alarms at the same time."""

LATER: Final = 30.0
"""Seconds until an actor that could not be started, or a store that could not be read, is tried again."""


class Alarms:
    """When the actors of one runtime have something to do.

    Args:
        runtime: The runtime.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._times: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []  # with those that were set anew since
        self._changed = trio.Event()
        self._read_until = -math.inf  # all alarms of the store up to here are in memory
        self._places = trio.CapacityLimiter(STARTED_AT_ONCE)

    def set(self, actor_id: str, when: float) -> None:
        """Set the alarm of an actor; ``math.inf`` is none."""
        if when == math.inf:
            self._times.pop(actor_id, None)
        elif self._times.get(actor_id) != when:
            self._times[actor_id] = when
            heapq.heappush(self._heap, (when, actor_id))
            if self._heap[0] == (when, actor_id):
                self._changed.set()

    def look_at(self, actor_id: str) -> None:
        """Start an actor that has crashed: what it has set may be another alarm than it has."""
        self.set(actor_id, self._runtime.wall_clock())

    def forget(self, actor_id: str) -> None:
        """Forget an actor that is gone."""
        self._times.pop(actor_id, None)

    async def run(self) -> None:
        """Ring, until cancelled."""
        while True:
            now = self._runtime.wall_clock()
            if now >= self._read_until:
                await self._read_ahead(now)
            self._ring_due(now)
            await self._wait(self._runtime.wall_clock())

    async def _wait(self, now: float) -> None:
        self._changed = trio.Event()
        left = max(0.0, min(self._next_time(), self._read_until) - now)
        if self._runtime.wall_clock_jumps:
            left = min(left, LOOK)
        with trio.move_on_after(left):
            await self._changed.wait()

    def _next_time(self) -> float:
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def _ring_due(self, now: float) -> None:
        while self._next_time() <= now:
            _, actor_id = heapq.heappop(self._heap)
            del self._times[actor_id]
            self._ring(actor_id, now)

    def _ring(self, actor_id: str, now: float) -> None:
        instance = self._runtime.directory.running(actor_id)
        if instance is not None and instance.phase is ActorState.AWAKE:
            instance.schedule.fire(now)
        elif not self._runtime.closing:
            self._runtime.nursery.start_soon(self._wake, actor_id)

    async def _wake(self, actor_id: str) -> None:
        """Start an actor: once awake, it sees what is due by itself."""
        try:
            async with self._places:
                await self._start(actor_id)
        except Error as error:
            if error.code != "not_found":
                self.set(actor_id, self._runtime.wall_clock() + LATER)
        except Exception as error:  # the actor's firewall
            fault_of(error, where=f"waking actor {actor_id}", subject=about(actor_id=actor_id))
            self.set(actor_id, self._runtime.wall_clock() + LATER)

    async def _start(self, actor_id: str) -> None:
        record = await self._runtime.records.identify(actor_id)
        if record is None or self._runtime.closing:
            return
        definition = self._runtime.registry.definitions.get(name_of(record.name))
        if definition is None:
            throttled.warning(
                "unknown",
                "the alarm of %s cannot ring: its class is not in the registry",
                record.name,
                extra=about(actor=record.name, key=record.key, actor_id=actor_id),
            )
            return
        await self._runtime.directory.awake(definition, Address(actor_id=actor_id))

    async def _read_ahead(self, now: float) -> None:
        try:
            found = await self._runtime.records.alarms(READ_AHEAD)
        except Error:
            self._read_until = now + LATER
            return
        for when, actor_id in found:
            if actor_id not in self._times and self._runtime.directory.running(actor_id) is None:
                self.set(actor_id, when)
        self._read_until = found[-1][0] if len(found) == READ_AHEAD else math.inf
