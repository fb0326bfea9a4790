"""Waiting at the gate: somebody who goes on when everything before him is stored."""

from __future__ import annotations

from typing import Any

import outcome
import trio

from trivet.declare.errors import Error

__all__ = ["Passage"]


class Passage:
    """One task's way through a gate; ``release`` and ``drop`` are what the gate calls."""

    __slots__ = ("_error", "_is_over", "_task")

    def __init__(self) -> None:
        self._is_over = False
        self._error: Error | None = None
        self._task: trio.lowlevel.Task | None = None

    def release(self) -> None:
        """Let the task go on."""
        self._is_over = True
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)

    def drop(self, error: Error) -> None:
        """Tell the task that what it waits for is lost."""
        self._is_over = True
        self._error = error
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task, outcome.Error(error))

    async def wait(self) -> None:
        """Return when it is released, at once if it is already.

        Raises:
            Error: If it is dropped.
        """
        if self._is_over:
            if self._error is not None:
                raise self._error
            return
        self._task = trio.lowlevel.current_task()

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
