"""Wishes: an actor that wants to sleep, or to be no more, after the turn that runs.

A wish takes a turn of its own, before all that wait, and the end begins in that. A wish to sleep
waits while somebody keeps the actor awake, and for the clients that were just being let in: an
actor that goes to sleep whenever it wakes would never let anybody in otherwise. Nothing else makes
it wait, so no client can keep it from coming true; and nothing keeps who wants to be no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from trivet.declare.errors import ActionError
from trivet.lifecycle.actor import ActorEvent, ActorState
from trivet.runtime.last_words import LastWords
from trivet.runtime.life import begin_end, destroy_instead
from trivet.runtime.turn import Turn

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.instance import Instance

__all__ = ["wish", "wish_again"]


def wish(instance: Instance, ending: ActorEvent) -> None:
    """Have an actor end after its running turn; twice is once.

    Args:
        instance: The actor.
        ending: ``SLEEP`` or ``DESTROY``.

    Raises:
        ActionError: ``actor.starting`` in a start hook: whoever wakes it would never be answered.
    """
    if instance.phase in {ActorState.NEW, ActorState.STARTING}:
        message = "An actor cannot sleep or be destroyed while it starts"
        raise ActionError(message, group="actor", code="starting")
    if instance.phase is ActorState.AWAKE:
        if ending is ActorEvent.DESTROY and instance.last_words is None:
            instance.last_words = LastWords(instance.gate)
        if instance.wish is not ActorEvent.DESTROY:
            instance.wish = ending
        _put(instance, [conn for conn in instance.connections if conn.is_opening])
    elif ending is ActorEvent.DESTROY:
        destroy_instead(instance)


def wish_again(instance: Instance) -> None:
    """Look whether what a wish to sleep has waited for is over."""
    if instance.phase is ActorState.AWAKE and instance.wish is ActorEvent.SLEEP:
        _put(instance, [])


def _put(instance: Instance, opening: list[Connection]) -> None:
    instance.mailbox.put_first(EndTurn(instance, opening))


class EndTurn(Turn):
    """The turn in which a wish comes true.

    Args:
        instance: Whose wish it is.
        opening: The connections that a wish to sleep waits for, while they are opening.
    """

    def __init__(self, instance: Instance, opening: list[Connection]) -> None:
        super().__init__(instance, "end")
        self._opening = opening

    def grant(self) -> None:
        """Begin the end, if nothing is in its way, and hand the actor on."""
        super().grant()
        instance = self.instance
        if instance.phase is ActorState.AWAKE and instance.wish is not None:
            opening = [conn for conn in self._opening if conn.is_opening]
            if instance.wish is ActorEvent.DESTROY:
                begin_end(instance, instance.wish)
            elif opening:
                instance.nursery.start_soon(_sleep_after, instance, opening)
            elif not instance.kept_awake:
                begin_end(instance, instance.wish)
        instance.turn_ended(self)


async def _sleep_after(instance: Instance, opening: list[Connection]) -> None:
    """Wait until clients are let in, or refused."""
    for conn in opening:
        await conn.opened.wait()
    await trio.lowlevel.checkpoint()  # what they have called meanwhile comes first
    wish_again(instance)
