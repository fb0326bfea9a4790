"""Expiry: what of an actor is over or due at a moment, and when that is so again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trivet.declare.interfaces import SHORT_KINDS
from trivet.runtime.call import Call
from trivet.runtime.idleness import sleep_when_idle
from trivet.runtime.long_waits import tell_long_waits
from trivet.runtime.mailbox import overloaded

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["expire"]


def expire(instance: Instance, now: float) -> float:
    """Save what is due, cut the running call and give up waiting ones whose time is over.

    Whoever waits long for another actor is logged; who is idle for long goes to sleep.

    Returns:
        When to look again.
    """
    if instance.save_at <= now:
        instance.save_at = math.inf
        instance.gate.autosave()
    again = min(instance.save_at, instance.cut_late(now), _give_up(instance, now))
    return min(again, tell_long_waits(instance, now), sleep_when_idle(instance, now))


def _give_up(instance: Instance, now: float) -> float:
    again = math.inf
    for turn in instance.mailbox.waiting():
        if not isinstance(turn, Call):
            continue
        if turn.ends > now:
            again = min(again, turn.ends)
        elif instance.mailbox.withdraw(turn):
            instance.runtime.observer.count("request_expired")
            turn.failed(overloaded(instance.limits.mailbox))
            if turn.conn is not None and turn.conn.kind not in SHORT_KINDS:
                instance.reception.call_dropped(turn.conn)
    return again
