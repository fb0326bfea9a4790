"""The life of one instance of an actor, from its start to its end."""

from __future__ import annotations

from enum import Enum

from trivet.lifecycle.table import Table

__all__ = ["ACTOR", "ActorEvent", "ActorState"]


class ActorState(Enum):
    """Where an instance stands."""

    NEW = "new"
    STARTING = "starting"
    AWAKE = "awake"
    STOPPING = "stopping"
    STOPPED = "stopped"


class ActorEvent(Enum):
    """What happens to an instance."""

    START = "a request or a parked link needs it"
    READY = "start hooks done"
    START_FAILED = "a start hook failed"
    STOP = "put away"
    CRASH = "a background task failed"
    ENDED = "turns, hooks and final save done"


ACTOR: Table[ActorState, ActorEvent] = Table(
    "actor",
    start=ActorState.NEW,
    final=[ActorState.STOPPED],
    transitions={
        ActorState.NEW: {ActorEvent.START: ActorState.STARTING},
        ActorState.STARTING: {
            ActorEvent.READY: ActorState.AWAKE,
            ActorEvent.START_FAILED: ActorState.STOPPED,
            ActorEvent.STOP: ActorState.STOPPING,
            ActorEvent.CRASH: ActorState.STOPPING,
        },
        ActorState.AWAKE: {
            ActorEvent.STOP: ActorState.STOPPING,
            ActorEvent.CRASH: ActorState.STOPPING,
        },
        ActorState.STOPPING: {ActorEvent.ENDED: ActorState.STOPPED},
    },
)
"""Requests are admitted in ``AWAKE`` only: before, they wait; after, the next instance serves."""
