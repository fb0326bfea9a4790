"""Tasks of an actor without a turn: ``run``, what ``self.start_soon`` starts, and ``wait_until``.

Rules this file keeps:

1. ``run`` and ``start_soon`` tasks are cancelled when the actor begins to stop; work that somebody
   waits until is not: the end of the grace waits for it, and for what it starts in turn.
2. An error in ``run``, or in work that is waited for, is logged and changes nothing else; one in a
   ``start_soon`` task crashes its actor, and no other.
3. Each task has a copy of its actor's context, and no turn.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import trio

from trivet.logs import Throttled
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import running_turn
from trivet.runtime.user_code import user_code

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["Background", "Draining", "in_run"]

throttled = Throttled(logging.getLogger(__name__))

in_run: ContextVar[Instance | None] = ContextVar("trivet.run", default=None)
"""Whose ``run`` the current task is a part of: it, or a child of it."""

Failed = Callable[[str, Exception], None]


class Tasks:
    """Tasks of one actor that run beside its turns, each with a cancel scope."""

    __slots__ = ("_instance", "_over", "_scopes", "_stopped")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._scopes: dict[trio.CancelScope, str] = {}
        self._stopped = False
        self._over: trio.Event | None = None

    def __len__(self) -> int:
        """How many tasks there are."""
        return len(self._scopes)

    @property
    def names(self) -> list[str]:
        """What the tasks run, oldest first."""
        return list(self._scopes.values())

    def stop(self) -> None:
        """Cancel every task, those to come included."""
        self._stopped = True
        for scope in tuple(self._scopes):
            scope.cancel()

    async def wait_over(self) -> None:
        """Wait until no task is left."""
        while self._scopes:
            self._over = trio.Event()
            await self._over.wait()

    def start(
        self,
        fn: Callable[..., Awaitable[object]],
        args: tuple[Any, ...],
        failed: Failed,
        *,
        name: str | None = None,
    ) -> None:
        """Start a task.

        Args:
            fn: What it runs.
            args: With which arguments.
            failed: Hears of its error.
            name: What it is called, as its function by default.
        """
        context = self._instance.context.copy()
        context.run(running_turn.set, None)
        scope = trio.CancelScope()
        self._scopes[scope] = name or str(getattr(fn, "__name__", repr(fn)))
        if self._stopped:
            scope.cancel()
        self._instance.nursery.start_soon(self._live, scope, fn, args, failed, context=context)

    async def _live(
        self,
        scope: trio.CancelScope,
        fn: Callable[..., Awaitable[object]],
        args: tuple[Any, ...],
        failed: Failed,
    ) -> None:
        try:
            with scope:
                await user_code(self._instance.runtime, fn(*args))
        except Exception as error:  # the actor's firewall
            self._instance.runtime.observer.count("task_failed")
            failed(self._scopes[scope], error)
        finally:
            del self._scopes[scope]
            self._instance.rests()
            if self._over is not None and not self._scopes:
                self._over.set()

    def log(self, name: str, error: Exception) -> None:
        """Report the error of a task that changes nothing else."""
        subject = about_instance(self._instance)
        throttled.error(
            "task", "%s: %s failed", self._instance.label, name, extra=subject, error=error
        )


class Background(Tasks):
    """``run`` and the ``start_soon`` tasks of one actor.

    Attributes:
        is_running: Whether ``run`` has begun and is not over.
    """

    __slots__ = ("_waits_in_run", "is_running")

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance)
        self.is_running = False
        self._waits_in_run = 0

    def start_soon(self, fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Start a task whose error crashes the actor."""
        self.start(fn, args, self._crash)

    def start_run(self) -> None:
        """Start the actor's ``run``."""
        self.is_running = True
        self.start(self._run, (), self.log, name="run")

    @property
    def keeps_awake(self) -> bool:
        """Whether ``run`` has something to do; waiting for a queue is nothing."""
        return self.is_running and not self._waits_in_run

    @contextmanager
    def waiting_for_queue(self) -> Generator[None]:
        """Take note that ``run`` waits for a message while the body runs."""
        self._waits_in_run += 1
        self._instance.rests()
        try:
            yield
        finally:
            self._waits_in_run -= 1

    async def _run(self) -> None:
        # Whoever this start was for gets there first: an actor whose `run` puts it to sleep at
        # once would otherwise never answer.
        await trio.lowlevel.checkpoint()
        in_run.set(self._instance)
        try:
            await self._instance.actor.run()
        finally:
            self.is_running = False

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


class Draining(Tasks):
    """The work of one actor that the end of its grace waits for."""

    __slots__ = ()

    def start_soon(self, fn: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Start some work."""
        self.start(fn, args, self.log)
