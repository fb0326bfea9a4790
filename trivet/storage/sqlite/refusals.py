"""Why the disk has refused a write: SQLite says only that it has, so the same is tried once more.

Some refusals are limits that can pass: a quota, the size that a process may give its files. SQLite
knows a full disk and takes these for a broken one. Its errors have no ``errno``; the file cannot be
asked either, for closing a second descriptor would drop its lock. So a file beside it is written, as
far out as the store's files reach, and its ``errno`` counts; if that write succeeds, nobody knows why
the other one failed, and the disk is not trusted any more.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from trivet.storage.sqlite.faults import WANT_OF_ROOM, OutOfRoom

__all__ = ["explained"]

TRIED: Final = 64 * 1024
"""Bytes that are written on trial."""


def explained(error: sqlite3.Error, *files: Path) -> sqlite3.Error:
    """Return the error that says why a write was refused, if that can be found out.

    Args:
        error: What SQLite says.
        files: The files that it writes, in one folder.
    """
    # Not after a refused fsync: what that has lost does not come back with the room.
    if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_IOERR_WRITE:
        return error
    refusal = _refusal(*files)
    if refusal is None:
        return error
    reason = os.strerror(refusal)
    if refusal in WANT_OF_ROOM:
        return OutOfRoom(reason)
    told = sqlite3.OperationalError(f"{error}: {reason}")
    told.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    return told


def _refusal(*files: Path) -> int | None:
    try:
        _write_beside(*files)
    except OSError as error:
        return error.errno
    return None


def _write_beside(*files: Path) -> None:
    offset = max(file.stat().st_size for file in files if file.exists())
    with tempfile.TemporaryFile(prefix=f".{files[0].name}.", dir=files[0].parent) as beside:
        end = offset + TRIED
        while offset < end:
            offset += os.pwrite(beside.fileno(), bytes(end - offset), offset)
