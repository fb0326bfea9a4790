"""What a store keeps of an actor, and what it is told to change."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

import attrs

from trivet.declare.interfaces import ConnKind
from trivet.declare.options import Durability

__all__ = ["ActorRecord", "Row", "Segment", "Space", "StoredConnection", "Write"]

Space: TypeAlias = Literal["kv", "queue", "schedule", "history"]
"""What a row is of. Rows of different spaces have nothing to do with each other."""


class Row(NamedTuple):
    """Something of an actor that is looked up by itself, without the rest."""

    key: bytes
    value: bytes


class Write(NamedTuple):
    """A row that is set; with ``None`` for a value, one that is removed."""

    space: Space
    key: bytes
    value: bytes | None


@attrs.frozen(kw_only=True)
class StoredConnection:
    """A connection as a store keeps it: one that hibernates, or whose ``on_disconnect`` is owed.

    Attributes:
        id: The connection's id.
        state: The stored form of its state, ``None`` if it has none.
        kind: How its client came.
        subscriptions: The names of the events that its client has subscribed to.
        link: How whoever holds its link finds that again; opaque to everybody else.
    """

    id: str
    state: bytes | None
    kind: ConnKind = "connection"
    subscriptions: tuple[str, ...] = ()
    link: bytes | None = None


@attrs.frozen(kw_only=True)
class ActorRecord:
    """What a store knows of one actor; its rows are read by themselves.

    Attributes:
        id: Made at creation, opaque.
        name: The actor's name on the wire, behind its namespace if that is not the default one
            (``runtime.namespaces``).
        key: The actor's key, unique per name.
        created_at: Seconds since the epoch.
        parent: The id of the actor whose life it is bound to, if it is; it never changes.
        generation: Which of its lives has saved last; creating it is a save of the first.
        alarm: When it wants to be woken, in seconds since the epoch; ``math.inf`` is never.
        state: The stored form of its state, ``None`` if it has none.
        connections: Those that hibernate, or whose ``on_disconnect`` has not run yet, oldest first.
    """

    id: str
    name: str
    key: tuple[str, ...]
    created_at: float
    parent: str | None = None
    generation: int = 0
    alarm: float = math.inf
    state: bytes | None = None
    connections: tuple[StoredConnection, ...] = ()


@attrs.frozen(kw_only=True)
class Segment:
    """One save: everything an actor changed since the last, stored all or nothing.

    Attributes:
        actor_id: Whose it is.
        generation: Which of its lives saves.
        durability: What it has to survive once it is stored.
        state: The stored form of the state, ``None`` if that is unchanged.
        connections: New and changed connections.
        ended: The ids of connections that are to be removed.
        writes: Rows that are set or removed, each once.
        alarm: When the actor wants to be woken, ``None`` if that is unchanged; ``math.inf`` is never.
        destroyed: Whether the actor is removed, and everything of it; the rest does not count then.
    """

    actor_id: str
    generation: int
    durability: Durability = "power"
    state: bytes | None = None
    connections: tuple[StoredConnection, ...] = ()
    ended: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()
    alarm: float | None = None
    destroyed: bool = False
