"""The connections of one actor: a mapping for the actor, an index of subscribers for events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from trivet.declare.definition import EventBinding
from trivet.declare.interfaces import Conn, ConnMap

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection

__all__ = ["Connections"]


class Connections(ConnMap[Any]):
    """Every visible connection of an actor, oldest first."""

    __slots__ = ("_conns", "_subscribers")

    def __init__(self) -> None:
        self._conns: dict[str, Connection] = {}
        self._subscribers: dict[str, dict[str, Connection]] = {}

    def __getitem__(self, key: str, /) -> Connection:
        return self._conns[key]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._conns))

    def __len__(self) -> int:
        return len(self._conns)

    def find(self, predicate: Callable[[Conn[Any]], bool], /) -> Conn[Any] | None:
        """Return the first connection that the predicate accepts."""
        return next((conn for conn in self.all() if predicate(conn)), None)

    def select(self, predicate: Callable[[Conn[Any]], bool], /) -> list[Conn[Any]]:
        """Return the connections that the predicate accepts."""
        return [conn for conn in self.all() if predicate(conn)]

    def all(self) -> tuple[Connection, ...]:
        """Return a snapshot of the connections."""
        return tuple(self._conns.values())

    def add(self, conn: Connection) -> None:
        """Make a connection visible."""
        self._conns[conn.id] = conn
        for name in conn.subscriptions:
            self._subscribers.setdefault(name, {})[conn.id] = conn

    def remove(self, conn: Connection) -> None:
        """Take a connection out of the mapping and of every event."""
        if self._conns.pop(conn.id, None) is not None:
            for name in conn.subscriptions:
                self._forget(name, conn)

    def subscribe(self, conn: Connection, name: str) -> None:
        """Let a connection hear an event."""
        if name not in conn.subscriptions:
            conn.subscriptions[name] = None
            if conn.id in self._conns:
                self._subscribers.setdefault(name, {})[conn.id] = conn

    def unsubscribe(self, conn: Connection, name: str) -> None:
        """Let a connection no longer hear an event."""
        conn.subscriptions.pop(name, None)
        self._forget(name, conn)

    def subscribers(self, name: str) -> tuple[Connection, ...]:
        """Return a snapshot of who hears an event."""
        listening = self._subscribers.get(name)
        return tuple(listening.values()) if listening else ()

    def broadcast(self, binding: EventBinding, payload: object, exclude: Conn[Any] | None) -> None:
        """Send an event to its subscribers, encoded once for each kind of link."""
        receivers = self.subscribers(binding.name)
        if not receivers:
            binding.shape.copy(payload)
            return
        frames: dict[Any, Any] = {}
        for conn in receivers:
            if conn is exclude or conn.inbox is None:
                continue
            encoder = conn.inbox.link.encoder
            if encoder not in frames:
                frames[encoder] = encoder.event(binding, payload)
            conn.push(frames[encoder], binding.name, binding.overflow)

    def _forget(self, name: str, conn: Connection) -> None:
        listening = self._subscribers.get(name)
        if listening is not None:
            listening.pop(conn.id, None)
            if not listening:
                del self._subscribers[name]
