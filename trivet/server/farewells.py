"""Farewells: how links are closed when the server stops, so that not all come back at once.

Clients come back the moment they are told. So the links that the runtime closes at a stop go in
batches, a jittered pause after each, within a window that is short beside what a stop may take.
Nothing else changes: until its turn a link stands, and what it may still send is refused as ever.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from typing import Final

import trio

__all__ = ["Farewells"]

AT_ONCE: Final = 50
"""Links of a batch at least: a small server stops without a pause."""

ROUNDS: Final = 40
"""Batches of a window at most."""

Close = Callable[[], None]


class Farewells:
    """The links that wait to be closed.

    Args:
        window: Seconds in which all that come together are.
        jitter: A number from 0 to 1, another each time.
    """

    def __init__(self, window: float, jitter: Callable[[], float] = random.random) -> None:
        self._window = window
        self._jitter = jitter
        self._waiting: deque[Close] = deque()
        self._more = trio.Event()
        self._running = trio.CancelScope()
        self._over = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, close: Close) -> None:
        """Have a link closed when its turn comes."""
        if self._over:
            close()
            return
        self._waiting.append(close)
        self._more.set()

    async def run(self) -> None:
        """Close links in batches until finished."""
        with self._running:
            while True:
                await self._more.wait()
                await self._close_in_batches()
                self._more = trio.Event()

    async def _close_in_batches(self) -> None:
        ends_at = trio.current_time() + self._window
        while self._waiting:
            left = ends_at - trio.current_time()
            size = max(AT_ONCE, math.ceil(len(self._waiting) / ROUNDS))
            self._close(size if left > 0 else len(self._waiting))
            if self._waiting:
                batches = math.ceil(len(self._waiting) / size)
                # Half of what is left for each, or all of it: so the last is in time.
                await trio.sleep(left / (batches + 1) * (0.5 + self._jitter() / 2))

    def finish(self) -> None:
        """Close whatever still waits, and whatever is added from now on, at once."""
        self._over = True
        self._running.cancel()
        self._close(len(self._waiting))

    def _close(self, number: int) -> None:
        for _ in range(min(number, len(self._waiting))):
            self._waiting.popleft()()
