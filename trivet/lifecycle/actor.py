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
    SLEEP = "idle, or it wants to sleep"
    STOP = "the runtime ends"
    DESTROY = "it shall be no more"
    CRASH = "a background task or a save failed"
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
        },
        ActorState.AWAKE: {
            ActorEvent.SLEEP: ActorState.STOPPING,
            ActorEvent.STOP: ActorState.STOPPING,
            ActorEvent.DESTROY: ActorState.STOPPING,
            ActorEvent.CRASH: ActorState.STOPPING,
        },
        ActorState.STOPPING: {
            ActorEvent.DESTROY: ActorState.STOPPING,
            ActorEvent.ENDED: ActorState.STOPPED,
        },
    },
)
"""Requests are admitted in ``AWAKE`` only: before, they wait; after, the next instance serves.

An actor that goes to sleep or stops may still be destroyed, until its last save begins.
"""
