"""Long waits: a turn that waits long for another actor is logged once, with who waits for whom."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from trivet.logs import Throttled
from trivet.runtime.own_tasks import running_beside
from trivet.runtime.subjects import about_instance
from trivet.runtime.waits import LONG_WAIT, Wait, waits_from

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.turn import Turn

__all__ = ["tell_long_waits"]

throttled: Final = Throttled(logging.getLogger(__name__))


def tell_long_waits(instance: Instance, now: float) -> float:
    """Log the waits of an actor's turn, and of its concurrent actions, that have become long.

    Returns:
        When to look again.
    """
    again = math.inf
    turn = instance.mailbox.holder
    while turn is not None:
        again = min(again, _tell(turn, now))
        turn = turn.borrower
    for call in running_beside(instance):
        again = min(again, _tell(call, now))
    return again


def _tell(turn: Turn, now: float) -> float:
    again = math.inf
    for wait in turn.waits_for or ():
        if not wait.holds or wait.is_told:
            continue
        due = wait.since + LONG_WAIT
        if due > now:
            again = min(again, due)
            continue
        wait.is_told = True
        throttled.warning(
            "long_wait",
            "%s: %s has waited %g s for an answer: %s",
            turn.instance.label,
            turn.label,
            LONG_WAIT,
            " → ".join(each.label for each in _path(turn, wait)),
            extra=about_instance(turn.instance),
        )
    return again


def _path(turn: Turn, wait: Wait) -> list[Instance]:
    """Follow who waits for whom: of several the first, and nobody twice."""
    path = [turn.instance, wait.target]
    while True:
        waits = waits_from(path[-1].mailbox.holder)
        following = next((target for target in waits if target not in path), None)
        if following is None:
            return path
        path.append(following)
