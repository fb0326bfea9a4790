"""Who hears of what the runtime does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from trivet.lifecycle.actor import ActorEvent
from trivet.lifecycle.connection import ConnectionEvent

__all__ = ["Observer"]


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
