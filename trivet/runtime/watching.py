"""Watching: whoever follows the lives of actors hears of every step.

Rules this file keeps:

1. A follower hears of each step when it happens, in order; what he keeps of it is his affair, and
   he never makes an actor wait.
2. First he can ask how the actor stands. What happens while he asks comes instead of the answer.
3. Nobody has to say that he has stopped: followers, and what is kept for them, are held weakly.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from trivet.declare.watching import ActorStatus, Change
from trivet.lifecycle.actor import ActorEvent, ActorState
from trivet.runtime.namespaces import name_of, namespace_of, stored_name

if TYPE_CHECKING:
    from trivet.declare.definition import Definition
    from trivet.declare.handle import Address
    from trivet.ports.records import ActorRecord
    from trivet.runtime.instance import Instance
    from trivet.runtime.runtime import Runtime

__all__ = ["Follower", "Watched", "Watchers", "find_place", "how_it_stands"]

Place = tuple[str, tuple[str, ...]]


class Follower(Protocol):
    """Who follows the life of an actor."""

    def put(self, change: Change, /) -> object:
        """Hear of a step; never blocks, never raises."""
        ...

    def end(self) -> None:
        """Hear that there will be no more."""
        ...


class Watched:
    """The followers of one actor."""

    __slots__ = ("__weakref__", "followers")

    def __init__(self) -> None:
        self.followers: weakref.WeakSet[Follower] = weakref.WeakSet()

    def tell(self, change: Change) -> None:
        """Tell everybody of a step."""
        for follower in tuple(self.followers):
            follower.put(change)
            if change.status == "destroyed":
                follower.end()


class Watchers:
    """The followers of all actors of a runtime.

    Args:
        wall_clock: Tells when a step is.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        # Held by the followers: of an actor that nobody follows any more nothing is kept.
        self._watched: weakref.WeakValueDictionary[Place, Watched] = weakref.WeakValueDictionary()

    def __len__(self) -> int:
        """How many actors are followed."""
        return len(self._watched)

    def of(self, place: Place) -> Watched:
        """Return the followers of an actor, to be held for as long as one follows it."""
        return self._watched.setdefault(place, Watched())

    def stepped(self, instance: Instance, event: ActorEvent) -> None:
        """Take note of a step in the life of an instance."""
        if self._watched:
            status = _status_after(instance, event)
            if status is not None:
                place = instance.stored_name, instance.key
                self.tell(place, status, instance.actor_id, instance.generation)

    def tell(self, place: Place, status: ActorStatus, actor_id: str, generation: int) -> None:
        """Tell the followers of an actor how it stands now."""
        watched = self._watched.get(place)
        if watched is not None:
            watched.tell(self.change(status, actor_id, generation))

    def change(self, status: ActorStatus, actor_id: str | None, generation: int) -> Change:
        """Make the description of a step that is taken now."""
        at = datetime.fromtimestamp(self._wall_clock(), UTC)
        return Change(status=status, actor_id=actor_id, generation=generation, at=at)

    def end(self) -> None:
        """Tell everybody that the runtime ends."""
        for watched in tuple(self._watched.values()):
            for follower in tuple(watched.followers):
                follower.end()


def _status_after(instance: Instance, event: ActorEvent) -> ActorStatus | None:
    match event:
        case ActorEvent.READY:
            return "awake"
        case ActorEvent.CRASH:
            return "crashed"
        case ActorEvent.START_FAILED if instance.is_stored and instance.is_at_fault:
            return "crashed"
        case ActorEvent.ENDED if instance.is_removed:
            return "destroyed"
        case ActorEvent.ENDED if instance.ending is not ActorEvent.CRASH:
            return "asleep"
        case _:
            return None


async def find_place(runtime: Runtime, definition: Definition, address: Address) -> Place | None:
    """Return where an actor is in the store; ``None`` if none has the id.

    Raises:
        ActionError: If the store cannot be read.
    """
    if address.actor_id is None:
        return stored_name(address.namespace, definition.name), address.key
    instance = runtime.directory.running(address.actor_id)
    if instance is not None:
        return instance.stored_name, instance.key
    record = await runtime.records.identify(address.actor_id)
    if record is None or name_of(record.name) != definition.name:
        return None
    return stored_name(namespace_of(record.name), definition.name), record.key


async def how_it_stands(
    runtime: Runtime, definition: Definition, place: Place, actor_id: str | None
) -> Change:
    """Tell how an actor stands now.

    Args:
        runtime: Where it lives.
        definition: Its class.
        place: Where it is in the store.
        actor_id: Its id, if it must be that one.

    Raises:
        ActionError: If the store cannot be read.
    """
    change = runtime.watchers.change
    instance = runtime.directory.at(place)
    if instance is not None and instance.phase in {ActorState.AWAKE, ActorState.STOPPING}:
        is_crashed = instance.ending is ActorEvent.CRASH
        return change("crashed" if is_crashed else "awake", instance.actor_id, instance.generation)
    record = await runtime.records.find(*place)
    if record is None or actor_id not in {None, record.id}:
        return change("absent" if actor_id is None else "destroyed", actor_id, 0)
    return change(_status_of(runtime, record), record.id, record.generation)


def _status_of(runtime: Runtime, record: ActorRecord) -> ActorStatus:
    supervised = runtime.supervisor.of(record.id)
    if supervised is None:
        return "asleep"
    if supervised.unavailable_for > 0:
        return "unavailable"
    return "crashed" if supervised.is_down else "asleep"
