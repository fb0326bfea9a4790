"""Who waits for whom: a call that would close a circle is refused before it waits.

Only turns wait for actors: tasks outside a turn hold nothing, so they close no circle. An actor
waits for another while a task of the turn that holds it awaits a call; the circle is looked for at
the moment a call has to queue, walking from the called actor along those waits.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trivet.declare.errors import CallCycleError

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.turn import Turn

__all__ = ["waiting_for"]


@contextmanager
def waiting_for(turn: Turn | None, target: Instance) -> Generator[None]:
    """Note that a turn waits for an actor while the body runs.

    Args:
        turn: The caller's active turn, or ``None`` outside of one.
        target: The actor that is called.

    Raises:
        CallCycleError: If that actor waits for the turn's own, naming the path.
    """
    if turn is None:
        yield
        return
    path = _path(target, turn.instance)
    if path is not None:
        names = [turn.instance.label, *path]
        raise CallCycleError(
            f"The call would wait for itself: {' → '.join(names)}", metadata={"path": names}
        )
    if turn.waits_for is None:
        turn.waits_for = []
    turn.waits_for.append(target)
    try:
        yield
    finally:
        turn.waits_for.remove(target)


def _path(start: Instance, goal: Instance) -> list[str] | None:
    """Find how ``start`` waits for ``goal``: the labels on the way, both ends included."""
    came_from: dict[Instance, Instance | None] = {start: None}
    pending = [start]
    while pending:
        instance = pending.pop()
        if instance is goal:
            return _labels(instance, came_from)
        for following in _waits_of(instance):
            if following not in came_from:
                came_from[following] = instance
                pending.append(following)
    return None


def _waits_of(instance: Instance) -> list[Instance]:
    waits: list[Instance] = []
    turn = instance.mailbox.holder
    while turn is not None:
        waits += turn.waits_for or ()
        turn = turn.borrower
    return waits


def _labels(instance: Instance, came_from: dict[Instance, Instance | None]) -> list[str]:
    labels: list[str] = []
    step: Instance | None = instance
    while step is not None:
        labels.append(step.label)
        step = came_from[step]
    return labels[::-1]
