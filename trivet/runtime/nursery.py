"""Nurseries of the runtime: one per actor, opened on first need, and one around a service."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio

from trivet.logs import Throttled
from trivet.protocol.faults import NOBODY

__all__ = ["ActorNursery", "open_service_nursery"]


throttled = Throttled(logging.getLogger(__name__))

_Child = tuple[contextvars.Context, Callable[..., Awaitable[object]], tuple[Any, ...]]


class ActorNursery:
    """The nursery that owns everything an actor runs; no task until the first child.

    Args:
        parent: The runtime's nursery.
        name: For the task's name.
        subject: Who it is about, as fields for the log.
    """

    __slots__ = ("_closing", "_early", "_name", "_nursery", "_parent", "_subject", "ended")

    def __init__(
        self, parent: trio.Nursery, name: str, subject: Mapping[str, str] = NOBODY
    ) -> None:
        self._parent = parent
        self._name = name
        self._subject = subject
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
            fn: The child; it must not raise an ``Exception`` but while it is cancelled.
            *args: Its arguments.
            context: Where it starts, a copy of the current context by default.
        """
        where = contextvars.copy_context() if context is None else context
        if self._nursery is not None:
            where.run(self._nursery.start_soon, fn, *args)
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
                    where.run(self._nursery.start_soon, fn, *args)
                self._early = None
                if self._closing:
                    self._nursery.cancel_scope.cancel()
                await trio.sleep_forever()
        except* Exception as group:  # the actor's firewall
            throttled.error(
                "cut",
                "%s: tasks failed while they were cut",
                self._name,
                extra=self._subject,
                error=group,
            )
        finally:
            self.ended.set()

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
