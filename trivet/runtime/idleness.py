"""Idleness: when an actor has nothing to do, and goes to sleep for that.

Rules this file keeps:

1. Idle is an actor of which no turn runs or waits, no concurrent action or socket handler runs, no
   connection could not hibernate, ``run`` is over or waits for a queue, no message is in hand, nothing
   is on its way to the store or out of the gate, and which nobody keeps awake.
2. It sleeps when that has been so for ``sleep_after`` without a break. Whoever ends some activity
   notes the moment; whether it is idle is asked only when the time may be over. So a call costs one
   look at the clock, and no timer is set anew.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from trivet.lifecycle.actor import ActorEvent, ActorState
from trivet.lifecycle.connection import ConnectionState
from trivet.runtime.life import begin_end
from trivet.runtime.wishes import wish_again

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.instance import Instance

__all__ = ["is_idle", "kept_awake", "sleep_when_idle"]

SOONEST: Final = 0.1
"""Seconds after which a busy actor is looked at again, at the earliest."""


def sleep_when_idle(instance: Instance, now: float) -> float:
    """Put an actor to sleep if it has been idle for long enough.

    Returns:
        When to look again.
    """
    seconds = instance.sleep_after
    if instance.phase is not ActorState.AWAKE or seconds == math.inf:
        return math.inf
    if not is_idle(instance):
        return now + max(seconds, SOONEST)  # at this moment it is busy still
    sleeps_at = instance.mailbox.idle_since + seconds
    if sleeps_at > now:
        return sleeps_at
    begin_end(instance, ActorEvent.SLEEP)
    return math.inf


def is_idle(instance: Instance) -> bool:
    """Whether an actor has nothing to do."""
    mailbox = instance.mailbox
    return not (
        mailbox.holder
        or mailbox.queue
        or mailbox.beside
        or instance.kept_awake
        or instance.is_working
        or _has_message_in_hand(instance)
        or not all(_may_hibernate(conn) for conn in instance.connections)
    )


def _has_message_in_hand(instance: Instance) -> bool:
    queues = instance.host.queues
    return queues is not None and bool(queues.open_by)


def _may_hibernate(conn: Connection) -> bool:
    return conn.phase is ConnectionState.OPEN and conn.hibernates and conn.greeted


@asynccontextmanager
async def kept_awake(instance: Instance) -> AsyncGenerator[None]:
    """Keep an actor from going to sleep while the body runs; it may be destroyed, or stopped."""
    await trio.lowlevel.checkpoint()
    instance.kept_awake += 1
    try:
        yield
    finally:
        instance.kept_awake -= 1
        instance.rests()
        wish_again(instance)
