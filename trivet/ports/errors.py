"""What can go wrong with a store."""

from __future__ import annotations

__all__ = [
    "Fenced",
    "KeyTaken",
    "NotStored",
    "RecordDamaged",
    "StorageError",
    "StorageFailed",
    "StorageFull",
    "StorageInUse",
    "StorageUnreadable",
]


class StorageError(Exception):
    """A store could not do what it was asked."""


class KeyTaken(StorageError):
    """Another actor of this name already has the key."""

    def __init__(self, existing: str) -> None:
        super().__init__(f"the key belongs to actor {existing}")
        self.existing = existing


class Fenced(StorageError):
    """A later life of the actor has saved: this one is over, and stores nothing any more."""


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
