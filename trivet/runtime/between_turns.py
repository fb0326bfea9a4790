"""Looking at gates between turns: one task for a whole runtime.

While this task runs no other does, so every turn is over, or suspended: only then may the state of
a suspended turn be looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import trio

if TYPE_CHECKING:
    from trivet.runtime.gate import Gate

__all__ = ["BetweenTurns"]


class BetweenTurns:
    """Looks at the gates of suspended turns that have said something."""

    def __init__(self) -> None:
        self._gates: dict[Gate, None] = {}
        self._parked: trio.lowlevel.Task | None = None

    def look_at(self, gate: Gate) -> None:
        """Look at a gate as soon as the task that runs now suspends."""
        self._gates[gate] = None
        if self._parked is not None:
            task, self._parked = self._parked, None
            trio.lowlevel.reschedule(task)

    async def run(self) -> NoReturn:
        """Look at gates until cancelled."""
        while True:
            if not self._gates:
                await self._park()
            gates, self._gates = self._gates, {}
            for gate in gates:
                gate.look()

    async def _park(self) -> None:
        self._parked = trio.lowlevel.current_task()

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
