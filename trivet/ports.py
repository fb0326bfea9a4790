"""The ports of the runtime: what it needs from the outside, as protocols.

Links, stores and observers are written against these, never against the runtime itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import attrs

from trivet.declare.definition import EventBinding
from trivet.declare.event import Overflow
from trivet.declare.interfaces import CloseCause, ConnKind
from trivet.declare.options import Durability
from trivet.declare.values import Shape
from trivet.lifecycle.actor import ActorEvent
from trivet.lifecycle.connection import ConnectionEvent
from trivet.protocol.faults import Fault

__all__ = [
    "ActorRecord",
    "Committed",
    "Encoder",
    "Frame",
    "KeyTaken",
    "Link",
    "LinkOwner",
    "NotStored",
    "Observer",
    "Randomness",
    "RecordDamaged",
    "Segment",
    "SocketEncoder",
    "SocketLink",
    "Storage",
    "StorageError",
    "StorageFailed",
    "StorageFull",
    "StorageInUse",
    "StorageUnreadable",
    "StoredConnection",
    "WallClock",
]

Frame = Any
"""What an encoder makes and its links send: opaque to the runtime."""


class Encoder(Protocol):
    """Turns what an actor says into frames; links with the same encoder share them.

    Every method raises ``ActionError`` with ``message.outgoing_too_long`` when the frame would
    break the limit.
    """

    def init(self, actor_id: str, connection_id: str) -> Frame:
        """Encode the welcome that ends an opening."""
        ...

    def reply(self, call_id: int, shape: Shape[Any], value: Any) -> Frame:
        """Encode an action's result."""
        ...

    def event(self, binding: EventBinding, payload: Any) -> Frame:
        """Encode an event."""
        ...

    def failure(self, call_id: int | None, fault: Fault) -> Frame:
        """Encode the error of a call, or of the connection itself."""
        ...


class Link(Protocol):
    """The server's end of one client's transport. Only ``wait_closed`` may block."""

    @property
    def encoder(self) -> Encoder:
        """How frames for this link are made."""
        ...

    @property
    def backlog(self) -> tuple[int, int]:
        """How many frames, and bytes of them, the client has not taken."""
        ...

    def push(self, frame: Frame, *, event: str | None = None, overflow: Overflow = ...) -> bool:
        """Put a frame into the outbox.

        Returns:
            Whether the link still stood.
        """
        ...

    def close(self, code: int, reason: str) -> None:
        """Begin to close: flush, say goodbye, close the socket, all within a deadline."""
        ...

    def abort(self) -> None:
        """Close the socket now."""
        ...


class SocketEncoder(Encoder, Protocol):
    """Frames the messages of raw WebSockets; of what it has no form for it makes an empty frame."""

    def message(self, message: str | bytes, /) -> Frame:
        """Frame a message."""
        ...


class SocketLink(Link, Protocol):
    """A link that carries a raw WebSocket, and can make its client wait."""

    def hold(self) -> None:
        """Hand over no more messages than are on their way already."""
        ...

    def resume(self) -> None:
        """Hand over messages again."""
        ...


class LinkOwner(Protocol):
    """What a link tells the runtime."""

    def receive(self, message: Any, size: int) -> None:
        """Hand over one decoded message of ``size`` bytes; never blocks."""
        ...

    def lost(self, cause: CloseCause) -> None:
        """Say that the socket is closed and no task of the link is left; exactly once."""
        ...


@attrs.frozen(kw_only=True)
class StoredConnection:
    """A connection whose ``on_disconnect`` has not run yet, as a store keeps it.

    Attributes:
        id: The connection's id.
        state: The stored form of its state, ``None`` if it has none.
        kind: How its client came.
    """

    id: str
    state: bytes | None
    kind: ConnKind = "connection"


@attrs.frozen(kw_only=True)
class ActorRecord:
    """What a store knows of one actor.

    Attributes:
        id: Made at creation, opaque.
        name: The actor's name on the wire, behind its namespace if that is not the default one
            (``runtime.namespaces``).
        key: The actor's key, unique per name.
        created_at: Seconds since the epoch.
        state: The stored form of its state, ``None`` if it has none.
        connections: Those whose ``on_disconnect`` has not run yet, oldest first.
    """

    id: str
    name: str
    key: tuple[str, ...]
    created_at: float
    state: bytes | None = None
    connections: tuple[StoredConnection, ...] = ()


