"""Who waits for whom: a call that would close a circle is refused before it waits.

Only turns wait for actors: tasks outside a turn hold nothing, so they close no circle. Nor does a
call that needs no turn of its own: that of a concurrent action, or one that is let into a turn of
its chain. (What concurrent actions wait for is noted for the snapshot and the log alone.) An actor
waits for another while a task of the turn that holds it awaits a call; the circle is looked for at
the moment a call has to queue, walking from the called actor along those waits.

A wait is over when the answer is there, not when the task that waits gets to run: until then the
one that has answered may call back.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final

import trio

from trivet.declare.errors import CallCycleError
from trivet.lifecycle.actor import ActorState
from trivet.runtime.turn import link_of

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.turn import Turn

__all__ = [
    "LONG_WAIT",
    "WAITING",
    "Wait",
    "waiting_beside",
    "waiting_for",
    "waiting_for_end",
    "waiting_for_start",
    "waits_for",
    "waits_from",
]

LONG_WAIT: Final = 10.0
"""Seconds after which a wait is told in the log."""

WAITING = frozenset({ActorState.NEW, ActorState.STARTING, ActorState.STOPPING})
"""Where an actor stands that one has to wait for."""


class Wait:
    """One wait of a turn for an actor.

    Attributes:
        target: The actor.
        is_over: Whether the answer is there.
        is_told: Whether the log says that it is long.
        needs_turn: Whether what it waits for needs a turn of the actor; else it closes no circle.
        since: When it began.
    """

    __slots__ = ("is_over", "is_told", "needs_turn", "since", "target")

    def __init__(self, target: Instance, *, needs_turn: bool = True) -> None:
        self.target = target
        self.needs_turn = needs_turn
        self.is_over = self.is_told = False
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


def waiting_for(turn: Turn | None, target: Instance) -> AbstractContextManager[Wait]:
    """Note that a turn waits for an actor's answer while the body runs.

    Args:
        turn: The caller's active turn, or ``None`` outside of one.
        target: The actor that is called.

    Raises:
        CallCycleError: If that actor waits for the turn's own, naming the path.
    """
    return _noted(turn, Wait(target))


def waiting_beside(waiter: Turn, target: Instance) -> AbstractContextManager[Wait]:
    """Note a wait that closes no circle: that of a concurrent action, or for one.

    Args:
        waiter: The turn or the concurrent action that calls.
        target: The actor that is called.
    """
    return _noted(waiter, Wait(target, needs_turn=False))


def waiting_link(turn: Turn | None, target: Instance) -> Turn | None:
    """Return the turn of an actor that waits, over others, for the turn that calls it.

    A turn that is atomic lets nobody in: what would be undone with it must be its own.

    Args:
        turn: The caller's active turn, or ``None`` outside of one.
        target: The actor that is called.
    """
    link = link_of(turn, target)
    return None if link is None or target.gate.atomic is not None else link


def waiting_inside(turn: Turn, link: Turn) -> AbstractContextManager[Wait]:
    """Note that a turn waits for an answer that comes from inside of its own chain.

    Args:
        turn: The caller's active turn.
        link: The turn of the called actor that lets it in, behind those it has let in before.

    Raises:
        CallCycleError: If one of those waits for the caller, naming the path.
    """
    return _noted(turn, Wait(link.instance), link)


def waiting_for_start(turn: Turn | None, target: Instance) -> AbstractContextManager[Wait]:
    """Note that a turn waits until an actor is awake, or has stopped.

    Args:
        turn: The active turn that needs it, or ``None`` outside of one.
        target: The actor that starts or stops.

    Raises:
        CallCycleError: If that actor waits for the turn's own, naming the path.
    """
    return _noted(turn, StartWait(target))


@contextmanager
def waiting_for_end(turn: Turn | None, target: Instance) -> Generator[None]:
    """Note that a turn waits for the end of an actor, which nothing may refuse.

    Args:
        turn: The turn, or ``None`` outside of one.
        target: The actor that ends.
    """
    if turn is None:
        yield
    else:
        with _kept(turn, Wait(target)):
            yield


def waits_for(waiter: Instance, target: Instance) -> bool:
    """Whether anything of an actor waits for another, be it over others or beside its turns."""
    if _path(waiter, target, None) is not None:
        return True
    waits = [wait for call in waiter.own_tasks.calls for wait in call.waits_for or ()]
    return any(wait.target is target and wait.holds for wait in waits)


@contextmanager
def _noted(turn: Turn | None, wait: Wait, link: Turn | None = None) -> Generator[Wait]:
    if turn is None:
        yield wait
        return
    path = _path(wait.target, turn.instance, link) if wait.needs_turn else None
    if path is not None:
        names = [turn.instance.label, *path]
        raise CallCycleError(
            f"The call would wait for itself: {' → '.join(names)}", metadata={"path": names}
        )
    with _kept(turn, wait):
        yield wait


@contextmanager
def _kept(turn: Turn, wait: Wait) -> Generator[None]:
    if turn.waits_for is None:
        turn.waits_for = []
    wait.since = trio.current_time()
    turn.waits_for.append(wait)
    turn.instance.arm(wait.since + LONG_WAIT)
    try:
        yield
    finally:
        turn.waits_for.remove(wait)


def _path(start: Instance, goal: Instance, link: Turn | None) -> list[str] | None:
    """Find how ``start`` waits for ``goal``: the labels on the way, both ends included.

    Args:
        start: The actor that is called.
        goal: The actor that calls.
        link: The turn that lets the call in: then only what borrows from that is in its way.
    """
    came_from: dict[Instance, Instance | None] = {start: None}
    pending = [start]
    while pending:
        instance = pending.pop()
        is_let_in = link is not None and instance is start
        if instance is goal and not is_let_in:
            return _labels(instance, came_from)
        first = link.borrower if link is not None and is_let_in else instance.mailbox.holder
        for following in waits_from(first):
            if following not in came_from:
                came_from[following] = instance
                pending.append(following)
    return None


def waits_from(turn: Turn | None) -> list[Instance]:
    """Return whose turns a turn, and whatever borrows from it, waits for."""
    waits: list[Instance] = []
    while turn is not None:
        waits += [wait.target for wait in turn.waits_for or () if wait.needs_turn and wait.holds]
        turn = turn.borrower
    return waits


def _labels(instance: Instance, came_from: dict[Instance, Instance | None]) -> list[str]:
    labels: list[str] = []
    step: Instance | None = instance
    while step is not None:
        labels.append(step.label)
        step = came_from[step]
    return labels[::-1]
