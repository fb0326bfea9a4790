"""The ports of the runtime: what it needs from the outside, as protocols.

Links, stores and observers are written against these, never against the runtime itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from trivet.declare.definition import EventBinding
from trivet.declare.event import Overflow
from trivet.declare.interfaces import CloseCause
from trivet.declare.values import Shape
from trivet.lifecycle.actor import ActorEvent
from trivet.lifecycle.connection import ConnectionEvent
from trivet.protocol.faults import Fault

__all__ = [
    "ActorRecord",
    "Encoder",
    "Frame",
    "KeyTaken",
    "Link",
    "LinkOwner",
    "Observer",
    "Randomness",
    "Segment",
    "Storage",
    "StorageError",
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


class LinkOwner(Protocol):
    """What a link tells the runtime."""

    def receive(self, message: Any, size: int) -> None:
        """Hand over one decoded message of ``size`` bytes; never blocks."""
        ...

    def lost(self, cause: CloseCause) -> None:
        """Say that the socket is closed and no task of the link is left; exactly once."""
        ...


@attrs.frozen(kw_only=True)
class ActorRecord:
    """What a store knows of one actor.

    Attributes:
        id: Made at creation, opaque.
        name: The actor's name on the wire.
        key: The actor's key, unique per name.
        created_at: Seconds since the epoch.
        state: The stored form of its state, ``None`` if it has none.
    """

    id: str
    name: str
    key: tuple[str, ...]
    created_at: float
    state: bytes | None = None


@attrs.frozen(kw_only=True)
class Segment:
    """One save: everything an actor changed since the last, stored all or nothing."""

    actor_id: str
    state: bytes | None


class StorageError(Exception):
    """A store could not do what it was asked."""


class KeyTaken(StorageError):
    """Another actor of this name already has the key."""

    def __init__(self, existing: str) -> None:
        super().__init__(f"the key belongs to actor {existing}")
        self.existing = existing


class Storage(Protocol):
    """Where actors live while they are not awake.

    Attributes:
        durable: Whether a committed segment survives the process. Effects wait for durable
            stores only.
        immediate: Whether its coroutines never suspend, so that they may run on any task.
    """

    durable: bool
    immediate: bool

    async def create(self, record: ActorRecord) -> None:
        """Store a new actor.

        Raises:
            KeyTaken: If the key is in use.
        """
        ...

    async def find(self, name: str, key: tuple[str, ...]) -> ActorRecord | None:
        """Return the actor with a key."""
        ...

    async def load(self, actor_id: str) -> ActorRecord | None:
        """Return the actor with an id."""
        ...

    async def list(self, name: str) -> list[ActorRecord]:
        """Return every actor of a name, oldest first."""
        ...

    async def commit(self, segment: Segment) -> None:
        """Store a segment; on return it is as durable as the store can make it."""
        ...


class Observer(Protocol):
    """Who counts what the runtime drops and refuses."""

    def count(self, what: str) -> None:
        """Count one occurrence of something, named like an error code."""
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
