"""The directory: which actors have an instance, and how to get one for those that have none.

This is the only place that admits requests to instances: before ``AWAKE`` they wait, after it the
next instance serves them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.lifecycle.actor import ActorEvent, ActorState
from trivet.protocol.faults import error_of
from trivet.runtime.children import check_may_have_children
from trivet.runtime.instance import Instance
from trivet.runtime.life import start
from trivet.runtime.namespaces import name_of, namespace_of, stored_name
from trivet.runtime.starting import duplicate_key, not_found
from trivet.runtime.turn import current_turn
from trivet.runtime.waits import WAITING, waiting_for_start

if TYPE_CHECKING:
    from trivet.runtime.inbox import Inbox
    from trivet.runtime.runtime import Runtime

__all__ = ["Directory"]


class Directory:
    """The instances of one runtime and the links of actors that have none."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # By name, then by key: no actor needs a tuple of both.
        self._by_key: dict[str, dict[tuple[str, ...], Instance]] = {}
        self._by_id: dict[str, Instance] = {}
        self._parked: dict[str, dict[Inbox, None]] = {}
        self._births: dict[str, set[Instance]] = {}  # by the id of the parent

    @property
    def instances(self) -> tuple[Instance, ...]:
        """A snapshot of every instance, starting and stopping ones included."""
        return tuple(instance for named in self._by_key.values() for instance in named.values())

    @property
    def parked_links(self) -> tuple[Inbox, ...]:
        """A snapshot of the links whose actors have no instance."""
        return tuple(inbox for inboxes in self._parked.values() for inbox in inboxes)

    def awake_now(self, definition: Definition, address: Address) -> Instance | None:
        """Return the instance if it is awake already."""
        instance = self._find(definition, address)
        if instance is None or instance.phase is not ActorState.AWAKE:
            return None
        return instance

    async def awake(self, definition: Definition, address: Address) -> Instance:
        """Return an awake instance; start or create the actor if the address says so.

        Raises:
            ActionError: ``actor.not_found``, or why the actor did not start.
            CallCycleError: If the start waits for the turn that asks.
        """
        while True:
            instance = self._find(definition, address)
            if instance is None:
                instance = await self._begin(definition, address)
            if instance.phase is ActorState.AWAKE:
                return instance
            if instance.phase in WAITING:
                with waiting_for_start(current_turn(), instance):
                    await instance.changes()
            if instance.failure is not None and not _was_for_another(instance, address):
                raise error_of(instance.failure)

    async def create(self, definition: Definition, address: Address) -> Instance:
        """Create an actor and return its awake instance.

        Raises:
            ActionError: ``actor.duplicate_key`` if the key is taken, or why it did not start.
        """
        while (instance := self._find(definition, address)) is not None:
            is_ending_for_good = instance.ending is ActorEvent.DESTROY
            if (
                instance.phase not in {ActorState.NEW, ActorState.STARTING}
                and not is_ending_for_good
            ):
                raise duplicate_key(address.key, instance.actor_id)
            with waiting_for_start(current_turn(), instance):
                await instance.changes()
        instance = await self._begin(definition, address)
        with waiting_for_start(current_turn(), instance):
            while instance.phase in {ActorState.NEW, ActorState.STARTING}:
                await instance.changes()
        if instance.failure is not None:
            raise error_of(instance.failure)
        return instance

    def at(self, place: tuple[str, tuple[str, ...]]) -> Instance | None:
        """Return the instance of the actor with a stored name and a key, if it has one."""
        name, key = place
        return self._by_key.get(name, {}).get(key)

    def running(self, actor_id: str) -> Instance | None:
        """Return the instance of an actor, if it has one."""
        return self._by_id.get(actor_id)

    def is_running(self, instance: Instance) -> None:
        """Take note of an instance's id."""
        self._by_id[instance.actor_id] = instance

    def remove(self, instance: Instance) -> None:
        """Forget an instance that has ended, or could not start."""
        named = self._by_key.get(instance.stored_name, {})
        named.pop(instance.key, None)
        if not named:
            # Whoever can ask can make up namespaces: none is kept for nobody.
            self._by_key.pop(instance.stored_name, None)
        self._by_id.pop(instance.actor_id, None)

    def births(self, parent: str) -> Iterable[Instance]:
        """Return the children of an actor that are starting for the first time."""
        return tuple(self._births.get(parent, ()))

    def birth_over(self, instance: Instance, address: Address) -> None:
        """Take note that an instance has started for an address, or could not."""
        if address.parent is not None:
            births = self._births[address.parent]
            births.remove(instance)
            if not births:
                del self._births[address.parent]

    def parked(self, actor_id: str) -> Iterable[Inbox]:
        """Return the parked links of an actor."""
        return tuple(self._parked.get(actor_id, ()))

    def keep_parked(self, inbox: Inbox) -> None:
        """Keep a link while its actor has no instance."""
        assert inbox.parked is not None
        self._parked.setdefault(inbox.parked.actor_id, {})[inbox] = None

    def forget_parked(self, inbox: Inbox) -> None:
        """Let go of a link that has ended or has an instance again."""
        assert inbox.parked is not None
        inboxes = self._parked.get(inbox.parked.actor_id, {})
        inboxes.pop(inbox, None)
        if not inboxes:
            self._parked.pop(inbox.parked.actor_id, None)

    def _find(self, definition: Definition, address: Address) -> Instance | None:
        if address.actor_id is None:
            named = self._by_key.get(stored_name(address.namespace, definition.name))
            return None if named is None else named.get(address.key)
        instance = self._by_id.get(address.actor_id)
        return instance if instance is None or instance.definition is definition else None

    async def _begin(self, definition: Definition, address: Address) -> Instance:
        namespace, key = address.namespace, address.key
        if address.parent is not None:
            check_may_have_children(self.running(address.parent))
        if not address.exclusive:
            self._runtime.supervisor.check(definition, address)
        if address.actor_id is not None:
            record = await self._runtime.records.identify(address.actor_id)
            if record is None or name_of(record.name) != definition.name:
                raise not_found(definition.name, key)
            namespace, key = namespace_of(record.name), record.key
        named = self._by_key.setdefault(stored_name(namespace, definition.name), {})
        instance = named.get(key)
        if instance is not None:
            return instance
        instance = Instance(self._runtime, definition, namespace, key, address)
        named[key] = instance
        if address.parent is not None:
            self._births.setdefault(address.parent, set()).add(instance)
        if self._runtime.storage.immediate and not definition.has_start_hooks:
            await start(instance, address)
        else:
            instance.nursery.start_soon(start, instance, address, context=instance.context.copy())
        return instance


def _was_for_another(instance: Instance, address: Address) -> bool:
    """Whether a start failed only because of how another caller had addressed the actor."""
    assert instance.failure is not None
    if instance.wanted is address or instance.actor_id:  # with an id it came further than looking
        return False
    code = instance.failure.code
    return code == "duplicate_key" or (code == "not_found" and address.create)
