"""Who waits for whom: a call that would close a circle is refused before it waits.

Only turns wait for actors: tasks outside a turn hold nothing, so they close no circle. An actor
waits for another while a task of the turn that holds it awaits a call; the circle is looked for at
the moment a call has to queue, walking from the called actor along those waits.

A wait is over when the answer is there, not when the task that waits gets to run: until then the
one that has answered may call back.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from trivet.declare.errors import CallCycleError
from trivet.lifecycle.actor import ActorState

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.turn import Turn

__all__ = ["WAITING", "Wait", "waiting_for", "waiting_for_start"]

WAITING = frozenset({ActorState.NEW, ActorState.STARTING, ActorState.STOPPING})
"""Where an actor stands that one has to wait for."""


class Wait:
    """One wait of a turn for an actor.

    Attributes:
        target: The actor.
        is_over: Whether the answer is there.
        since: When it began.
    """

    __slots__ = ("is_over", "since", "target")

    def __init__(self, target: Instance) -> None:
        self.target = target
        self.is_over = False
        self.since = math.inf

    @property
    def holds(self) -> bool:
        """Whether the turn cannot go on yet."""
        return not self.is_over


class StartWait(Wait):
    """A wait of a turn for an actor to be awake."""

    __slots__ = ()

    @property
    def holds(self) -> bool:
        """Whether the turn cannot go on yet."""
        return not self.is_over and self.target.phase in WAITING


@contextmanager
def waiting_for(turn: Turn | None, target: Instance) -> Generator[Wait]:
    """Note that a turn waits for an actor's answer while the body runs.

    Args:
        turn: The caller's active turn, or ``None`` outside of one.
        target: The actor that is called.

    Raises:
        CallCycleError: If that actor waits for the turn's own, naming the path.
    """
    with _noted(turn, Wait(target)) as wait:
        yield wait


@contextmanager
def waiting_for_start(turn: Turn | None, target: Instance) -> Generator[Wait]:
    """Note that a turn waits until an actor is awake, or has stopped.

    Args:
        turn: The active turn that needs it, or ``None`` outside of one.
        target: The actor that starts or stops.

    Raises:
        CallCycleError: If that actor waits for the turn's own, naming the path.
    """
    with _noted(turn, StartWait(target)) as wait:
        yield wait


@contextmanager
def _noted(turn: Turn | None, wait: Wait) -> Generator[Wait]:
    if turn is None:
        yield wait
        return
    path = _path(wait.target, turn.instance)
    if path is not None:
        names = [turn.instance.label, *path]
        raise CallCycleError(
            f"The call would wait for itself: {' → '.join(names)}", metadata={"path": names}
        )
    if turn.waits_for is None:
        turn.waits_for = []
    wait.since = trio.current_time()
    turn.waits_for.append(wait)
    try:
        yield wait
    finally:
        turn.waits_for.remove(wait)


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
        waits += [wait.target for wait in turn.waits_for or () if wait.holds]
        turn = turn.borrower
    return waits


def _labels(instance: Instance, came_from: dict[Instance, Instance | None]) -> list[str]:
    labels: list[str] = []
    step: Instance | None = instance
    while step is not None:
        labels.append(step.label)
        step = came_from[step]
    return labels[::-1]
