"""Atomic turns: all of what they change and say, or nothing.

Rules this file keeps:

1. What the turn says waits in the gate for its end, also on a store that nothing waits for.
2. If it raises, or is cut, the states of the actor and of its connections are as they were before,
   and what it has said and written is taken back. Only then is its caller told. What others have
   written meanwhile stays. They are the same objects, too: whoever holds one across the turn
   changes what the next turn reads.
3. It cannot do what could not be taken back: after a change, calling out, saving and disconnecting
   raise. Before a change they end a segment, and the turn begins anew behind it: also behind what
   the ``on_disconnect`` has done that borrowed it meanwhile, which is bound by none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trivet.declare.errors import AtomicTurnError
from trivet.declare.values import Kept
from trivet.runtime.turn import Turn, turn_of

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.instance import Instance

__all__ = ["AtomicTurn", "all_or_nothing", "refuse_in_atomic_turn"]


class AtomicTurn:
    """What there was before an atomic turn.

    Args:
        instance: Whose turn it is.
        turn: The turn; hooks that borrow it are not meant.

    Raises:
        ValidationError: If the state does not fit its type.
    """

    def __init__(self, instance: Instance, turn: Turn) -> None:
        self._instance = instance
        self.turn = turn
        self._state: Any = None
        self._kept: Kept
        self._conn_states: dict[Connection, tuple[bytes | None, Kept]] = {}
        self._undo: list[Callable[[], object]] = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """Take what there is now for what there was before."""
        state = self._instance.state
        self._state, self._kept = state.snapshot(), state.keep()
        self._conn_states.clear()
        self._undo.clear()

    def undo(self, take_back: Callable[[], object]) -> None:
        """Remember how to take back what the turn has just changed in memory."""
        self._undo.append(take_back)

    def keep(self, conn: Connection) -> None:
        """Remember the state of a connection that somebody is about to read."""
        if conn not in self._conn_states:
            self._conn_states[conn] = conn.encode_state(), conn.keep_state()

    @property
    def has_changed(self) -> bool:
        """Whether the turn has changed or said anything."""
        rows = self._instance.gate.changes.rows
        return (
            self._instance.gate.effects.has_said(self.turn)
            or (rows is not None and rows.is_tentative)
            or self._instance.state.differs_from(self._state)
            or any(conn.encode_state() != was for conn, (was, _) in self._conn_states.items())
        )

    def roll_back(self) -> None:
        """Bring back what there was before."""
        gate = self._instance.gate
        gate.effects.take_back(self.turn)
        if gate.changes.rows is not None:
            gate.changes.rows.take_back()
        while self._undo:
            self._undo.pop()()
        self._instance.state.roll_back(self._kept)
        if self._instance.state_watch is not None:
            self._instance.state_watch.begin_anew()
        for conn, (_, kept) in self._conn_states.items():
            conn.roll_back_state(kept)


@contextmanager
def all_or_nothing(instance: Instance, turn: Turn) -> Generator[None]:
    """Undo everything that the body has changed and said, if it raises.

    Args:
        instance: The actor.
        turn: Its running turn.
    """
    gate = instance.gate
    gate.atomic = atomic = AtomicTurn(instance, turn)
    try:
        yield
    except BaseException:
        atomic.roll_back()
        raise
    finally:
        gate.atomic_over()


def refuse_in_atomic_turn(instance: Instance) -> None:
    """Refuse what cannot be taken back.

    Raises:
        AtomicTurnError: In an atomic turn of the actor that has changed anything.
    """
    atomic = instance.gate.atomic
    if atomic is not None and turn_of(instance) is atomic.turn and atomic.has_changed:
        raise AtomicTurnError
