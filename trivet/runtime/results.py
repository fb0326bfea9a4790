"""What an actor's own code returns: checked against what it declares, and copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from trivet.declare.errors import Error

__all__ = ["copied", "misfit"]

T = TypeVar("T")


def copied(copy: Callable[[object], T], value: Any, what: str) -> T:
    """Check and copy what an actor's code has returned.

    Args:
        copy: How values of the declared type are checked and copied.
        value: What was returned.
        what: Who returned it, for the log.

    Raises:
        TypeError: If it does not fit: the actor's mistake, of which no caller can make sense.
    """
    try:
        return copy(value)
    except Error as error:
        mistake = misfit(error, what)
    raise mistake


def misfit(error: Error, what: str) -> TypeError:
    """Make the error of a value that does not fit its declared type."""
    return TypeError(f"what {what} returned does not fit its type: {error.metadata}")
