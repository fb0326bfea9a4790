"""Watching the state for a class with ``on_state_change``: once for each segment that changed it.

Rules this file keeps:

1. A segment is looked at before it is stored, and before anybody hears of it: at the end of a turn
   and of a concurrent action, and wherever a segment ends in the middle of one.
2. The hook may read the state and say things; what it changes is undone, and fails the turn. So
   does whatever it raises; what happens in the middle of a turn is told at its end.
3. A class without the hook has no watch, and pays nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trivet.declare.errors import ActionError, Error
from trivet.protocol.faults import fault_of
from trivet.runtime.state import only_read
from trivet.runtime.subjects import about_instance
from trivet.runtime.user_code import call_user_code

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["StateWatch", "look_at_end", "look_at_state", "one_segment", "watch_state"]


@contextmanager
def one_segment(instance: Instance, where: str) -> Generator[None]:
    """Look at the state when the body of a turn is over.

    Args:
        instance: The actor.
        where: How logs name the turn.

    Raises:
        Exception: What ``on_state_change`` has raised, now or in the middle of the turn; if the
            turn has failed already, that counts and this is logged.
    """
    try:
        yield
    except BaseException:
        look_at_end(instance, where)
        raise
    look_at_state(instance)


def look_at_state(instance: Instance) -> None:
    """Call ``on_state_change`` if the state has changed.

    Raises:
        Exception: What it has raised, now or since the last segment that was looked at like this.
        ActionError: ``actor.state_mutation_reentrant`` if it has changed the state.
    """
    if instance.state_watch is not None:
        instance.state_watch.end_segment()


def watch_state(instance: Instance) -> None:
    """Do so in the middle of a turn: what the hook raises is told at the end of that."""
    if instance.state_watch is not None:
        instance.state_watch.look()


def look_at_end(instance: Instance, where: str) -> None:
    """Do so where nobody can be told any more: what the hook raises is logged."""
    try:
        look_at_state(instance)
    except Exception as error:  # the actor's firewall
        fault_of(error, where=f"{where}: on_state_change", subject=about_instance(instance))


def reentrant_mutation() -> ActionError:
    """Make the error of an ``on_state_change`` that changes the state."""
    return ActionError(
        "on_state_change must not change the state",
        group="actor",
        code="state_mutation_reentrant",
    )


UNFIT = object()


class StateWatch:
    """What the state of one actor was when it was looked at last.

    Args:
        instance: The actor, whose state has just been made or read.

    Attributes:
        is_looking: Whether the hook runs.
    """

    __slots__ = ("_failure", "_instance", "_seen", "is_looking")

    def __init__(self, instance: Instance) -> None:
        self.is_looking = False
        self._instance = instance
        self._failure: Exception | None = None
        self._seen: Any = self._snapshot()

    def begin_anew(self) -> None:
        """Take the state as it is for what it was."""
        self._seen = self._snapshot()

    def look(self) -> None:
        """Call the hook if the state has changed; what it raises is told at the end of the turn."""
        state = self._instance.state
        if self.is_looking or not state.touched:
            return
        now = self._snapshot()
        if now is UNFIT or now == self._seen:
            return
        self._seen, kept = now, state.keep()
        gate = self._instance.gate
        was_busy, self.is_looking, gate.is_busy = gate.is_busy, True, True
        try:
            with only_read(self._instance, reentrant_mutation):
                call_user_code(self._instance.runtime, self._instance.actor.on_state_change)
        except Exception as error:  # the actor's firewall: whoever's turn it is hears it
            self._failure = self._failure or error
        finally:
            self.is_looking, gate.is_busy = False, was_busy
        if self._snapshot() != now:
            state.roll_back(kept)
            self._failure = self._failure or reentrant_mutation()

    def _snapshot(self) -> Any:
        try:
            return self._instance.state.snapshot()
        except Error:
            return UNFIT  # it cannot be stored like this: whoever saves it says so

    def end_segment(self) -> None:
        """Look, and raise what the hook has raised since the last time."""
        self.look()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
