"""Changes: what an actor has changed since its last segment, and how that becomes the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trivet.declare.options import Durability
from trivet.ports import Segment, StoredConnection

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["Changes", "merged"]


class Changes:
    """What may have changed about one actor."""

    __slots__ = ("_durability", "_instance")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._durability: Durability = instance.definition.options.durability or "power"

    @property
    def are_possible(self) -> bool:
        """Whether anything may have changed: cheap, and right if it says no."""
        instance = self._instance
        if not instance.is_stored:
            return False  # the end of its creation stores all of it
        journal = instance.journal
        return instance.state.touched or (journal is not None and journal.is_changed)

    def states_differ(self) -> bool:
        """Whether the actor's state, or the stored state of a connection, is another than it was.

        Raises:
            Error: If one does not fit its type, or is too large.
        """
        journal = self._instance.journal
        return not self._instance.state.is_unchanged() or (
            journal is not None and journal.has_new_states()
        )

    def capture(self, *, goes_on: bool) -> Segment | None:
        """Return everything that has changed since the last time, ``None`` if nothing has.

        Args:
            goes_on: Whether a turn is in the middle.

        Raises:
            Error: If a state does not fit its type, or is too large.
        """
        instance = self._instance
        if not instance.is_stored:
            return None
        connections: tuple[StoredConnection, ...] = ()
        ended: tuple[str, ...] = ()
        journal = instance.journal
        states = {} if journal is None else journal.states()  # before anything counts as captured
        state = instance.state.capture(goes_on=goes_on)
        if journal is not None:
            connections, ended = journal.capture(
                states, goes_on=goes_on, has_changes=state is not None
            )
        if state is None and not connections and not ended:
            return None
        return Segment(
            actor_id=instance.actor_id,
            durability=self._durability,
            state=state,
            connections=connections,
            ended=ended,
        )


def merged(earlier: Segment | None, later: Segment | None) -> Segment | None:
    """Return one segment that stores what two do, one after the other."""
    if earlier is None or later is None:
        return earlier if later is None else later
    connections = {conn.id: conn for conn in (*earlier.connections, *later.connections)}
    for conn_id in later.ended:
        connections.pop(conn_id, None)
    return Segment(
        actor_id=later.actor_id,
        durability=later.durability,
        state=earlier.state if later.state is None else later.state,
        connections=tuple(connections.values()),
        ended=earlier.ended + later.ended,
    )
