"""What callers hear when a store does not do what it should: fixed texts, and no text of its own.

What the log hears has the store's words.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from trivet.declare.errors import ActionError, ValidationError
from trivet.logs import Throttled
from trivet.ports.errors import RecordDamaged, StorageError, StorageFull
from trivet.protocol.faults import Fault
from trivet.runtime.subjects import about_instance

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = [
    "NOT_SAVED",
    "is_damaged",
    "not_serializable",
    "report",
    "save_fault",
    "too_large",
    "unreadable",
    "unreadable_state",
]

throttled = Throttled(logging.getLogger(__name__))

NOT_SAVED = Fault("actor", "state_not_saved", "The actor's state could not be saved")
FULL = Fault("actor", "state_not_saved", NOT_SAVED.message, {"reason": "storage_full"})
CORRUPT = Fault("actor", "state_corrupt", "What is stored of the actor is damaged")
UNAVAILABLE = Fault("actor", "state_not_loaded", "The actor's state could not be read")


def save_fault(error: StorageError) -> Fault:
    """Say why a segment was not stored."""
    return FULL if isinstance(error, StorageFull) else NOT_SAVED


def unreadable(error: StorageError) -> Fault:
    """Say why an actor could not be found or loaded."""
    return CORRUPT if isinstance(error, RecordDamaged) else UNAVAILABLE


def is_damaged(error: ActionError) -> bool:
    """Whether an error says that the record of an actor is damaged."""
    return (error.group, error.code) == (CORRUPT.group, CORRUPT.code)


def not_serializable(error: ValidationError) -> Fault:
    """Say why a state cannot be stored, and where in it."""
    text = "The actor's state does not fit its type"
    return Fault("actor", "state_not_serializable", text, error.metadata)


def unreadable_state(error: ValidationError) -> Fault:
    """Say why a stored state does not fit the class any more, and where in it."""
    text = "The actor's stored state does not fit its type"
    return Fault("actor", "state_incompatible", text, error.metadata)


def too_large(size: int, limit: int) -> ActionError:
    """Make the error of a state that is larger than it may be, both in bytes."""
    return ActionError(
        f"The actor's state has {size} bytes, {limit} are allowed",
        group="actor",
        code="state_too_large",
        metadata={"size": size, "limit": limit},
    )


def report(instance: Instance, kind: str, problem: str, why: object) -> None:
    """Log that something of an actor is not stored."""
    throttled.error(
        kind, "%s: %s: %s", instance.label, problem, why, extra=about_instance(instance)
    )
