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


_Place = tuple[str, str | None, tuple[str, ...], str]
"""A name, and the actor it was given for: names of others do not count."""


class _Wait:
    """What one client waits for."""

    __slots__ = ("completion", "rounds")

    def __init__(self, completion: Completion) -> None:
        self.completion = completion
        self.rounds = 0


class NamedWaits:
    """The waits of one server that have names.

    Args:
        completions: Where what becomes of messages is heard.
    """

    def __init__(self, completions: Completions) -> None:
        self._completions = completions
        self._waits: dict[_Place, _Wait] = {}
        self._kept: dict[_Place, float] = {}  # until when, soonest first

    def __len__(self) -> int:
        """How many there are."""
        return len(self._waits)

    def knows(self, name: str, address: Address) -> bool:
        """Whether a message has the name already: who sends it again only waits."""
        return _place(name, address) in self._waits

    def begin(self, name: str, address: Address, completion: Completion) -> None:
        """Give a name to what a client waits for; the first that has it keeps it."""
        wait = self._waits.setdefault(_place(name, address), _Wait(completion))
        if wait.completion is not completion:
            self._completions.forget(completion)

    @contextmanager
    def round(self, name: str, address: Address) -> Generator[Completion]:
        """Keep what is waited for while the body runs, and for a while after.

        Raises:
            ActionError: ``actor.restarting`` if that is not known, or not any more.
        """
        place = _place(name, address)
        wait = self._waits.get(place)
        if wait is None:
            raise restarting()
        wait.rounds += 1
        self._kept.pop(place, None)
        try:
            yield wait.completion
        finally:
            wait.rounds -= 1
            if not wait.rounds:
                self._kept[place] = trio.current_time() + KEEP
            self._let_go()

    def _let_go(self) -> None:
        now = trio.current_time()
        while self._kept:
            place, until = next(iter(self._kept.items()))
            if until > now and len(self._kept) <= MOST_KEPT:
                return
            del self._kept[place]
            self._completions.forget(self._waits.pop(place).completion)


def _place(name: str, address: Address) -> _Place:
    return name, address.actor_id, address.key, address.namespace
