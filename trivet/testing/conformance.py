"""What every store must do: run ``check_storage`` in the tests of your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from trivet.ports.errors import StorageError
from trivet.ports.storage import Storage
from trivet.testing.storage_checks import ABOUT_ACTORS
from trivet.testing.storage_life_checks import ABOUT_LIVES
from trivet.testing.storage_row_checks import ABOUT_ROWS
from trivet.testing.storage_subject import Checks, Subject

__all__ = ["check_sentences", "check_storage"]

AnyStorage = TypeVar("AnyStorage", bound=Storage)


async def check_storage(
    fresh: Callable[[], AnyStorage],
    *,
    reopened: Callable[[AnyStorage], AnyStorage] | None = None,
) -> None:
    """Check that a store does what ``trivet.ports.Storage`` says, sentence by sentence.

    Args:
        fresh: Makes a store with nothing in it, another one at each call; it is not open yet.
        reopened: Makes, of one that was open, one that must have the same in it: for a durable
            store another object at the same place, as after a restart. By default the store
            itself is opened again.

    Raises:
        AssertionError: If it does not. The text is the sentence, and what was seen instead.
    """
    for checks in (ABOUT_ACTORS, ABOUT_LIVES, ABOUT_ROWS):
        await check_sentences(checks, fresh, reopened)


async def check_sentences(
    checks: Checks,
    fresh: Callable[[], AnyStorage],
    reopened: Callable[[AnyStorage], AnyStorage] | None = None,
) -> None:
    """Check that a store does what some sentences say; the rest is as for ``check_storage``."""
    for sentence, check in checks.sentences:
        storages: list[AnyStorage] = []

        def next_one(storages: list[AnyStorage] = storages) -> Storage:
            if not storages:
                storages.append(fresh())
            elif reopened is not None:
                storages.append(reopened(storages[-1]))
            return storages[-1]

        try:
            await check(Subject(next_one))
        except (AssertionError, StorageError) as error:
            raise AssertionError(f"{sentence} But {error}") from error
        except Exception as error:
            error.add_note(f"This was checked: {sentence}")
            raise
