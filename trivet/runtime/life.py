"""The life of an instance: its start, and what brings it to its end.

Rules this file keeps:

1. The start hooks (``starting``) hold the actor like one turn; the mailbox opens after them, then
   ``run`` begins. A start that fails leaves nothing behind: nothing of it is stored or said, its
   tasks are cancelled, the parked connections are parked again.
2. An end begins in one breath: tasks without a turn are cancelled, calls that have not begun move
   to the next instance, openings are cut. ``ending`` does the rest.
3. An actor that goes to sleep, or stops, may be destroyed still, until its last save begins.
"""

from __future__ import annotations

import logging
import math
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
from trivet.runtime.ending import end_instance
from trivet.runtime.last_words import LastWords
from trivet.runtime.starting import run_start_hooks
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import Turn, running_turn
from trivet.runtime.user_code import told_apart

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["begin_end", "child_failed", "crash", "destroy_instead", "end", "start"]

throttled = Throttled(logging.getLogger(__name__))


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
        is_crash = instance.is_stored and instance.is_at_fault
        await _give_up(instance)
        instance.runtime.supervisor.start_over(instance, crashed=is_crash)
        if is_crash:
            instance.runtime.observer.count("start_failed")
    else:
        instance.runtime.supervisor.start_over(instance, crashed=False)
        instance.step(ActorEvent.READY)
    running_turn.reset(token)
    instance.turn_ended(turn)
    instance.runtime.directory.birth_over(instance, address)
    instance.has_changed()
    if instance.phase is ActorState.AWAKE:
        if instance.connections:
            instance.reception.take_up()
        instance.wanted = None
        instance.rests()
        instance.arm(instance.mailbox.idle_since + instance.sleep_after)
        if instance.has_schedule:
            instance.schedule.is_ready()
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

    One that is starting fails to start; one that is ending already goes on with that.
    """
    instance.broken = True
    by_itself = not instance.gate.has_failed
    instance.is_at_fault |= by_itself
    if instance.phase is not ActorState.AWAKE:
        return
    instance.runtime.supervisor.crashed(instance, by_itself=by_itself)
    instance.runtime.observer.count("actor_crashed")
    subject = about_instance(instance)
    throttled.error("crashed", "%s crashed: %s", instance.label, why, extra=subject)
    begin_end(instance, ActorEvent.CRASH)


def child_failed(instance: Instance, error: BaseException) -> BaseException | None:
    """Crash an actor by what a task of it has raised past all its other firewalls.

    Returns:
        What of that is cancellation, and goes on.
    """
    cancelled, raised = told_apart(instance.runtime, error)
    if raised is None:
        return cancelled
    is_cut = instance.nursery.is_closing
    throttled.error(
        "cut" if is_cut else "fell",
        "%s: a task failed while it was cut" if is_cut else "%s: a task failed",
        instance.label,
        extra=about_instance(instance),
        error=raised,
    )
    if not is_cut:
        instance.worker.wake()  # if it was that, a call may have been granted that it never saw
        crash(instance, "one of its tasks failed")
    return cancelled


async def end(instance: Instance, ending: ActorEvent, *, by: float = math.inf) -> None:
    """Bring an instance to its end and return when nothing of it is left.

    One that is ending already goes on with that, unless it is to be destroyed instead.

    Args:
        instance: Whatever phase it is in.
        ending: ``SLEEP``: links that can wait stay for the next instance. ``STOP``: all are closed.
            ``DESTROY``: the store forgets the actor.
        by: When its grace is over at the latest.
    """
    while instance.phase in {ActorState.NEW, ActorState.STARTING}:
        await instance.changes()
    if instance.phase is ActorState.AWAKE:
        begin_end(instance, ending)
    elif ending is ActorEvent.DESTROY:
        destroy_instead(instance)
    instance.ends_at = min(instance.ends_at, by)
    while instance.phase is ActorState.STOPPING:
        await instance.changes()


def begin_end(instance: Instance, ending: ActorEvent) -> None:
    """Begin the end of an instance that is awake."""
    if ending is ActorEvent.SLEEP and instance.runtime.closing:
        ending = ActorEvent.STOP  # there will be no next instance that could take links up
    instance.step(ending)
    instance.ending = ending
    # A crash has no grace: what it cuts could not be stored.
    grace = 0.0 if ending is ActorEvent.CRASH else instance.limits.grace
    instance.ends_at = trio.current_time() + grace
    instance.background.stop()
    if instance.host.queues is not None:
        instance.host.queues.stop()
    _move_waiting_calls(instance)
    for conn in instance.connections:
        conn.abandon()
    context = instance.context.copy()
    context.run(running_turn.set, None)
    context.run(instance.runtime.nursery.start_soon, end_instance, instance)


def destroy_instead(instance: Instance) -> None:
    """Have an instance that ends already destroy its actor, if its last save has not begun."""
    is_ending = instance.ending in {ActorEvent.SLEEP, ActorEvent.STOP}
    if is_ending and instance.phase is ActorState.STOPPING and not instance.is_sealed:
        instance.step(ActorEvent.DESTROY)
        instance.ending = ActorEvent.DESTROY
        instance.last_words = LastWords(instance.gate)


def _move_waiting_calls(instance: Instance) -> None:
    for turn in reversed(tuple(instance.mailbox.waiting())):
        if isinstance(turn, Call) and instance.mailbox.withdraw(turn):
            turn.moved()
