"""The journal: the connections of an actor that its store knows, so that none is ever forgotten.

On a durable store a class with ``on_disconnect`` stores each of its connections for as long as that
hook is owed, and what is left when a process was killed gets it at the actor's next start.

Rules this file keeps:

1. A connection is entered when the turn of its ``on_connect`` begins, or as it opens without one:
   it is stored with whatever that hook changes, never earlier, and before its client hears Init.
2. It is struck out with the first segment that stores a change of its ``on_disconnect``, at the
   latest with the end of the hook: a hook that is cut by a kill runs again, and what was stored of
   it is stored once. While such a hook runs no segment ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trivet.declare.interfaces import SHORT_KINDS
from trivet.ports.records import StoredConnection

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection

__all__ = ["Journal"]


class Journal:
    """The stored connections of one instance, and what has changed about them."""

    __slots__ = ("_changed", "_ended", "_leaving", "_stored")

    def __init__(self) -> None:
        self._stored: dict[str, bytes | None] = {}
        self._changed: dict[str, Connection] = {}
        self._leaving: set[str] = set()
        self._ended: dict[str, None] = {}

    def load(self, connections: Iterable[StoredConnection]) -> None:
        """Take note of what the store knows."""
        self._stored = {stored.id: stored.state for stored in connections}

    @property
    def is_changed(self) -> bool:
        """Whether there may be something to store."""
        return bool(self._changed or self._ended)

    @property
    def is_leaving(self) -> bool:
        """Whether the ``on_disconnect`` of a stored connection runs."""
        return bool(self._leaving)

    def stored_state(self, conn: Connection) -> bytes | None:
        """Return the state of a connection as it was captured last."""
        return self._stored.get(conn.id)

    def knows(self, conn: Connection) -> bool:
        """Whether a connection has been captured and its end has not."""
        return conn.id in self._stored

    def enter(self, conn: Connection) -> None:
        """Have a connection stored that opens."""
        if conn.is_standing:
            self._changed[conn.id] = conn

    def look_at(self, conn: Connection) -> None:
        """Take note that the state of a connection may change now."""
        if conn.is_standing and conn.id in self._stored:
            self._changed[conn.id] = conn

    def begin_leaving(self, conn: Connection) -> None:
        """Take note that the ``on_disconnect`` of a connection begins."""
        self._changed.pop(conn.id, None)
        if conn.kind not in SHORT_KINDS:
            self._leaving.add(conn.id)

    def strike_out(self, conn: Connection) -> None:
        """Take note that a connection owes nothing more."""
        self._changed.pop(conn.id, None)
        self._leaving.discard(conn.id)
        if conn.id in self._stored:
            self._ended[conn.id] = None

    def has_new_states(self) -> bool:
        """Whether the state of a connection that is stored differs from what is.

        Raises:
            ValidationError: If one does not fit its type.
        """
        return any(
            conn_id in self._stored and self._stored[conn_id] != state
            for conn_id, state in self.states().items()
        )

    def states(self) -> dict[str, bytes | None]:
        """Return the states of all connections that may have changed.

        Raises:
            ValidationError: If one does not fit its type.
        """
        return {conn_id: conn.encode_state() for conn_id, conn in self._changed.items()}

    def capture(
        self, states: dict[str, bytes | None], *, goes_on: bool, has_changes: bool
    ) -> tuple[tuple[StoredConnection, ...], tuple[str, ...]]:
        """Return the connections to store, and the ids of those to remove.

        Args:
            states: What ``states`` has returned.
            goes_on: Whether the turn that may have read their states is not over.
            has_changes: Whether their segment stores anything else.
        """
        changed = tuple(
            StoredConnection(id=conn_id, state=state, kind=self._changed[conn_id].kind)
            for conn_id, state in states.items()
            if conn_id not in self._stored or self._stored[conn_id] != state
        )
        self._stored |= {stored.id: stored.state for stored in changed}
        if not goes_on:
            self._changed.clear()
        if self._leaving and (has_changes or changed):
            self._ended |= dict.fromkeys(conn for conn in self._leaving if conn in self._stored)
        ended = tuple(self._ended)
        self._ended.clear()
        for conn_id in ended:
            del self._stored[conn_id]
        return changed, ended
