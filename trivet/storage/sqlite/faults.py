"""What SQLite's errors mean for a store."""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

from trivet.ports.errors import (
    RecordDamaged,
    StorageError,
    StorageFailed,
    StorageFull,
    StorageInUse,
    StorageUnreadable,
)

__all__ = [
    "WANT_OF_ROOM",
    "Inconsistent",
    "OutOfRoom",
    "ends_the_store",
    "failed_for_good",
    "is_for_want_of_room",
    "while_opening",
    "while_reading",
    "while_writing",
]

# Reading fails without harm; whatever else goes wrong between SQLite and the disk leaves unknown
# what is stored, and no later success of fsync would prove anything.
_HARMLESS: Final = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ}

WANT_OF_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says of a full disk, of a quota, and of the size that a file may have."""

_DAMAGE: Final = {
    0,  # our own findings
    sqlite3.SQLITE_CONSTRAINT,  # a lookup did not see a record that is there
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_TOOBIG,
}


class Inconsistent(sqlite3.DatabaseError):
    """Found by us rather than by SQLite: what is stored contradicts itself."""


class OutOfRoom(sqlite3.OperationalError):
    """Found out by us: a limit that SQLite takes for a broken disk."""

    sqlite_errorcode = sqlite3.SQLITE_FULL


def ends_the_store(error: sqlite3.Error) -> bool:
    """Whether nothing may be stored any more after this error."""
    code = _code(error)
    return code & 0xFF == sqlite3.SQLITE_IOERR and code not in _HARMLESS


def is_for_want_of_room(error: sqlite3.Error) -> bool:
    """Whether it would have succeeded with more room."""
    return _code(error) & 0xFF == sqlite3.SQLITE_FULL


def failed_for_good() -> StorageFailed:
    """Return what every save gets after the store has failed."""
    return StorageFailed("the disk has failed: nothing is stored any more by this process")


def while_reading(error: Exception, what: str) -> StorageError:
    """Return the error of what could not be read."""
    if isinstance(error, sqlite3.Error) and _code(error) & 0xFF in _DAMAGE:
        return RecordDamaged(f"{what} is damaged: {error}")
    return StorageError(f"{what} cannot be read: {error or type(error).__name__}")


def while_writing(error: sqlite3.Error, what: str, path: str) -> StorageError:
    """Return the error of what could not be stored."""
    if is_for_want_of_room(error):
        return StorageFull(f"no room is left to store {what} in {path}: {error}")
    code = _code(error) & 0xFF
    if code == sqlite3.SQLITE_TOOBIG:
        return StorageError(f"{what} is too large to store")
    if code in _DAMAGE:
        return RecordDamaged(f"{what} is damaged: {error}")
    return StorageError(f"{what} cannot be stored in {path}: {error}")


def while_opening(error: OSError | sqlite3.Error, path: str) -> StorageError:
    """Return the error of a file that could not be opened."""
    if isinstance(error, OSError):
        if error.errno in WANT_OF_ROOM:
            return StorageFull(f"no room is left to open {path}: {error}")
        return StorageError(f"{path} cannot be opened: {error}")
    code = _code(error) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StorageInUse(f"{path} is open already, here or in another process")
    if code == sqlite3.SQLITE_NOTADB:
        return StorageUnreadable(f"{path} is no SQLite file, or its beginning is damaged")
    if code in _DAMAGE:
        return StorageUnreadable(f"{path} is damaged: {error}")
    if is_for_want_of_room(error):
        return StorageFull(f"no room is left to open {path}: {error}")
    return StorageError(f"{path} cannot be opened: {error}")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)
