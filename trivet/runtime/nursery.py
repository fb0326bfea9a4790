"""Nurseries of the runtime: one per actor, opened on first need, and one around a service."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

__all__ = ["ActorNursery", "open_service_nursery"]

_Child = tuple[contextvars.Context, Callable[..., Awaitable[object]], tuple[Any, ...]]


class ActorNursery:
    """The nursery that owns everything an actor runs; no task until the first child.

    It is the actor's last firewall: a child that fails cancels no other, and is told instead.

    Args:
        parent: The runtime's nursery.
        name: For the task's name.
        failed: Hears of what a child has raised; returns what of that is cancellation.
    """

    __slots__ = ("_closing", "_early", "_failed", "_name", "_nursery", "_parent", "ended")

    def __init__(
        self,
        parent: trio.Nursery,
        name: str,
        failed: Callable[[BaseException], BaseException | None],
    ) -> None:
        self._parent = parent
        self._name = name
        self._failed = failed
        self._nursery: trio.Nursery | None = None
        self._early: list[_Child] | None = None
        self._closing = False
        self.ended: trio.Event | None = None

    def start_soon(
        self,
        fn: Callable[..., Awaitable[object]],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> None:
        """Start a child.

        Args:
            fn: The child.
            *args: Its arguments.
            context: Where it starts, a copy of the current context by default.
        """
        where = contextvars.copy_context() if context is None else context
        if self._nursery is not None:
            where.run(self._start, self._nursery, fn, args)
            return
        if self._early is None:
            self._early = []
            self.ended = trio.Event()
            self._parent.start_soon(self._live, name=self._name)
        self._early.append((where, fn, args))

    async def _live(self) -> None:
        assert self._early is not None
        assert self.ended is not None
        try:
            async with trio.open_nursery() as self._nursery:
                for where, fn, args in self._early:
                    where.run(self._start, self._nursery, fn, args)
                self._early = None
                if self._closing:
                    self._nursery.cancel_scope.cancel()
                await trio.sleep_forever()
        finally:
            self.ended.set()

    def _start(
        self, nursery: trio.Nursery, fn: Callable[..., Awaitable[object]], args: tuple[Any, ...]
    ) -> None:
        nursery.start_soon(self._guard, fn, args, name=fn)

    async def _guard(self, fn: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> None:
        try:
            await fn(*args)
        except (trio.Cancelled, GeneratorExit):
            raise
        except BaseException as error:
            cancelled = self._failed(error)
            if cancelled is not None:
                raise cancelled from None

    @property
    def is_closing(self) -> bool:
        """Whether its children are cancelled."""
        return self._closing

    @property
    def is_closed(self) -> bool:
        """Whether no child can start any more."""
        return self.ended is not None and self.ended.is_set()

    def cancel(self) -> None:
        """Cancel the children, those to come included."""
        self._closing = True
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    async def aclose(self) -> None:
        """Cancel the children and wait until none is left."""
        self.cancel()
        if self.ended is not None:
            await self.ended.wait()


@asynccontextmanager
async def open_service_nursery() -> AsyncGenerator[trio.Nursery]:
    """Open a nursery that raises what its body raised as it was, not wrapped in a group."""
    raised: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            except BaseException as error:
                raised = error
                raise
    except BaseExceptionGroup as group:
        if raised is not None and group.exceptions == (raised,):
            raise raised from raised.__cause__
        raise
