"""Keepalive: one task that watches all links of a server.

A link that has been silent for ``interval`` seconds is pinged once; if ``timeout`` seconds later not
a single byte has come, its client is gone and the link expires. Any byte is a sign of life, and so
is a client that still takes bytes: a link notes both itself, so watching costs it nothing.

The task sleeps until the next link is due, though never less than ``RESOLUTION``: with one link it
is exact, and with ten thousand it looks at them twice a second and not at every single due time.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

import trio

from trivet.link.ending import Ending

__all__ = ["Keepalive", "Watched"]

RESOLUTION: Final = 0.5

# A ping is a system call: after so many, other tasks get their turn.
PINGS_AT_ONCE: Final = 64


class Watched(Protocol):
    """What keepalive sees of a link."""

    @property
    def heard_at(self) -> float:
        """When the client last gave a sign of life, in seconds of trio's clock."""
        ...

    @property
    def ending(self) -> Ending | None:
        """How the link ends; one that is ending has a deadline of its own."""
        ...

    def ping(self) -> None:
        """Ask the client for a sign of life."""
        ...

    def expire(self) -> None:
        """Close the socket: there was none."""
        ...


class Keepalive:
    """Finds the links whose clients are gone without a word.

    Args:
        interval: Seconds of silence before a ping.
        timeout: Seconds for any answer.
    """

    def __init__(self, *, interval: float = 20.0, timeout: float = 20.0) -> None:
        self._interval = interval
        self._timeout = timeout
        self._pinged_at: dict[Watched, float | None] = {}

    def add(self, link: Watched) -> None:
        """Watch a link."""
        self._pinged_at[link] = None

    def discard(self, link: Watched) -> None:
        """Stop watching a link, if it was watched."""
        self._pinged_at.pop(link, None)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            started_at = trio.current_time()
            due = await self._sweep()
            await trio.sleep_until(max(due, started_at + RESOLUTION))

    async def _sweep(self) -> float:
        """Look at every link; when the next one is due."""
        # A link that is added later is silent for `interval` at the earliest after that.
        now = trio.current_time()
        next_due = now + self._interval
        pings = 0
        for link in list(self._pinged_at):
            due = self._due(link)
            if due <= now:
                due = self._act(link, now)
                pings += 1
                if pings % PINGS_AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()
            next_due = min(next_due, due)
        return next_due

    def _due(self, link: Watched) -> float:
        if link.ending is not None or link not in self._pinged_at:
            return math.inf
        pinged_at = self._pinged_at[link]
        if pinged_at is None:
            return link.heard_at + self._interval
        if link.heard_at >= pinged_at:
            self._pinged_at[link] = None
            return link.heard_at + self._interval
        return pinged_at + self._timeout

    def _act(self, link: Watched, now: float) -> float:
        if self._pinged_at[link] is not None:
            link.expire()
            return math.inf
        self._pinged_at[link] = now
        link.ping()
        return now + self._timeout
