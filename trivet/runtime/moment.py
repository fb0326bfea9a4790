"""A moment: something that comes once, and that mostly nobody waits for."""

from __future__ import annotations

import trio

__all__ = ["Moment"]


class Moment:
    """What ``trio.Event`` is, made for those who wait only when one of them does.

    An event holds a set of its tasks from the beginning: 270 bytes, and a connection has three of
    them that are waited for at its end, if at all. This is 48.
    """

    __slots__ = ("_event", "_has_come")

    def __init__(self) -> None:
        self._has_come = False
        self._event: trio.Event | None = None

    def is_set(self) -> bool:
        """Whether it has come."""
        return self._has_come

    def set(self) -> None:
        """Let it come; whoever waits goes on."""
        self._has_come = True
        event, self._event = self._event, None
        if event is not None:
            event.set()

    async def wait(self) -> None:
        """Wait for it."""
        if self._has_come:
            await trio.lowlevel.checkpoint()
            return
        if self._event is None:
            self._event = trio.Event()
        await self._event.wait()
