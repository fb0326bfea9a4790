"""Named waits: clients that wait for what becomes of a message, for as long as it takes.

A request that is open for hours is one that no proxy keeps open, and that nobody sees break. So
trivet's client waits in rounds: it gives its message a name, which nobody can guess, and is told
after a while that there is nothing yet; then it asks again by the name alone, and nothing is put
in twice. What it waits for is kept for a while between two rounds, results included: an answer
may be lost on its way.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import trio

from trivet.declare.handle import Address
from trivet.runtime.completions import Completion, Completions
from trivet.runtime.cut_errors import restarting

__all__ = ["ROUND", "NamedWaits"]

ROUND: Final = 30.0
"""Seconds of one round."""

KEEP: Final = 60.0
"""Seconds that a client may take to begin the next."""

MOST_KEPT: Final = 10_000


class _Wait:
    """What one client waits for."""

    __slots__ = ("address", "completion", "rounds")

    def __init__(self, address: Address, completion: Completion) -> None:
        self.address = address
        self.completion = completion
        self.rounds = 0


class NamedWaits:
    """The waits of one server that have names.

    Args:
        completions: Where what becomes of messages is heard.
    """

    def __init__(self, completions: Completions) -> None:
        self._completions = completions
        self._waits: dict[str, _Wait] = {}
        self._kept: dict[str, float] = {}  # until when, soonest first

    def __len__(self) -> int:
        """How many there are."""
        return len(self._waits)

    def begin(self, name: str, address: Address, completion: Completion) -> None:
        """Give a name to what a client waits for."""
        self._waits[name] = _Wait(address, completion)

    def find(self, name: str | None, address: Address) -> Completion:
        """Return what a client has begun to wait for.

        Raises:
            ActionError: ``actor.restarting`` if that is not known, or not any more.
        """
        wait = None if name is None else self._waits.get(name)
        if wait is None or not _are_same(wait.address, address):
            raise restarting()
        return wait.completion

    @contextmanager
    def round(self, name: str) -> Generator[None]:
        """Keep what is waited for while the body runs, and for a while after."""
        wait = self._waits[name]
        wait.rounds += 1
        self._kept.pop(name, None)
        try:
            yield
        finally:
            wait.rounds -= 1
            if not wait.rounds:
                self._kept[name] = trio.current_time() + KEEP
            self._let_go()

    def _let_go(self) -> None:
        now = trio.current_time()
        while self._kept:
            name, until = next(iter(self._kept.items()))
            if until > now and len(self._kept) <= MOST_KEPT:
                return
            del self._kept[name]
            self._completions.forget(self._waits.pop(name).completion)


def _are_same(one: Address, other: Address) -> bool:
    return (one.actor_id, one.key, one.namespace) == (other.actor_id, other.key, other.namespace)
