"""What is left of a connection while its actor has no instance."""

from __future__ import annotations

import attrs
import trio

__all__ = ["Parked"]


@attrs.frozen(kw_only=True)
class Parked:
    """A connection whose link stands while nobody is behind it.

    Attributes:
        actor: How logs name its actor.
        actor_id: The actor's id.
        conn_id: The connection's id.
        state: The stored form of its state, if the store does not have that.
        subscriptions: The names of the events it hears.
        since: When it was parked.
    """

    actor: str
    actor_id: str
    conn_id: str
    state: bytes | None
    subscriptions: frozenset[str]
    since: float = attrs.field(factory=trio.current_time)
