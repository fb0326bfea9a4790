"""The worker: the actor's own task for calls that may suspend.

Rules this file keeps:

1. Calls that queue, and all asynchronous ones, run here, so that a caller who leaves cuts nothing.
2. One cancel scope serves call after call; only when a call was cut is it replaced. What cuts a
   call is its deadline or the end of its actor's grace, and its caller only if the action says so.
3. The worker's context is the actor's own context; inline calls enter the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from trivet.runtime.answering import answer, failed_while_cut
from trivet.runtime.call import Call
from trivet.runtime.turn import running_turn

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["Worker"]

CALLS_PER_CHECKPOINT = 64


class Worker:
    """Runs the calls of one actor, one at a time; its task starts on first need.

    Attributes:
        call: The call that runs now.
    """

    __slots__ = ("_instance", "_parked", "_scope", "_started", "call")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._started = False
        self._parked: trio.lowlevel.Task | None = None
        self._scope: trio.CancelScope | None = None
        self.call: Call | None = None

    def wake(self) -> None:
        """Look at the mailbox: a call was granted."""
        if not self._started:
            self._started = True
            instance = self._instance
            instance.nursery.start_soon(self._run, context=instance.context)
        elif self._parked is not None:
            task, self._parked = self._parked, None
            trio.lowlevel.reschedule(task)

    def cut(self, *, late: bool) -> bool:
        """Cancel the running call at its next checkpoint; tell whether there was one."""
        if self.call is None or self._scope is None:
            return False
        self.call.late = late
        self._scope.cancel()
        return True

    async def _run(self) -> None:
        self._instance.context = trio.lowlevel.current_task().context
        self._instance.run_in_context = self._instance.context.run
        try:
            while True:
                try:
                    with trio.CancelScope() as self._scope:
                        await self._serve(self._scope)
                except Exception as error:
                    failed_while_cut(self._instance, error)
        except Exception:  # of ours: the actor will crash, but first a call may have been granted
            self._started = False
            raise

    async def _serve(self, scope: trio.CancelScope) -> None:
        budget = CALLS_PER_CHECKPOINT
        while not scope.cancel_called:
            call = self._instance.mailbox.holder
            if not isinstance(call, Call) or not call.active:
                await self._park()
                continue
            await self._run_call(call)
            budget -= 1
            if budget == 0:
                budget = CALLS_PER_CHECKPOINT
                await trio.lowlevel.checkpoint()

    async def _park(self) -> None:
        self._parked = trio.lowlevel.current_task()

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    async def _run_call(self, call: Call) -> None:
        self.call = call
        running_turn.set(call)
        try:
            await answer(call)
        finally:
            self.call = None
            self._instance.call_ended(call)
