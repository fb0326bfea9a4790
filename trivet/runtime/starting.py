"""The start hooks: from what the store knows of an actor to one that is awake.

Rules this file keeps:

1. First start: ``on_migrate(new=True)`` → ``create_state`` → ``on_create`` → stored → ``on_wake``.
   Wake: ``on_migrate(new=False)`` → state → the ``on_disconnect`` that earlier processes owed →
   parked connections → ``on_wake``. What is changed after the record was there is stored at the end.
2. A stored state that fits its class no longer, or is damaged, fails the start; the store is left
   as it was.
3. A full disk must not keep anybody from reading: if what the owed hooks change cannot be stored,
   the actor starts as if they had not run, and they run at the next start.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

import trio

from trivet.declare.errors import ActionError, Error, UserError, ValidationError
from trivet.declare.handle import Address
from trivet.declare.values import plain_of
from trivet.logs import Throttled
from trivet.ports.errors import KeyTaken
from trivet.ports.records import ActorRecord, StoredConnection
from trivet.protocol.faults import error_of
from trivet.runtime.connection import NO_REQUEST, Connection
from trivet.runtime.cut_errors import restarting
from trivet.runtime.hooks import late, leave_at_start
from trivet.runtime.queues import Queues, open_queues
from trivet.runtime.results import copied
from trivet.runtime.state import State
from trivet.runtime.state_watch import look_at_state
from trivet.runtime.store_faults import not_serializable, unreadable_state
from trivet.runtime.subjects import about_connection, about_instance
from trivet.runtime.user_code import call_user_code, user_code

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["duplicate_key", "not_found", "run_start_hooks"]

throttled = Throttled(logging.getLogger(__name__))


def not_found(name: str, key: tuple[str, ...]) -> ActionError:
    """Make the error of an actor that does not exist."""
    return ActionError(
        "Actor not found", group="actor", code="not_found", metadata={"name": name, "key": [*key]}
    )


def duplicate_key(key: tuple[str, ...], actor_id: str) -> ActionError:
    """Make the error of creating an actor whose key is taken."""
    shown = "/".join(key)
    return ActionError(
        f"Actor key '{shown}' already in use for actor '{actor_id}'",
        group="actor",
        code="duplicate_key",
        metadata={"existing_actor_id": actor_id, "key": shown},
    )


async def run_start_hooks(instance: Instance, address: Address) -> None:
    """Create the actor, or load it, and run its start hooks, inside the turn of the start.

    Args:
        instance: New.
        address: Whether to create the actor, and with what input.

    Raises:
        Error: If there is no such actor, or it cannot be read, made or stored.
    """
    directory, definition = instance.runtime.directory, instance.definition
    record = await instance.runtime.records.find(instance.stored_name, instance.key)
    if record is None and not address.create:
        raise not_found(definition.name, instance.key)
    if record is not None and address.exclusive:
        raise duplicate_key(instance.key, record.id)
    instance.actor_id = instance.runtime.new_id() if record is None else record.id
    directory.is_running(instance)
    call_user_code(instance.runtime, instance.actor.__init__)
    if record is None:
        await _create(instance, address)
    else:
        await _load_all(instance, record)
        await _leave_for_others(instance, record)
    for inbox in directory.parked(instance.actor_id):
        instance.reception.restore(inbox)
    if "on_wake" in definition.hooks:
        await _within(instance, instance.limits.wake_time, "on_wake", instance.actor.on_wake())
    look_at_state(instance)
    if instance.holds_effects:
        await instance.gate.settle()
    if instance.broken:
        raise restarting()


async def _create(instance: Instance, address: Address) -> None:
    definition, state, limits = instance.definition, instance.state, instance.limits
    instance.host.queues = Queues(instance) if definition.queues else None
    actor_input = definition.input_from_caller(address.input)
    if "on_migrate" in definition.hooks:
        migrating = instance.actor.on_migrate(None, new=True)
        await _within(instance, limits.wake_time, "on_migrate", migrating)
    if isinstance(state, State):
        if "create_state" in definition.hooks:
            making = instance.actor.create_state(actor_input)
            made = await _within(instance, limits.hook_time, "create_state", making)
            assert definition.state is not None
            state.value = copied(definition.state.copy, made, "create_state")
        else:
            state.value = definition.default_state()
    instance.watch_state()
    if "on_create" in definition.hooks:
        created = instance.actor.on_create(actor_input)
        await _within(instance, limits.hook_time, "on_create", created)
        look_at_state(instance)
    rows = instance.gate.changes.rows
    writes, alarm = ((), None) if rows is None else rows.look()
    record = ActorRecord(
        id=instance.actor_id,
        name=instance.stored_name,
        key=instance.key,
        created_at=instance.runtime.wall_clock(),
        parent=address.parent,
        generation=instance.generation,
        alarm=math.inf if alarm is None else alarm,
        state=_first_state(instance),
    )
    durability = definition.options.durability or "power"
    if instance.broken:  # its parent is gone
        raise restarting()
    try:
        await instance.runtime.records.create(record, durability, writes)
    except KeyTaken as taken:
        raise duplicate_key(instance.key, taken.existing) from taken
    if rows is not None:
        rows.stored(writes, alarm)
    instance.is_stored = True


def _first_state(instance: Instance) -> bytes | None:
    try:
        return instance.state.capture()
    except ValidationError as error:
        fault = not_serializable(error)
    raise error_of(fault)


async def _load_all(instance: Instance, record: ActorRecord) -> None:
    await _load(instance, record)
    instance.watch_state()
    if record.alarm < math.inf:
        await instance.schedule.load()


async def _load(instance: Instance, record: ActorRecord) -> None:
    """Read the state, after the class has brought it into shape."""
    instance.is_stored, instance.generation = True, record.generation + 1
    state, stored = instance.state, record.state
    if instance.definition.queues:
        instance.host.queues = await open_queues(instance)
    try:
        if "on_migrate" in instance.definition.hooks:
            plain = None if stored is None else plain_of(stored)
            migrating = instance.actor.on_migrate(plain, new=False)
            answer = await _within(instance, instance.limits.wake_time, "on_migrate", migrating)
            plain = plain if answer is None else answer
            if plain is not None:
                state.migrate(plain, stored)
                return
        if stored is not None:
            state.restore(stored)
        else:
            state.make(instance.definition.default_state())  # it had none in older days
        return
    except ValidationError as error:
        fault = unreadable_state(error)
    raise error_of(fault)


async def _leave_for_others(instance: Instance, record: ActorRecord) -> None:
    """Run the hooks of connections that ended with their process."""
    if instance.journal is None:
        return
    instance.journal.load(record.connections)
    parked = {
        inbox.parked.conn_id
        for inbox in instance.runtime.directory.parked(record.id)
        if inbox.parked is not None
    }
    owed = [stored for stored in record.connections if stored.id not in parked]
    if not owed:
        return
    for stored in owed:
        await _leave(instance, stored)
    try:
        await instance.gate.settle()
    except Error as error:
        throttled.error(
            "owed",
            "%s: what on_disconnect changed is lost, it will run again: %s",
            instance.label,
            error,
            extra=about_instance(instance),
        )
        again = await instance.runtime.records.load(record.id)  # a hook may have saved what it did
        assert again is not None
        instance.start_over()
        call_user_code(instance.runtime, instance.actor.__init__)
        await _load_all(instance, again)
        assert instance.journal is not None
        instance.journal.load(again.connections)


async def _leave(instance: Instance, stored: StoredConnection) -> None:
    conn = Connection(instance, conn_id=stored.id, kind=stored.kind, request=NO_REQUEST)
    try:
        conn.resume_leaving(stored.state)
    except ValidationError as error:
        # It stays in the store, as such a state of the actor would: a better class may understand it.
        throttled.error(
            "unfit",
            "%s: its stored state does not fit: %s",
            conn.label,
            error.metadata,
            extra=about_connection(conn),
        )
    else:
        await leave_at_start(conn)


async def _within(instance: Instance, seconds: float, hook: str, running: Awaitable[Any]) -> Any:
    with trio.move_on_after(seconds):
        try:
            return await user_code(instance.runtime, running)
        except Exception as error:
            instance.is_at_fault |= not _is_on_purpose(error)
            raise
    instance.is_at_fault = True
    raise late(hook, seconds)


def _is_on_purpose(error: Exception) -> bool:
    """Whether an application has raised it for its clients to see."""
    on_purpose = (UserError, ValidationError)
    if isinstance(error, ExceptionGroup):
        return cast("ExceptionGroup[Exception]", error).split(on_purpose)[1] is None
    return isinstance(error, on_purpose)
