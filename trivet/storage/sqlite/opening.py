"""Opening the file: create it, refuse what is none of ours, own it, bring it up to date.

Rule 1. What is there is never overwritten: a new file is built beside, and linked into its place.
Rule 2. Nothing but SQLite opens the file: closing a second descriptor of it would, by the rules of
POSIX, drop the lock that this process has on it.
Rule 3. One connection owns the file, from opening to closing (``locking_mode = exclusive``).
Rule 4. The log is emptied as a whole or not at all (``wal_checkpoint(truncate)``, never SQLite's
automatic one): a damaged log then costs its last commits, and never mixes two moments.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from trivet.ports.errors import StorageError, StorageUnreadable
from trivet.storage.sqlite import faults, schema
from trivet.storage.sqlite.schema import MIGRATIONS, Migration

__all__ = ["LONGEST", "log_of", "open_file"]

logger = logging.getLogger(__name__)

LONGEST: Final = 64 * 1024 * 1024
"""Bytes in a record. More than any state may have, and a bound for what a damaged length asks."""

PAGE: Final = 4096
FRAME_HEADER: Final = 24  # bytes before each page in the log
CACHE_KIBIBYTES: Final = 16 * 1024

_SETTINGS: Final = (
    f"pragma cache_size = -{CACHE_KIBIBYTES}",
    "pragma cell_size_check = on",
    "pragma mmap_size = 0",
    # What was deleted or moved must not come back when a pointer is damaged.
    "pragma secure_delete = on",
    "pragma temp_store = memory",
    "pragma trusted_schema = off",
    "pragma wal_autocheckpoint = 0",
)


def open_file(
    path: Path,
    *,
    migrations: Sequence[Migration] = MIGRATIONS,
    factory: type[sqlite3.Connection] = sqlite3.Connection,
) -> sqlite3.Connection:
    """Open a store's file, whose owner the connection is until it is closed.

    Args:
        path: Where it is, or is to be.
        migrations: What leads to the version that is wanted.
        factory: The class of the connection.

    Raises:
        StorageInUse: If somebody has it open.
        StorageUnreadable: If it is no store, damaged, or newer than this program.
        StorageError: If it cannot be opened or created for another reason.
    """
    path = path.resolve()
    try:
        if not path.parent.is_dir():
            raise StorageError(f"{path} cannot be opened: there is no folder {path.parent}")
        if not path.exists():
            _create(path, migrations)
        if path.stat().st_size == 0:
            raise StorageUnreadable(f"{path} is empty: it is no store, or has lost everything")
        # SQLite would open it for reading, and then take the refused lock for a broken disk.
        if not os.access(path, os.W_OK):
            raise StorageError(f"{path} is read-only, by its rights or because its disk is")
        connection = _connect(path, factory)
    except (OSError, sqlite3.Error) as error:
        raise faults.while_opening(error, str(path)) from error
    try:
        _own(connection, path, migrations)
    except (OSError, sqlite3.Error) as error:
        connection.close()
        raise faults.while_opening(error, str(path)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def log_of(path: Path) -> Path:
    """Return where SQLite keeps the log of a file."""
    path = path.resolve()
    return path.with_name(f"{path.name}-wal")


def _connect(
    path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    # No statement begins or ends a transaction but ours, and nobody is waited for.
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None, factory=factory
    )
    connection.text_factory = bytes
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    return connection


def _own(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    connection.execute("pragma locking_mode = exclusive")
    if not schema.is_ours(connection):
        raise StorageUnreadable(f"{path} is a file of another program")
    for setting in _SETTINGS:
        connection.execute(setting)
    if connection.execute("pragma journal_mode = wal").fetchone()[0] not in {"wal", b"wal"}:
        raise StorageError(f"{path} cannot have a log beside it")
    connection.execute("begin exclusive")
    connection.execute("rollback")
    version = schema.check_version(connection, len(migrations), str(path))
    _empty_log(connection, path)
    if version < len(migrations):
        _copy(connection, path.with_name(f"{path.name}.version-{version}"))
        schema.migrate(connection, migrations, version)
        logger.info(
            "the store was migrated",
            extra={"path": str(path), "version": len(migrations), "was": version},
        )


def _empty_log(connection: sqlite3.Connection, path: Path) -> None:
    """Bring into the file what a crash has left in the log; then the file is as long as it says."""
    size = connection.execute("pragma page_size").fetchone()[0]
    log = log_of(path)
    found = log.stat().st_size // (size + FRAME_HEADER) if log.exists() else 0
    used = max(0, connection.execute("pragma wal_checkpoint(passive)").fetchone()[1])
    if found > used:
        logger.warning(
            "the end of the log was left out: a commit was under way, or the log is damaged",
            extra={"path": str(log), "pages": found, "left_out": found - used},
        )
    connection.execute("pragma wal_checkpoint(truncate)")
    pages = connection.execute("pragma page_count").fetchone()[0]
    # A file that takes itself for shorter would write new pages over old ones.
    if pages * size != path.stat().st_size:
        raise StorageUnreadable(f"{path} is damaged: it is not as long as it says")


def _create(path: Path, migrations: Sequence[Migration]) -> None:
    if log_of(path).exists():
        raise StorageUnreadable(f"{path} is gone, and its log {log_of(path)} is still there")
    # Readable by its owner only, and so is the log, whose mode SQLite takes from the file.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    os.close(descriptor)
    try:
        connection = _connect(Path(name))
        try:
            connection.execute(f"pragma page_size = {PAGE}")
            schema.migrate(connection, migrations, 0)
            connection.execute("pragma journal_mode = wal")
        finally:
            connection.close()
        # Another process may have been faster: then theirs is opened.
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
    _sync_folder(path.parent)


def _copy(connection: sqlite3.Connection, path: Path) -> None:
    """Copy the file as it is, before it is changed for good."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    os.close(descriptor)
    try:
        copy = sqlite3.connect(name)
        try:
            connection.backup(copy)
        finally:
            copy.close()
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
