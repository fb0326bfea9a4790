"""The watchdog: one thread that notices when Trio's loop stands still, and says where.

Rules this file keeps:

1. The thread asks the loop for a sign of life, ``INTERVAL`` after the last one came. If none comes
   in time the loop is stalled: that is logged once, with the stack of the loop's thread.
2. A stall of more than ``WARN_AFTER`` never goes unnoticed; one that is told was at least
   ``WARN_AFTER - INTERVAL`` long.
3. The thread touches nothing of the loop's but that it may be asked, and is gone when it is closed.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio

from trivet.logs import about

__all__ = ["Watchdog", "keeps_real_time", "watching_loop"]

logger = logging.getLogger("trivet.watchdog")

INTERVAL: Final = 0.1
WARN_AFTER: Final = 0.25
FAIL_AFTER: Final = 5.0
RECOVER_AFTER: Final = 5.0
"""Seconds without a stall until a loop that stood still for ``FAIL_AFTER`` counts as well."""

Ask = Callable[[Callable[[], object]], object]
"""Has a function called in the loop, soon; raises ``trio.RunFinishedError`` if it has ended."""


class Watchdog:
    """Watches one loop.

    Args:
        ask: How to have something called there, from any thread.
        thread: The number of its thread.
        clock: Seconds, from any point in time.

    Attributes:
        stalls: How many stalls were seen.
    """

    def __init__(
        self, ask: Ask, thread: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._thread = thread
        self._clock = clock
        self._changed = threading.Condition()
        self._answered = True
        self._asked_at = 0.0
        self._sick_until = 0.0
        self._closed = False
        self.stalls = 0

    @property
    def problem(self) -> str | None:
        """What is wrong with the loop, if it stands still for long or did so a moment ago."""
        with self._changed:
            now = self._clock()
            stalled = not self._answered and now - self._asked_at >= FAIL_AFTER
            return "the event loop stalled" if stalled or now < self._sick_until else None

    def run(self) -> None:
        """Watch until closed, or until the loop has ended; the thread's function."""
        while self.watch_once():
            with self._changed:
                self._changed.wait_for(lambda: self._closed, INTERVAL)

    def watch_once(self) -> bool:
        """Ask for a sign of life and wait for it; whether to go on."""
        with self._changed:
            self._answered = False
            self._asked_at = asked_at = self._clock()
        try:
            self._ask(self.answer)
        except trio.RunFinishedError:
            return False
        if not self._wait(WARN_AFTER - INTERVAL):
            self.stalls += 1
            logger.warning(
                "the event loop stands still, at\n%s", self._where().rstrip(), extra=about()
            )
            self._wait(None)
            seconds = self._clock() - asked_at
            if not self._closed:
                logger.warning("the event loop stood still for %.2f s", seconds, extra=about())
        return not self._closed

    def answer(self) -> None:
        """Give a sign of life; called in the loop."""
        with self._changed:
            self._answered = True
            now = self._clock()
            if now - self._asked_at >= FAIL_AFTER:
                self._sick_until = now + RECOVER_AFTER
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread, whatever it waits for."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, seconds: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._answered or self._closed, seconds)

    def _where(self) -> str:
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - documented for this
        frame = frames.get(self._thread)
        return "".join(traceback.format_stack(frame)) if frame is not None else "nowhere"


def keeps_real_time(clock: trio.abc.Clock) -> bool:
    """Whether a second of a clock takes a second: a mock clock's does not."""
    return 0.5 < clock.deadline_to_sleep_time(clock.current_time() + 1) < 1.5


@asynccontextmanager
async def watching_loop(*, start: bool = True) -> AsyncGenerator[Watchdog]:
    """Watch this loop while the body runs.

    Args:
        start: Whether to; with a clock that does not keep real time nothing is watched either.
    """
    token = trio.lowlevel.current_trio_token()

    def ask(fn: Callable[[], object]) -> None:
        token.run_sync_soon(fn, idempotent=True)

    watchdog = Watchdog(ask, threading.get_ident())
    if not (start and keeps_real_time(trio.lowlevel.current_clock())):
        yield watchdog
        return
    thread = threading.Thread(target=watchdog.run, name="trivet watchdog", daemon=True)
    thread.start()
    try:
        yield watchdog
    finally:
        watchdog.close()
        thread.join()
