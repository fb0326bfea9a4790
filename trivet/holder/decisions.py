"""What a holder does when something happens: the rules alone, nothing here waits or kills.

Rules this file keeps:

1. One server serves at a time, for a store belongs to one process. A server that has been started
   *prepares* - it imports the application - and then waits until it is *released*.
2. A restart prepares the new server first. Only then is the old one told to stop, and only when
   that has ended is the new one released. If the new one cannot be prepared, the old one stays.
3. A server that dies is started again: at once, and with growing pauses if they die one after the
   other. After ``MOST_DEATHS`` in a row the holder gives up, so that whoever started it hears.
4. If no server was ever ready, there is something wrong with how it was called: nothing is retried.
"""

from __future__ import annotations

import logging
import signal
from typing import Final, TypeAlias

import attrs

__all__ = ["Decisions", "Exit", "Kill", "Order", "Release", "Say", "Start", "Wait"]

HEALTHY_AFTER: Final = 60.0
"""Seconds after which a ready server's death is the first in a row."""

FIRST_PAUSE: Final = 0.25
LAST_PAUSE: Final = 30.0
"""Seconds before the third start in a row, and before later ones at most."""

MOST_DEATHS: Final = 20
"""Deaths in a row, about six minutes of them, after which it is in vain."""


@attrs.frozen
class Start:
    """Start a server, which prepares and waits."""

    server: int


@attrs.frozen
class Release:
    """Let a prepared server serve."""

    server: int


@attrs.frozen
class Kill:
    """Send a signal to a server."""

    server: int
    number: signal.Signals


@attrs.frozen
class Wait:
    """Say when so many seconds have passed."""

    seconds: float


@attrs.frozen
class Exit:
    """End, with a status; servers that are left are killed."""

    status: int


@attrs.frozen
class Say:
    """Write a line into the log."""

    level: int
    text: str


Order: TypeAlias = Start | Release | Kill | Wait | Exit | Say


@attrs.define
class Decisions:
    """Decides; every method takes what has happened and returns what to do, in order.

    Servers are numbered, from 1 on.
    """

    _latest: int = 0
    _serving: int | None = None
    _successor: int | None = None
    _is_prepared: bool = False  # the successor
    _is_told: bool = False  # the serving one, to stop
    _ready_at: float | None = None
    _was_ready: bool = False
    _deaths: int = 0
    _stopping: bool = False

    def begin(self) -> list[Order]:
        """Begin: nothing runs yet."""
        return self._start()

    def prepared(self, server: int) -> list[Order]:
        """A server has imported the application."""
        if server == self._serving:
            return [Release(server)]
        if server != self._successor or self._serving is None:
            return []
        self._is_prepared = True
        if self._is_told:
            return []
        self._is_told = True
        return [Kill(self._serving, signal.SIGTERM)]

    def ready(self, server: int, now: float) -> list[Order]:
        """A server accepts clients, at a time in seconds."""
        if server == self._serving:
            self._ready_at = now
            self._was_ready = True
        return []

    def ended(self, server: int, status: int, now: float) -> list[Order]:
        """A server has ended: with a status, or by the signal of its negative."""
        if server == self._successor:
            self._successor, self._is_prepared = None, False
            return [Say(logging.ERROR, f"the new server did not start: {_how(status)}")]
        if server != self._serving:
            return []
        ready_at, self._ready_at = self._ready_at, None
        self._serving, self._is_told = None, False
        if self._stopping:
            return [Exit(_exit_status(status))]
        if self._successor is not None:
            return self._succeed(status)
        if not self._was_ready:
            return [Exit(_exit_status(status))]
        if ready_at is not None and now - ready_at >= HEALTHY_AFTER:
            self._deaths = 0
        return self._start_again(status)

    def waited(self) -> list[Order]:
        """The seconds of a ``Wait`` have passed."""
        return [] if self._stopping or self._serving is not None else self._start()

    def asked_to_restart(self) -> list[Order]:
        """Somebody wants a new server in the place of the old one."""
        if self._stopping:
            return []
        if self._successor is not None:
            return [Say(logging.WARNING, "a restart is on its way already")]
        self._deaths = 0
        if self._serving is None:
            return self._start()
        self._latest += 1
        self._successor = self._latest
        return [Say(logging.INFO, "restarting the server"), Start(self._successor)]

    def asked_to_stop(self, number: signal.Signals) -> list[Order]:
        """Somebody wants it to end; whoever asks twice means at once."""
        if self._stopping:
            return [Exit(1)]
        self._stopping = True
        orders: list[Order] = []
        if self._successor is not None:
            orders.append(Kill(self._successor, signal.SIGKILL))  # it has nothing to lose
        if self._serving is None:
            orders.append(Exit(0))
        elif not self._is_told:
            self._is_told = True
            orders.append(Kill(self._serving, number))
        return orders

    def _start(self) -> list[Order]:
        self._latest += 1
        self._serving = self._latest
        return [Start(self._serving)]

    def _succeed(self, status: int) -> list[Order]:
        """Put the successor in the place of a server that has ended."""
        self._serving, self._successor = self._successor, None
        assert self._serving is not None
        is_prepared, self._is_prepared = self._is_prepared, False
        said = Say(logging.INFO, f"the old server has ended: {_how(status)}")
        return [said, Release(self._serving)] if is_prepared else [said]

    def _start_again(self, status: int) -> list[Order]:
        self._deaths += 1
        how = f"the server has ended by itself: {_how(status)}"
        if self._deaths > MOST_DEATHS:
            return [Say(logging.CRITICAL, f"{how}; giving up after {MOST_DEATHS} starts"), Exit(1)]
        if self._deaths == 1:
            return [Say(logging.ERROR, f"{how}; starting it again"), *self._start()]
        pause = min(LAST_PAUSE, FIRST_PAUSE * 2 ** (self._deaths - 2))
        return [Say(logging.ERROR, f"{how}; starting it again in {pause:g} s"), Wait(pause)]


def _exit_status(status: int) -> int:
    """Return the status of a process in the form of shells."""
    return status if status >= 0 else 128 - status


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
