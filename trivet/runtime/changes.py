"""Changes: what an actor has changed since its last segment, and how that becomes the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trivet.declare.errors import Error
from trivet.declare.options import Durability
from trivet.ports.records import Segment, StoredConnection, Write

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.rows import Rows

__all__ = ["Changes"]


class Changes:
    """What may have changed about one actor.

    Attributes:
        rows: What is stored beside its state, if it has ever written or read any of that.
    """

    __slots__ = ("_durability", "_instance", "rows")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._durability: Durability = instance.definition.options.durability or "power"
        self.rows: Rows | None = None

    @property
    def are_possible(self) -> bool:
        """Whether anything may have changed: cheap, and right if it says no."""
        instance = self._instance
        if not instance.is_stored:
            return False  # the end of its creation stores all of it
        journal = instance.journal
        return (
            instance.state.touched
            or (journal is not None and journal.is_changed)
            or (self.rows is not None and self.rows.is_changed)
        )

    @property
    def are_real(self) -> bool:
        """Whether a state is another than it was, of the actor or a connection, or a row is."""
        if self.rows is not None and self.rows.is_changed:
            return True
        journal = self._instance.journal
        try:
            return not self._instance.state.is_unchanged() or (
                journal is not None and journal.has_new_states()
            )
        except Error:  # it does not fit its type, or is too large: whose turn it is may mend it
            return True

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
        writes, alarm = ((), None) if self.rows is None else self.rows.capture()
        has_changes = state is not None or bool(writes) or alarm is not None
        if journal is not None:
            connections, ended = journal.capture(states, goes_on=goes_on, has_changes=has_changes)
        if not (has_changes or connections or ended):
            return None
        return self.segment(state, connections, ended, writes, alarm)

    def segment(
        self,
        state: bytes | None = None,
        connections: tuple[StoredConnection, ...] = (),
        ended: tuple[str, ...] = (),
        writes: tuple[Write, ...] = (),
        alarm: float | None = None,
        *,
        destroyed: bool = False,
    ) -> Segment:
        """Make a segment of this actor; the arguments are those of ``Segment``."""
        return Segment(
            actor_id=self._instance.actor_id,
            generation=self._instance.generation,
            durability=self._durability,
            state=state,
            connections=connections,
            ended=ended,
            writes=writes,
            alarm=alarm,
            destroyed=destroyed,
        )
