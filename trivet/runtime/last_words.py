"""Last words: the answers of turns that destroy their actor, until it is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trivet.declare.errors import Error
from trivet.protocol.faults import error_of
from trivet.runtime.effects import Drop, Release
from trivet.runtime.passage import Passage
from trivet.runtime.store_faults import NOT_SAVED

if TYPE_CHECKING:
    from trivet.runtime.gate import Gate

__all__ = ["LastWords", "not_removed"]


def not_removed() -> Error:
    """Make the error of an actor that could not be removed from its store."""
    return error_of(NOT_SAVED)


class LastWords:
    """What waits for the end of one actor.

    Args:
        gate: The actor's gate.
    """

    __slots__ = ("_gate", "_words")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._words: list[tuple[Release, Drop | None]] = []

    def keep(self, speak: Callable[[], object]) -> None:
        """Have what is said while ``speak`` runs wait for the end."""
        self._gate.last_words = self
        try:
            speak()
        finally:
            self._gate.last_words = None

    def add(self, release: Release, drop: Drop | None) -> None:
        """Have an effect wait."""
        self._words.append((release, drop))

    async def heard(self) -> None:
        """Wait until the actor is gone.

        Raises:
            Error: If it could not be removed.
        """
        passage = Passage()
        self.add(passage.release, passage.drop)
        await passage.wait()

    def over(self, *, is_removed: bool) -> None:
        """Let out what waits; if the actor stays, those who wait are told that instead."""
        words, self._words = self._words, []
        for release, drop in words:
            if is_removed:
                release()
            elif drop is not None:
                drop(not_removed())
