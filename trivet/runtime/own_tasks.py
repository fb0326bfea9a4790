"""Calls on tasks of their own: concurrent actions, and calls that are let into a waiting turn.

Rules this file keeps:

1. Concurrent actions start in the order in which they came, whichever of their tasks Trio runs
   first; then they go on beside the turns. Each has a copy of its actor's context.
2. Each has its own cancel scope. What cuts a call is its deadline or the end of its actor's grace,
   and its caller only if the action says so.
3. Concurrent actions count against the bounds of the mailbox, for as long as they run.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

from trivet.declare.interfaces import SHORT_KINDS
from trivet.runtime.answering import answer, failed_while_cut
from trivet.runtime.call import Call
from trivet.runtime.turn import running_turn

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["OwnTasks", "running_beside"]


class OwnTasks:
    """The calls of one actor that its worker does not run."""

    __slots__ = ("_calls", "_instance", "_over", "_starting", "_stopped")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._calls: dict[Call, None] = {}
        self._starting: deque[Call] = deque()
        self._stopped = False
        self._over: trio.Event | None = None

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that run, or are about to, oldest first."""
        return tuple(self._calls)

    def start_beside(self, call: Call) -> None:
        """Start a concurrent action.

        Raises:
            ActionError: ``actor.overloaded`` if too many wait, or run, already.
        """
        self._instance.mailbox.begin_beside(changes=not call.method.readonly)
        call.begun = call.active = True
        self.start(call)

    def start(self, call: Call) -> None:
        """Run a call that has been granted."""
        call.scope = trio.CancelScope()
        if self._stopped:
            call.scope.cancel()
        self._calls[call] = None
        self._starting.append(call)
        self._instance.nursery.start_soon(self._live, context=self._instance.context.copy())

    def cut(self) -> bool:
        """Cancel every call, those to come included; tell whether there was one."""
        self._stopped = True
        for call in self._calls:
            if call.scope is not None:
                call.scope.cancel()
        return bool(self._calls)

    async def wait_over(self) -> None:
        """Wait until none is left."""
        while self._calls:
            self._over = trio.Event()
            await self._over.wait()

    async def _live(self) -> None:
        call = self._starting.popleft()
        running_turn.set(None if call.method.concurrent else call)
        assert call.scope is not None
        try:
            with call.scope:
                await answer(call)
        except Exception as error:
            failed_while_cut(self._instance, error)
        finally:
            if call.method.concurrent:
                self._end_beside(call)
            else:
                self._instance.call_ended(call)
            del self._calls[call]
            if self._over is not None and not self._calls:
                self._over.set()

    def _end_beside(self, call: Call) -> None:
        instance, conn = self._instance, call.conn
        call.active = False
        if conn is not None and conn.kind not in SHORT_KINDS:
            instance.reception.call_dropped(conn)
        elif conn is not None and conn.is_standing:
            conn.close("client", 1000, "")
        instance.mailbox.end_beside(changes=not call.method.readonly)


def running_beside(instance: Instance) -> list[Call]:
    """Return the concurrent actions of an actor, oldest first; no part is made for that."""
    own_tasks = instance._own_tasks  # pyright: ignore[reportPrivateUsage]
    calls = () if own_tasks is None else own_tasks.calls
    return [call for call in calls if call.method.concurrent]
