"""Counters of everything that a runtime drops or refuses."""

from __future__ import annotations

import logging
from collections import Counter

from trivet.lifecycle.actor import ActorEvent
from trivet.lifecycle.connection import ConnectionEvent

__all__ = ["Counters"]

logger = logging.getLogger("trivet.lifecycle")


class Counters:
    """Counts drops and refusals by name, and logs every lifecycle step at debug level.

    Attributes:
        counts: How often each thing happened.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, what: str) -> None:
        """Count one occurrence."""
        self.counts[what] += 1

    def actor_step(self, actor: str, actor_id: str, event: ActorEvent) -> None:
        """Log a step in the life of an instance."""
        logger.debug("%s (%s): %s", actor, actor_id, event.name)

    def connection_step(self, actor: str, conn_id: str, event: ConnectionEvent) -> None:
        """Log a step in the life of a connection."""
        logger.debug("%s connection %s: %s", actor, conn_id, event.name)
