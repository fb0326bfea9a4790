"""Looking at gates between turns: one task for a whole runtime.

Rules this file keeps:

1. While this task runs no other does, so every turn is over, or suspended: only then may the state
   of a suspended turn be looked at.
2. Encoding a large state takes milliseconds, and a hundred turns may end in one pass of the loop.
   So what is encoded in a pass is bounded: beyond that gates wait here for the next pass, as they
   would for a store that is busy. What is bounded is bytes, not time, so that a run with the same
   schedule does the same again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

import trio

if TYPE_CHECKING:
    from trivet.runtime.gate import Gate

__all__ = ["BetweenTurns"]

ENCODED_AT_ONCE: Final = 256 * 1024
"""Bytes of states that are encoded before other tasks run, or one state that is larger."""


class BetweenTurns:
    """Looks at the gates of suspended turns that have said something, and at those that wait.

    Attributes:
        is_exhausted: Whether enough was encoded in this pass of the loop.
    """

    def __init__(self) -> None:
        self.is_exhausted = False
        self._encoded = 0
        self._gates: dict[Gate, None] = {}
        self._parked: trio.lowlevel.Task | None = None

    def look_at(self, gate: Gate) -> None:
        """Look at a gate as soon as the task that runs now suspends."""
        self._gates[gate] = None
        self._wake()

    def has_encoded(self, size: int) -> None:
        """Take note that so many bytes of a state were encoded."""
        self._encoded += size
        if self._encoded >= ENCODED_AT_ONCE:
            self.is_exhausted = True
            self._wake()

    async def run(self) -> NoReturn:
        """Look at gates until cancelled."""
        while True:
            if self.is_exhausted:
                await trio.lowlevel.checkpoint()
            elif not self._gates:
                await self._park()
            self._encoded, self.is_exhausted = 0, False
            gates, self._gates = self._gates, {}
            for gate in gates:
                gate.advance()

    def _wake(self) -> None:
        if self._parked is not None:
            task, self._parked = self._parked, None
            trio.lowlevel.reschedule(task)

    async def _park(self) -> None:
        self._parked = trio.lowlevel.current_task()

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
