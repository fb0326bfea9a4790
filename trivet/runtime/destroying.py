"""Destroying: an actor is no more, and neither are its children.

Rules this file keeps:

1. Whoever is destroyed ends by ``on_destroy``; one that sleeps is woken for that. What cannot start
   is removed from the store without it, and the log says so.
2. The children of an actor go before it is removed, all at once, each with its own first. Who is
   born meanwhile goes, too: none is left in the store without its parent, also by a kill.
3. The end of the parent's grace is the end of theirs. What is left some time later is removed as it
   is. Where even that fails, the parent stays.
4. Meanwhile a turn of the parent waits for them. So a child that calls its parent then closes a
   circle; one that has called already, to destroy it, is cut.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from trivet.declare.definition import Definition
from trivet.declare.errors import Error
from trivet.declare.handle import Address
from trivet.lifecycle.actor import ActorEvent
from trivet.logs import Throttled, about, printable
from trivet.ports.records import ActorRecord
from trivet.protocol.close import CloseCode
from trivet.protocol.faults import fault_of
from trivet.runtime.cleanup import bounded_cleanup
from trivet.runtime.completions import destroyed
from trivet.runtime.departure import GONE
from trivet.runtime.last_words import not_removed
from trivet.runtime.life import end
from trivet.runtime.namespaces import name_of, stored_name
from trivet.runtime.starting import not_found
from trivet.runtime.turn import Turn
from trivet.runtime.waits import waiting_for_end, waits_for

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.runtime import Runtime

__all__ = ["destroy", "destroy_children"]

throttled = Throttled(logging.getLogger(__name__))

MAY_START_LATER = frozenset({"not_found", "restarting", "stopping", "state_not_loaded"})
"""Why an actor has not started that may start all the same, or that there is not."""


async def destroy(
    runtime: Runtime,
    definition: Definition,
    address: Address,
    *,
    by: float = math.inf,
    turn: Turn | None = None,
) -> None:
    """Destroy an actor and return when it is gone.

    Args:
        runtime: Where it lives.
        definition: Its class.
        address: Which actor.
        by: When its grace is over at the latest.
        turn: The turn of its parent that waits for that, if one does.

    Raises:
        Error: ``actor.not_found``, ``actor.state_not_loaded`` if the store cannot be read, or
            ``actor.state_not_saved`` if it could not be removed.
    """
    while True:
        instance = _running(runtime, definition, address)
        if instance is None:
            try:
                instance = await runtime.directory.awake(definition, address)
            except Error as error:
                if error.group == "actor" and error.code in MAY_START_LATER:
                    raise
                if await _remove_unstarted(runtime, definition, address, error, by):
                    return
                continue
        with waiting_for_end(turn, instance):
            if turn is not None and waits_for(instance, turn.instance):
                instance.worker.cut(late=False)
                instance.own_tasks.cut()
            await end(instance, ActorEvent.DESTROY, by=by)
        if instance.is_removed:
            return
        if instance.ending is ActorEvent.DESTROY:
            raise not_removed()


def _running(runtime: Runtime, definition: Definition, address: Address) -> Instance | None:
    if address.actor_id is None:
        place = stored_name(address.namespace, definition.name), address.key
        return runtime.directory.at(place)
    instance = runtime.directory.running(address.actor_id)
    return instance if instance is None or instance.definition is definition else None


async def destroy_children(
    runtime: Runtime, actor_id: str, *, by: float, parent: Instance | None = None
) -> bool:
    """Destroy the children of an actor, and return whether none is left.

    Args:
        runtime: Where they live.
        actor_id: The id of the parent.
        by: When the grace of the parent is over.
        parent: Its instance, if it has one.
    """
    seconds = max(by - trio.current_time(), 0) + runtime.limits.hook_time  # for what is cut
    try:
        if not await _children(runtime, actor_id):
            return True
        with bounded_cleanup(seconds) as scope:
            await _destroy_with_hooks(runtime, actor_id, by, parent)
        if scope.cancelled_caught:
            with bounded_cleanup(max(runtime.stop_deadline.left_for_a_save, 0)):
                await _remove_all(runtime, actor_id)
        return not await _children(runtime, actor_id)
    except Error:  # the store has said in the log what is wrong with it
        return False


async def _children(runtime: Runtime, actor_id: str) -> list[str]:
    births = [child.actor_id for child in runtime.directory.births(actor_id)]
    return births or list(await runtime.records.children(actor_id))


async def _destroy_with_hooks(
    runtime: Runtime, actor_id: str, by: float, parent: Instance | None
) -> None:
    turn: Turn | None = None
    failed: set[str] = set()
    if parent is not None:
        turn = Turn(parent, "end of the children")
        await parent.mailbox.take(turn)
    try:
        while True:
            for child in runtime.directory.births(actor_id):
                await child.changes()
            children = await runtime.records.children(actor_id)
            left = [child for child in children if child not in failed]
            if not left:
                return
            async with trio.open_nursery() as nursery:
                for child_id in left:
                    nursery.start_soon(_destroy_child, runtime, child_id, by, turn, failed)
    finally:
        if turn is not None:
            turn.instance.turn_ended(turn)


async def _destroy_child(
    runtime: Runtime, child_id: str, by: float, turn: Turn | None, failed: set[str]
) -> None:
    failed.add(child_id)  # so that nobody tries for ever
    try:
        record = await runtime.records.identify(child_id)
        if record is None:
            return
        definition = runtime.registry.definitions.get(name_of(record.name))
        if definition is not None:
            address = Address(actor_id=child_id)
            await destroy(runtime, definition, address, by=by, turn=turn)
        else:
            await _remove(runtime, record, "the registry does not have its class", by)
    except Error as error:
        if (error.group, error.code) != ("actor", "not_found"):
            subject = about(actor_id=child_id)
            fault_of(error, where=f"destroying actor {child_id}", subject=subject)
            with suppress(Error):  # then it keeps its parent, which says so
                await _remove_all_of(runtime, child_id)


async def _remove_unstarted(
    runtime: Runtime, definition: Definition, address: Address, why: Error, by: float
) -> bool:
    """Remove an actor that cannot start; return whether nobody has started it meanwhile."""
    records = runtime.records
    if address.actor_id is None:
        name = stored_name(address.namespace, definition.name)
        record = await records.identify_by_key(name, address.key)
    else:
        record = await records.identify(address.actor_id)
    if record is None:
        raise not_found(definition.name, address.key)
    by = min(by, trio.current_time() + runtime.limits_of(definition).grace)
    return await _remove(runtime, record, f"{why.group}.{why.code}", by)


async def _remove(runtime: Runtime, record: ActorRecord, why: str, by: float) -> bool:
    if not await destroy_children(runtime, record.id, by=by):
        raise not_removed()
    if runtime.directory.at((record.name, record.key)) is not None:
        return False
    await _remove_record(runtime, record, why)
    return True


async def _remove_all(runtime: Runtime, actor_id: str) -> None:
    """Remove the children of an actor from the store, whatever they do just now."""
    for birth in runtime.directory.births(actor_id):
        birth.broken = True  # it stores nothing any more, and does not wake
    for child_id in await runtime.records.children(actor_id):
        await _remove_all_of(runtime, child_id)


async def _remove_all_of(runtime: Runtime, actor_id: str) -> None:
    instance = runtime.directory.running(actor_id)
    if instance is not None:
        instance.broken = True
    await _remove_all(runtime, actor_id)
    record = await runtime.records.identify(actor_id)
    if record is None:
        return
    if instance is not None:
        instance.gate.close(fault_of(destroyed(), where=instance.label))
    await _remove_record(runtime, record, "the grace of its parent is over")


async def _remove_record(runtime: Runtime, record: ActorRecord, why: str) -> None:
    with bounded_cleanup(runtime.limits.hook_time):
        await runtime.records.remove(record.id)
        _is_gone(runtime, record, why)


def _is_gone(runtime: Runtime, record: ActorRecord, why: str) -> None:
    """Tell everybody who might wait for an actor that has been removed without a life."""
    name = name_of(record.name)
    shown = printable("/".join(record.key))
    throttled.warning(
        "unstarted",
        "%s/%s is destroyed without on_destroy: %s",
        name,
        shown,
        why,
        extra=about(actor=name, key=record.key, actor_id=record.id),
    )
    runtime.alarms.forget(record.id)
    supervised = runtime.supervisor.of(record.id)
    if supervised is not None:
        runtime.supervisor.forget(supervised)
    runtime.completions.fail(record.id, destroyed())
    runtime.watchers.tell((record.name, record.key), "destroyed", record.id, record.generation)
    for inbox in runtime.directory.parked(record.id):
        is_raw = inbox.kind == "websocket"
        inbox.close_parked("destroy", CloseCode.NORMAL if is_raw else CloseCode.DESTROYED, GONE)