@attrs.frozen(kw_only=True)
class Segment:
    """One save: everything an actor changed since the last, stored all or nothing.

    Attributes:
        actor_id: Whose it is.
        durability: What it has to survive once it is stored.
        state: The stored form of the state, ``None`` if that is unchanged.
        connections: New and changed connections.
        ended: The ids of connections whose ``on_disconnect`` has run.
    """

    actor_id: str
    durability: Durability = "power"
    state: bytes | None = None
    connections: tuple[StoredConnection, ...] = ()
    ended: tuple[str, ...] = ()


class StorageError(Exception):
    """A store could not do what it was asked."""


class KeyTaken(StorageError):
    """Another actor of this name already has the key."""

    def __init__(self, existing: str) -> None:
        super().__init__(f"the key belongs to actor {existing}")
        self.existing = existing


class StorageFull(StorageError):
    """There is no room left; what is stored stays readable, and room makes it work again."""


class RecordDamaged(StorageError):
    """What is stored of an actor does not match its checksum."""


class StorageInUse(StorageError):
    """Somebody else has the store open."""


class StorageUnreadable(StorageError):
    """What is there is no store, a damaged one, or one of a newer version."""


class StorageFailed(StorageError):
    """The store has failed for good: nothing is stored any more by this process."""


class NotStored(StorageError):
    """A store had to be left before everything was stored: the medium did not answer in time."""


Committed = Callable[[StorageError | None], None]
"""Hears what became of a segment."""


class Storage(Protocol):
    """Where actors live while they are not awake.

    Whoever waits in one of its coroutines can be cancelled, also while the medium hangs.

    Attributes:
        durable: Whether a committed segment survives the process. Effects wait for durable
            stores only.
        immediate: Whether its coroutines never suspend, so that they may run on any task.
    """

    durable: bool
    immediate: bool

    @property
    def failed(self) -> bool:
        """Whether it has failed for good."""
        ...

    def open(self) -> AbstractAsyncContextManager[None]:
        """Open the store for as long as the body runs; everything below works only then.

        Leaving waits until what was committed is stored. A deadline of the scopes around it
        bounds that; so it never takes longer than the stop of whoever opened it.

        Raises:
            NotStored: On leaving, if there was no time to store everything.
            StorageInUse: If somebody else has it open.
            StorageUnreadable: If what is there is no store, or one of a newer version.
        """
        ...

    async def create(self, record: ActorRecord, durability: Durability) -> None:
        """Store a new actor; on return it is as durable as asked.

        Cancelled, it has happened entirely or not at all, as soon as anybody reads.

        Raises:
            KeyTaken: If the key is in use.
        """
        ...

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return the actor with a key.

        Raises:
            RecordDamaged: If what is stored of it is damaged.
        """
        ...

    async def load(self, actor_id: str) -> ActorRecord | None:
        """Return the actor with an id.

        Raises:
            RecordDamaged: If what is stored of it is damaged.
        """
        ...

    async def identify(self, actor_id: str) -> ActorRecord | None:
        """Return who the actor with an id is, without its state and connections.

        It takes the same time whatever the size of these, and says nothing about them: of an
        actor whose state alone is damaged, it still says who that is.

        Raises:
            RecordDamaged: If who it is cannot be trusted.
        """
        ...

    async def identify_by_key(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return who has a key, like ``identify``.

        Raises:
            RecordDamaged: If who it is cannot be trusted.
        """
        ...

    async def list(self, name: str) -> list[ActorRecord]:
        """Return every actor of a name, oldest first, without states and connections.

        Raises:
            RecordDamaged: If the list would not be complete and right.
        """
        ...

    def commit(self, segment: Segment, done: Committed) -> None:
        """Store a segment; never blocks.

        Segments of one actor are stored in the order in which they are given; whoever finds or
        loads the actor after that sees what came of them.

        Args:
            segment: What has changed.
            done: Called exactly once, in Trio's thread, when the segment is as durable as it asks,
                or with the error if that is not possible; it may be called before this returns.
        """
        ...


class Observer(Protocol):
    """Who counts what the runtime drops and refuses."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each thing happened."""
        ...

    def count(self, what: str, times: int = 1) -> None:
        """Count occurrences of something, named like an error code."""
        ...

    def actor_step(self, actor: str, actor_id: str, event: ActorEvent) -> None:
        """Take note of a step in the life of an instance."""
        ...

    def connection_step(self, actor: str, conn_id: str, event: ConnectionEvent) -> None:
        """Take note of a step in the life of a connection."""
        ...


WallClock = Callable[[], float]
"""Seconds since the epoch."""

Randomness = Callable[[], str]
"""Makes unguessable ids."""
