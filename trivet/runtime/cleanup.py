"""The one place where anything is shielded from cancellation, always with a deadline."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import trio

__all__ = ["Shelter", "bounded_cleanup"]


@contextmanager
def bounded_cleanup(seconds: float) -> Generator[trio.CancelScope]:
    """Let cleanup await although its task is cancelled, but no longer than ``seconds``."""
    with trio.move_on_after(seconds) as scope:
        scope.shield = True
        yield scope


class Shelter:
    """A shield around a service that ends gracefully when it is told to, not when it is cancelled.

    It has no deadline while the service runs; ``end_within`` sets it, and whoever opens a shelter
    must call that on every way out.

    Args:
        from_the_start: Whether it shields already before ``end_within``.
    """

    def __init__(self, *, from_the_start: bool = True) -> None:
        self._scope = trio.CancelScope(shield=from_the_start)
        self._told = trio.Event()

    def __enter__(self) -> Self:
        self._scope.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._scope.__exit__(kind, error, traceback)

    def end_within(self, seconds: float) -> None:
        """Tell the service to end, and cut it when ``seconds`` are over."""
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + seconds)
        self._scope.shield = True
        self._told.set()

    @property
    def was_cut(self) -> bool:
        """Whether the service was not over in time."""
        return self._scope.cancelled_caught

    async def wait_told(self) -> None:
        """Wait until the service is told to end."""
        await self._told.wait()
