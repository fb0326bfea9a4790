"""The start and the end of an instance.

Rules this file keeps:

1. The start hooks (``starting``) hold the actor like one turn; the mailbox opens after them, then
   ``run`` begins. A start that fails leaves nothing behind: nothing of it is stored or said, its
   tasks are cancelled, the parked connections are parked again.
2. Stop: background tasks are cancelled; calls that have not begun move to the next instance; the
   running turn, concurrent actions, leaving connections and the last save share one grace; then the
   rest is cut, but each of them has at least its own deadline. After the last save nothing of it is
   stored or said.
3. Put away, an instance parks its open connections and their links stay. At the end of the
   runtime it closes them, and each ``on_disconnect`` runs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import trio

from trivet.declare.handle import Address
from trivet.lifecycle.actor import ActorEvent, ActorState
from trivet.lifecycle.connection import ConnectionState
from trivet.logs import Throttled
from trivet.protocol.faults import fault_of
from trivet.runtime.call import Call
from trivet.runtime.cleanup import bounded_cleanup
from trivet.runtime.cut_errors import restarting
from trivet.runtime.starting import run_start_hooks
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import Turn, running_turn

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.instance import Instance

__all__ = ["crash", "start", "stop"]

throttled = Throttled(logging.getLogger(__name__))

GOING_AWAY = 1012

STAYING_NOWHERE = frozenset({"request", "websocket"})
"""The kinds of connections that end with their instance: a streamed response, a raw WebSocket."""


async def start(instance: Instance, address: Address) -> None:
    """Start an instance; its failure is left in ``instance.failure``.

    Args:
        instance: New.
        address: Whether to create the actor, and with what input.
    """
    instance.step(ActorEvent.START)
    turn = StartTurn(instance, "start")
    turn.since = trio.current_time()
    instance.mailbox.enter(turn)
    token = running_turn.set(turn)
    try:
        await _run_start(instance, address)
    except Exception as error:  # the actor's firewall: whoever needs it is told
        instance.failure = fault_of(
            error, where=f"the start of {instance.label}", subject=about_instance(instance)
        )
        await _give_up(instance)
    else:
        instance.step(ActorEvent.READY)
    running_turn.reset(token)
    instance.turn_ended(turn)
    instance.has_changed()
    if instance.phase is ActorState.AWAKE:
        if instance.connections:
            instance.reception.take_up()
        instance.wanted = None
        if "run" in instance.definition.hooks:
            instance.background.start_run()


async def _run_start(instance: Instance, address: Address) -> None:
    if instance.runtime.storage.immediate and not instance.definition.has_start_hooks:
        await run_start_hooks(instance, address)  # nothing that could hang
        return
    with instance.runtime.stop_deadline.cutting() as scope:
        await run_start_hooks(instance, address)
    if scope.cancelled_caught:
        raise restarting()


class StartTurn(Turn):
    """The turn of the start hooks: what they change is stored at their end, with what they said."""

    is_indivisible = True


async def _give_up(instance: Instance) -> None:
    assert instance.failure is not None
    instance.gate.close(instance.failure)
    with bounded_cleanup(min(instance.limits.hook_time, instance.runtime.stop_deadline.left)):
        await instance.gate.saver.wait_landed()
    instance.step(ActorEvent.START_FAILED)
    for conn in instance.connections:
        if conn.phase is ConnectionState.OPEN:
            instance.reception.park(conn)
    instance.nursery.cancel()
    instance.runtime.directory.remove(instance)


def crash(instance: Instance, why: str) -> None:
    """Stop an instance at once, from one of its own tasks; links stay.

    One that is starting fails to start; one that is stopping already goes on with that.
    """
    instance.broken = True
    if instance.phase is not ActorState.AWAKE:
        return
    instance.runtime.observer.count("actor_crashed")
    subject = about_instance(instance)
    throttled.error("crashed", "%s crashed: %s", instance.label, why, extra=subject)
    instance.step(ActorEvent.CRASH)
    instance.runtime.nursery.start_soon(_end, instance, True, 0.0)


async def stop(instance: Instance, *, park: bool) -> None:
    """Stop an instance and return when nothing of it is left.

    Args:
        instance: Whatever phase it is in.
        park: Whether its links stay for the next instance; else they are closed.
    """
    while instance.phase in {ActorState.NEW, ActorState.STARTING}:
        await instance.changes()
    if instance.phase is ActorState.AWAKE:
        instance.step(ActorEvent.STOP)
        instance.runtime.nursery.start_soon(_end, instance, park, instance.limits.grace)
    while instance.phase is ActorState.STOPPING:
        await instance.changes()


async def _end(instance: Instance, park: bool, grace: float) -> None:
    instance.ends_at = trio.current_time() + grace
    instance.background.stop()
    _move_waiting_calls(instance)
    for conn in instance.connections:
        conn.abandon()
    await _end_last_turn(instance)
    await _end_connections(instance, park)
    # A crash has no grace; a handler has what a hook has, to hear of it and put things right.
    seconds = instance.limits.hook_time if instance.broken else instance.grace_left
    with bounded_cleanup(seconds) as scope:
        await instance.background.wait_over()
        await instance.reception.wait_handlers_over()
    if scope.cancelled_caught:
        throttled.warning(
            "tasks",
            "%s: its tasks were cut at the end of the grace",
            instance.label,
            extra=about_instance(instance),
        )
    seconds = max(instance.grace_left, instance.limits.hook_time)
    is_stored = False
    with bounded_cleanup(min(seconds, instance.runtime.stop_deadline.left_for_a_save)) as scope:
        is_stored = await instance.gate.save_last()
    if instance.runtime.closing and not is_stored:
        instance.runtime.not_stored += 1
    if scope.cancelled_caught:
        throttled.error(
            "store",
            "%s: the store did not take its last save in time",
            instance.label,
            extra=about_instance(instance),
        )
    instance.gate.close(fault_of(restarting(), where=instance.label))
    await instance.nursery.aclose()
    instance.step(ActorEvent.ENDED)
    instance.runtime.directory.remove(instance)
    for inbox in instance.runtime.directory.parked(instance.actor_id):
        inbox.instance_ended()
    instance.has_changed()


async def _end_last_turn(instance: Instance) -> None:
    with bounded_cleanup(instance.grace_left) as scope:
        await _take_last_turn(instance)
        await instance.own_tasks.wait_over()
    if scope.cancelled_caught and _cut_calls(instance):
        throttled.warning(
            "turn",
            "%s: what still ran was cut at the end of the grace",
            instance.label,
            extra=about_instance(instance),
        )
        with bounded_cleanup(instance.limits.hook_time):
            await _take_last_turn(instance)
            await instance.own_tasks.wait_over()


def _cut_calls(instance: Instance) -> bool:
    was_beside = instance.own_tasks.cut()
    return instance.worker.cut(late=False) or was_beside


async def _end_connections(instance: Instance, park: bool) -> None:
    limits, reception = instance.limits, instance.reception
    for conn in reception.connections:
        if conn.phase is not ConnectionState.OPEN:
            continue
        if conn.kind in STAYING_NOWHERE:
            conn.close("crash" if instance.broken else "stop", GOING_AWAY, "")
        elif conn.inbox is not None:
            if not park:
                conn.close("stop", GOING_AWAY, "")
            elif conn.greeted:
                reception.park(conn)
            else:
                conn.reopen()
    await _close_links(reception.connections, limits.close_time)
    leaving = reception.connections
    # A crash has no grace, but no hook may be left out for that: one after the other takes its time.
    after_crash = limits.hook_time * len(leaving) if instance.broken else limits.hook_time
    with bounded_cleanup(max(instance.grace_left, after_crash)):
        for conn in leaving:
            await conn.ended.wait()


async def _close_links(connections: Iterable[Connection], seconds: float) -> None:
    """Wait until the links of leaving connections are closed; others keep theirs."""
    inboxes = [
        conn.inbox
        for conn in connections
        if conn.inbox is not None and conn.inbox.connection is conn
    ]
    with bounded_cleanup(seconds):
        for inbox in inboxes:
            await inbox.closed.wait()
    for inbox in inboxes:
        if not inbox.closed.is_set():
            inbox.link.abort()


def _move_waiting_calls(instance: Instance) -> None:
    for turn in reversed(tuple(instance.mailbox.waiting())):
        if isinstance(turn, Call) and instance.mailbox.withdraw(turn):
            turn.moved()


async def _take_last_turn(instance: Instance) -> None:
    """Wait until the running turn and the hooks queued behind it have ended."""
    turn = Turn(instance, "stop")
    await instance.mailbox.take(turn)
    instance.turn_ended(turn)
