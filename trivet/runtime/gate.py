"""The gate: effects leave an actor only when what they rest on is stored.

Rules this file keeps:

1. An effect leaves in the order it was made, behind every effect before it.
2. On a durable store it waits for the save that contains every change made before it. While
   nothing was touched since the last save and nothing waits, it leaves at once.
3. At most one save of an actor is in flight; the next takes the newest state. The saver runs in a
   task of its own, so it only ever sees the state while the running turn is suspended or over:
   a synchronous turn is never cut in two.
4. A failed save drops everything in the gate; those who wait are told, the instance is rebuilt.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from trivet.declare.errors import ActionError
from trivet.ports import Segment, StorageError

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["Gate"]

logger = logging.getLogger(__name__)

Release = Callable[[], object]
Drop = Callable[[ActionError], object]


def not_saved() -> ActionError:
    """Make the error of whoever waited for a save that failed."""
    return ActionError(
        "The actor's state could not be saved", group="actor", code="state_not_saved"
    )


class Gate:
    """The effects of one actor that are not out yet."""

    __slots__ = ("_instance", "_saving", "_storage", "_waiting", "holds")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._storage = instance.runtime.storage
        self.holds: bool = self._storage.durable
        self._waiting: deque[tuple[Release, Drop | None]] = deque()
        self._saving = False

    @property
    def is_open(self) -> bool:
        """Whether an effect made now leaves at once."""
        return not self.holds or not (self._waiting or self._saving or self._touched)

    @property
    def _touched(self) -> bool:
        return self._instance.state.touched

    def emit(self, release: Release, drop: Drop | None = None) -> None:
        """Let an effect out, now or when what it rests on is stored.

        Args:
            release: Lets it out; never blocks, never raises.
            drop: Called instead if the save fails.
        """
        if self.is_open:
            release()
            return
        self._waiting.append((release, drop))
        self._start_saver()

    async def settle(self) -> None:
        """Return when everything done so far is stored.

        Raises:
            ActionError: ``actor.state_not_saved`` if that failed.
        """
        if not self.holds:
            await self._commit()
            return
        done = trio.Event()
        failure: list[ActionError] = []

        def dropped(error: ActionError) -> None:
            failure.append(error)
            done.set()

        self.emit(done.set, dropped)
        await done.wait()
        if failure:
            raise failure[0]

    async def save_last(self) -> None:
        """Store what an ending instance leaves; errors are logged, the old state stays."""
        try:
            await self.settle()
        except (ActionError, StorageError):
            logger.exception("%s: the last save failed", self._instance.label)

    def _start_saver(self) -> None:
        if not self._saving:
            self._saving = True
            self._instance.nursery.start_soon(self._save_all)

    async def _save_all(self) -> None:
        try:
            while self._waiting:
                count = len(self._waiting)
                await self._commit()
                for _ in range(count):
                    self._waiting.popleft()[0]()
        except (StorageError, ActionError) as error:
            logger.exception("%s: saving failed", self._instance.label)
            self._drop_all(error if isinstance(error, ActionError) else not_saved())
        finally:
            self._saving = False

    async def _commit(self) -> None:
        data = self._instance.state.capture()
        if data is not None:
            segment = Segment(actor_id=self._instance.actor_id, state=data)
            await self._storage.commit(segment)

    def _drop_all(self, error: ActionError) -> None:
        while self._waiting:
            _, drop = self._waiting.popleft()
            if drop is not None:
                drop(error)
        self._instance.crash("its state could not be saved")
