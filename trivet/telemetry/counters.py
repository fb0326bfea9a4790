"""Counters of everything that a runtime drops or refuses."""

from __future__ import annotations

import logging
from collections import Counter

from trivet.lifecycle.actor import ActorEvent
from trivet.lifecycle.connection import ConnectionEvent
from trivet.logs import about, printable

__all__ = ["Counters"]

logger = logging.getLogger("trivet.lifecycle")


class Counters:
    """Counts drops and refusals by name, and logs every lifecycle step at debug level.

    Attributes:
        counts: How often each thing happened.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, what: str, times: int = 1) -> None:
        """Count occurrences."""
        self.counts[what] += times

    def actor_step(self, actor: str, actor_id: str, event: ActorEvent) -> None:
        """Log a step in the life of an instance."""
        if logger.isEnabledFor(logging.DEBUG):
            extra = _named(actor) | about(actor_id=actor_id or None)
            logger.debug("%s (%s): %s", printable(actor), actor_id, event.name, extra=extra)

    def connection_step(self, actor: str, conn_id: str, event: ConnectionEvent) -> None:
        """Log a step in the life of a connection."""
        if logger.isEnabledFor(logging.DEBUG):
            extra = _named(actor) | about(conn=conn_id)
            logger.debug("%s connection %s: %s", printable(actor), conn_id, event.name, extra=extra)


def _named(label: str) -> dict[str, str]:
    """Take apart how an actor is labelled: its name and its key."""
    name, _, key = label.partition("/")
    return about(actor=name, key=(key,))
