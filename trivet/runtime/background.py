"""Tasks of an actor without a turn: ``run`` and what ``self.start_soon`` starts.

They are cancelled when the actor begins to stop; the end of its grace waits for them. An error in
``run`` is logged and changes nothing else; one in a ``start_soon`` task crashes its actor, and no
other.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from trivet.logs import Throttled
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import running_turn

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["Background"]

throttled = Throttled(logging.getLogger(__name__))


class Background:
    """The background tasks of one actor."""

    __slots__ = ("_instance", "_over", "_scopes", "_stopped")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._scopes: set[trio.CancelScope] = set()
        self._stopped = False
        self._over: trio.Event | None = None

    def __len__(self) -> int:
        """How many tasks there are."""
        return len(self._scopes)

    def start_soon(self, fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Start a task whose error crashes the actor."""
        self._start(fn, args, self._crash)

    def start_run(self) -> None:
        """Start the actor's ``run``."""
        self._start(self._instance.actor.run, (), self._log)

    def stop(self) -> None:
        """Cancel every task; none can start any more."""
        self._stopped = True
        for scope in tuple(self._scopes):
            scope.cancel()

    async def wait_over(self) -> None:
        """Wait until no task is left."""
        if self._scopes:
            self._over = trio.Event()
            await self._over.wait()

    def _start(
        self,
        fn: Callable[..., Awaitable[object]],
        args: tuple[Any, ...],
        failed: Callable[[str, Exception], None],
    ) -> None:
        context = self._instance.context.copy()
        context.run(running_turn.set, None)
        scope = trio.CancelScope()
        self._scopes.add(scope)
        if self._stopped:
            scope.cancel()
        self._instance.nursery.start_soon(self._live, scope, fn, args, failed, context=context)

    async def _live(
        self,
        scope: trio.CancelScope,
        fn: Callable[..., Awaitable[object]],
        args: tuple[Any, ...],
        failed: Callable[[str, Exception], None],
    ) -> None:
        try:
            with scope:
                await fn(*args)
        except Exception as error:  # the actor's firewall
            self._instance.runtime.observer.count("task_failed")
            failed(getattr(fn, "__name__", repr(fn)), error)
        finally:
            self._scopes.discard(scope)
            if self._over is not None and not self._scopes:
                self._over.set()

    def _crash(self, name: str, error: Exception) -> None:
        throttled.error(
            "task",
            "%s: the task %s failed",
            self._instance.label,
            name,
            extra=about_instance(self._instance),
            error=error,
        )
        self._instance.crash(f"its task {name} failed")

    def _log(self, _: str, error: Exception) -> None:
        subject = about_instance(self._instance)
        throttled.error("run", "%s: run failed", self._instance.label, extra=subject, error=error)
