"""The gate: effects leave an actor only when what they rest on is stored.

Rules this file keeps:

1. An effect leaves in the order it was made, behind every effect before it.
2. On a durable store it waits for the save that contains every change made before it, and what the
   running turn changes until it next suspends. While no turn runs, nothing was touched since the
   last save and nothing waits, it leaves at once.
3. At most one save of an actor is in flight; the next takes the newest state. The saver runs in a
   task of its own, so it only ever sees the state while the running turn is suspended or over:
   a synchronous turn is never cut in two.
4. A failed save drops everything in the gate; those who wait are told, the instance is rebuilt.
   Until it is gone nothing of it leaves or is stored any more: all that rests on what was lost.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from trivet.declare.errors import ActionError, Error, ValidationError
from trivet.ports import Segment, StorageError
from trivet.protocol.faults import Fault, error_of

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["Gate", "not_serializable"]

logger = logging.getLogger(__name__)

Release = Callable[[], object]
Drop = Callable[[Error], object]

NOT_SAVED = Fault("actor", "state_not_saved", "The actor's state could not be saved")


def not_serializable(error: ValidationError) -> Fault:
    """Say why a state cannot be stored, and where in it."""
    text = "The actor's state does not fit its type"
    return Fault("actor", "state_not_serializable", text, error.metadata)


class Gate:
    """The effects of one actor that are not out yet."""

    __slots__ = ("_failure", "_instance", "_saving", "_storage", "_waiting", "holds")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._storage = instance.runtime.storage
        self.holds: bool = self._storage.durable
        self._waiting: deque[tuple[Release, Drop | None]] = deque()
        self._saving = False
        self._failure: Fault | None = None

    @property
    def is_open(self) -> bool:
        """Whether an effect made now leaves at once."""
        return not self.holds or not (
            self._waiting
            or self._saving
            or self._failure
            or self._instance.state.touched
            or self._instance.mailbox.holder
        )

    def emit(self, release: Release, drop: Drop | None = None) -> None:
        """Let an effect out, now or when what it rests on is stored.

        Args:
            release: Lets it out; never blocks, never raises.
            drop: Called instead if the save fails, with an error of its own.
        """
        if self.is_open:
            release()
            return
        if self._failure is not None:
            if drop is not None:
                drop(error_of(self._failure))
            return
        self._waiting.append((release, drop))
        self._start_saver()

    async def settle(self) -> None:
        """Return when everything done so far is stored.

        Raises:
            ActionError: ``actor.state_not_saved`` if that failed, ``actor.state_not_serializable``
                if the state does not fit its type.
        """
        if not self.holds:
            fault = await self._commit()
            if fault is not None:
                raise error_of(fault)
            return
        done = trio.Event()
        failure: list[Error] = []

        def dropped(error: Error) -> None:
            failure.append(error)
            done.set()

        self.emit(done.set, dropped)
        await done.wait()
        if failure:
            raise failure[0]

    async def save_last(self) -> None:
        """Store what an ending instance leaves; if that fails, the old state stays."""
        if self._failure is None:
            try:
                await self.settle()
            except ActionError as error:
                logger.error("%s: the last save failed: %s", self._instance.label, error)

    def _start_saver(self) -> None:
        if not self._saving:
            self._saving = True
            self._instance.nursery.start_soon(self._save_all)

    async def _save_all(self) -> None:
        try:
            while self._waiting:
                count = len(self._waiting)
                fault = await self._commit()
                if fault is not None:
                    self._fail(fault)
                    return
                for _ in range(count):
                    self._waiting.popleft()[0]()
        finally:
            self._saving = False

    async def _commit(self) -> Fault | None:
        state = self._instance.state
        if not self._instance.is_stored:
            return None  # the end of its creation stores all of it
        try:
            data = state.capture()
            if data is not None:
                segment = Segment(actor_id=self._instance.actor_id, state=data)
                await self._storage.commit(segment)
        except ValidationError as error:
            logger.exception("%s: its state does not fit its type", self._instance.label)
            return not_serializable(error)
        except StorageError:
            logger.exception("%s: saving failed", self._instance.label)
            state.forget_stored()
            return NOT_SAVED
        return None

    def _fail(self, fault: Fault) -> None:
        self._failure = fault
        while self._waiting:
            _, drop = self._waiting.popleft()
            if drop is not None:
                drop(error_of(fault))
        self._instance.crash("its state could not be saved")
