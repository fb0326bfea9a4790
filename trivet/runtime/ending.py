"""The end of an instance, from the moment at which it has begun until nothing of it is left.

Rules this file keeps:

1. The running turn, and the concurrent actions, end first; then ``on_sleep`` or ``on_destroy`` runs
   with every link still open; then the work that is waited for; then connections leave
   (``departure``) and handlers end; then all of it is stored, or the actor is removed.
2. All that has one grace. At its end the rest is cut, and one record in the log names it; each hook
   of a connection has its own time still. A crash has no grace and runs no hook of the actor.
3. What any of that begins anew, by work that is waited for or by ``self.destroy()``, is done, too.
4. The children of an actor that is destroyed go then, all of them, before it is removed
   (``destroying``); one that cannot be removed keeps its parent in the store.
5. After the last save nothing of the instance is stored or said.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from trivet.lifecycle.actor import ActorEvent
from trivet.logs import Throttled
from trivet.protocol.faults import fault_of
from trivet.runtime.cleanup import bounded_cleanup
from trivet.runtime.cut_errors import restarting
from trivet.runtime.departure import close_links, depart, leaving, park_the_rest, wait_left
from trivet.runtime.leftovers import messages_left
from trivet.runtime.state_watch import look_at_end
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import Turn, running_turn
from trivet.runtime.user_code import user_code

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["end_instance"]

throttled = Throttled(logging.getLogger(__name__))

Wait = Callable[[], Awaitable[object]]


async def end_instance(instance: Instance) -> None:
    """Bring an instance whose end has begun to it, as a task of the runtime."""
    cut: list[str] = []
    await _end_turns(instance, cut)
    told: ActorEvent | None = None
    is_late = False
    while told is not instance.ending or (not is_late and (instance.draining or leaving(instance))):
        is_late = instance.grace_left <= 0
        if told is not instance.ending:
            told = instance.ending
            await _say_farewell(instance, cut)
        await _drain(instance, cut)
        if told is instance.ending:
            await depart(instance)
            await _end_tasks(instance, cut)
    if cut:
        throttled.warning(
            "cut",
            "%s: this was cut at the end of the grace: %s",
            instance.label,
            ", ".join(cut),
            extra=about_instance(instance),
        )
    if instance.ending is not ActorEvent.DESTROY:
        park_the_rest(instance)
    await wait_left(instance)
    has_children = instance.ending is ActorEvent.DESTROY and not await _end_children(instance)
    instance.is_sealed = True
    if instance.ending is ActorEvent.DESTROY:
        await _remove(instance, has_children=has_children)
    else:
        await _save(instance)
    instance.gate.close(fault_of(restarting(), where=instance.label))
    await instance.nursery.aclose()
    instance.step(ActorEvent.ENDED)
    instance.runtime.directory.remove(instance)
    instance.runtime.supervisor.instance_ended(instance)
    if instance.has_schedule and instance.broken:
        instance.runtime.alarms.look_at(instance.actor_id)
    for inbox in instance.runtime.directory.parked(instance.actor_id):
        inbox.instance_ended()
    messages_left(instance)
    instance.has_changed()


async def _end_turns(instance: Instance, cut: list[str]) -> None:
    async def last_turn() -> None:
        await _take_last_turn(instance)
        await instance.own_tasks.wait_over()

    with bounded_cleanup(instance.grace_left) as scope:
        await last_turn()
    if scope.cancelled_caught:
        running = _running_calls(instance)
        if running:
            cut += running
            _cut_calls(instance)
            with bounded_cleanup(instance.limits.hook_time):
                await last_turn()


def _running_calls(instance: Instance) -> list[str]:
    calls = [call.label for call in instance.own_tasks.calls]
    if instance.worker.call is not None:
        calls.append(instance.worker.call.label)
    return calls


def _cut_calls(instance: Instance) -> None:
    instance.own_tasks.cut()
    instance.worker.cut(late=False)


async def _take_last_turn(instance: Instance) -> None:
    """Wait until the running turn and the hooks queued behind it have ended."""
    turn = Turn(instance, "stop")
    await instance.mailbox.take(turn)
    instance.turn_ended(turn)


async def _say_farewell(instance: Instance, cut: list[str]) -> None:
    """Run ``on_sleep`` or ``on_destroy``; its errors keep nothing from going on."""
    destroys = instance.ending is ActorEvent.DESTROY
    hook = "on_destroy" if destroys else "on_sleep"
    if instance.ending is ActorEvent.CRASH or hook not in instance.definition.hooks:
        return
    with bounded_cleanup(instance.grace_left) as scope:
        turn = Turn(instance, hook)
        await instance.mailbox.take(turn)
        token = running_turn.set(turn)
        try:
            said = instance.actor.on_destroy() if destroys else instance.actor.on_sleep()
            await user_code(instance.runtime, said)
        except Exception as error:  # the actor's firewall
            instance.runtime.observer.count("hook_failed")
            throttled.error(
                hook,
                "%s: %s failed",
                instance.label,
                hook,
                extra=about_instance(instance),
                error=error,
            )
        finally:
            look_at_end(instance, f"{instance.label}: {hook}")
            running_turn.reset(token)
            instance.turn_ended(turn)
    if scope.cancelled_caught:
        cut.append(hook)


async def _drain(instance: Instance, cut: list[str]) -> None:
    draining = instance.draining
    if instance.ending is ActorEvent.CRASH:
        draining.stop()
    if not await _wait(instance, instance.grace_left, draining.wait_over):
        if instance.ending is not ActorEvent.CRASH:
            cut += draining.names
        draining.stop()
        await _wait(instance, instance.limits.hook_time, draining.wait_over)


async def _end_tasks(instance: Instance, cut: list[str]) -> None:
    """Wait for tasks that were cancelled, and for the handlers of sockets that were closed."""

    async def tasks() -> None:
        await instance.background.wait_over()
        await instance.reception.wait_handlers_over()

    # A crash has no grace; a handler has what a hook has, to hear of it and put things right.
    seconds = instance.limits.hook_time if instance.broken else instance.grace_left
    if not await _wait(instance, seconds, tasks):
        cut += instance.background.names
        cut += ["on_websocket"] * len(instance.reception.handlers)
        await instance.reception.cut_hibernating(instance.limits.hook_time)


async def _wait(instance: Instance, seconds: float, wait: Wait) -> bool:
    """Wait for something for so long; tell whether it was in time."""
    with bounded_cleanup(seconds) as scope:
        await wait()
    return not scope.cancelled_caught


async def _save(instance: Instance) -> None:
    is_stored = await _store(instance, instance.gate.save_last)
    if instance.runtime.closing and not is_stored:
        instance.runtime.not_stored += 1


async def _end_children(instance: Instance) -> bool:
    if await instance.runtime.destroy_children(instance):
        return True
    throttled.error(
        "children",
        "%s is not destroyed: its children could not be removed",
        instance.label,
        extra=about_instance(instance),
    )
    return False


async def _remove(instance: Instance, *, has_children: bool) -> None:
    """Remove the actor; only then those hear of it who have destroyed it, and links close."""
    remove = partial(instance.gate.save_last, destroys=True)
    instance.is_removed = not has_children and await _store(instance, remove)
    if instance.is_removed:
        instance.runtime.alarms.forget(instance.actor_id)
    if instance.last_words is not None:
        instance.last_words.over(is_removed=instance.is_removed)
    await close_links(instance)


async def _store(instance: Instance, store: Callable[[], Awaitable[bool]]) -> bool:
    seconds = max(instance.grace_left, instance.limits.hook_time)
    is_stored = False
    with bounded_cleanup(min(seconds, instance.runtime.stop_deadline.left_for_a_save)) as scope:
        is_stored = await store()
    if scope.cancelled_caught:
        throttled.error(
            "store",
            "%s: the store did not take its last save in time",
            instance.label,
            extra=about_instance(instance),
        )
    return is_stored
