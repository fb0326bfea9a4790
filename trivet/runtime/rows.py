"""Rows: what of an actor is stored piece by piece, beside its state, and its alarm.

Rules this file keeps:

1. What a turn or a concurrent action writes is stored with its segment. Of a turn in the middle
   nothing is stored because somebody else's segment ends.
2. What is written outside of turns is a segment of its own at once: it touches no state, and stands
   behind all that was over before it.
3. An actor reads what it has written. What its store does not have for sure lies over what that
   answers; an answer is how things are when it comes, whatever was written while it was on its way.
4. The last write of a row wins, whoever made it. What an atomic turn takes back is its own alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from trivet.ports.records import Row, Space, Write
from trivet.runtime.effects import Drop, Release
from trivet.runtime.sealed import Place
from trivet.runtime.turn import action_of, turn_of

if TYPE_CHECKING:
    from trivet.runtime.gate import Gate
    from trivet.runtime.instance import Instance

__all__ = ["Rows"]

MOST_UNSAVED: Final = 1024
"""So many rows that nobody waits for are kept in memory, before they are stored all the same."""


class _Layer:
    """What was written and is no part of a segment yet."""

    __slots__ = ("alarm", "writes")

    def __init__(self) -> None:
        self.writes: dict[Place, bytes | None] = {}
        self.alarm: float | None = None

    def __bool__(self) -> bool:
        return bool(self.writes) or self.alarm is not None

    def take(self, writes: Iterable[Write], alarm: float | None) -> None:
        for space, key, value in writes:
            self.writes[space, key] = value
        self.alarm = self.alarm if alarm is None else alarm

    def forget(self, writes: Iterable[Write], alarm: float | None) -> None:
        for space, key, _ in writes:
            self.writes.pop((space, key), None)
        self.alarm = self.alarm if alarm is None else None

    @property
    def content(self) -> tuple[tuple[Write, ...], float | None]:
        return tuple(Write(*place, value) for place, value in self.writes.items()), self.alarm


class Rows:
    """The rows of one actor.

    Args:
        instance: The actor.
        gate: Where its segments end.
    """

    __slots__ = ("_gate", "_instance", "_pending", "_tentative")

    def __init__(self, instance: Instance, gate: Gate) -> None:
        self._instance = instance
        self._gate = gate
        self._pending = _Layer()  # of turns and concurrent actions
        self._tentative = _Layer()  # of the atomic turn that runs

    # Writing

    def put(self, space: Space, key: bytes, value: bytes | None) -> None:
        """Set a row, or remove it with ``None``."""
        self.write(Write(space, key, value))

    def set_alarm(self, when: float) -> None:
        """Have the actor woken, at a time in seconds since the epoch; ``math.inf`` is never."""
        self.write(alarm=when)

    def write(self, *writes: Write, alarm: float | None = None) -> None:
        """Write rows, and set the alarm, in one segment; never blocks.

        Args:
            writes: Each row once.
            alarm: Like that of ``set_alarm``, ``None`` to leave it.
        """
        turn, atomic = turn_of(self._instance), self._gate.atomic
        if atomic is not None and turn is atomic.turn:
            self._tentative.take(writes, alarm)
            return
        self._tentative.forget(writes, alarm)
        if turn is not None or action_of(self._instance) is not None:
            self._pending.take(writes, alarm)
        else:
            self._write_outside(writes, alarm)
        if not self._gate.holds and len(self._pending.writes) > MOST_UNSAVED:
            self._instance.save_at = trio.current_time()
            self._instance.arm(self._instance.save_at)

    def put_and_tell(
        self, space: Space, key: bytes, value: bytes, release: Release, drop: Drop
    ) -> None:
        """Set a row, and tell when it is stored; on a store that nobody waits for, at once.

        In a turn or a concurrent action that is what they say; outside it rests on the row alone,
        however long somebody else's turn keeps its changes back.

        Args:
            space: What the row is of.
            key: Its key.
            value: What it is set to.
            release: Called when it is stored.
            drop: Called instead if that fails, with an error of its own.
        """
        instance, gate = self._instance, self._gate
        is_outside = turn_of(instance) is None and action_of(instance) is None
        if gate.has_failed:
            gate.emit(release, drop)
        elif is_outside and not gate.holds and instance.is_stored:
            self.put(space, key, value)
            release()
        elif is_outside and self._may_stand_alone:
            write = Write(space, key, value)
            self._tentative.forget([write], None)
            self._pending.forget([write], None)
            segment = gate.changes.segment(writes=(write,))
            gate.saver.put_and_tell(segment, release, drop)
            gate.advance()
        else:
            self.put(space, key, value)
            gate.emit(release, drop)

    @property
    def _may_stand_alone(self) -> bool:
        gate = self._gate
        return gate.holds and self._instance.is_stored and not gate.lags

    def undo(self, take_back: Callable[[], object]) -> None:
        """Have a change in memory that goes with a write taken back, if an atomic turn makes it and fails.

        Args:
            take_back: Does that. The last comes first; the rows are as they were before, then.
        """
        atomic = self._gate.atomic
        if atomic is not None and turn_of(self._instance) is atomic.turn:
            atomic.undo(take_back)

    def _write_outside(self, writes: Sequence[Write], alarm: float | None) -> None:
        if not self._may_stand_alone:
            self._pending.take(writes, alarm)
            self._instance.autosave()
        else:
            self._pending.forget(writes, alarm)
            self._gate.saver.put(self._gate.changes.segment(writes=tuple(writes), alarm=alarm))
        self._gate.advance()

    # What becomes of it

    @property
    def is_changed(self) -> bool:
        """Whether there is something to store."""
        return bool(self._pending)

    @property
    def is_tentative(self) -> bool:
        """Whether the atomic turn that runs has written anything."""
        return bool(self._tentative)

    def capture(self) -> tuple[tuple[Write, ...], float | None]:
        """Return what belongs to the segment that ends."""
        pending, self._pending = self._pending, _Layer()
        return pending.content

    def look(self) -> tuple[tuple[Write, ...], float | None]:
        """Return the same, and keep it until it is ``stored``."""
        return self._pending.content

    def stored(self, writes: Iterable[Write], alarm: float | None) -> None:
        """Forget what ``look`` has returned, unless it was written again since."""
        pending = self._pending
        for space, key, value in writes:
            if pending.writes.get((space, key), b"") is value:
                del pending.writes[space, key]
        pending.alarm = None if pending.alarm == alarm else pending.alarm

    def confirm(self) -> None:
        """Keep what the atomic turn has written, which is over."""
        tentative, self._tentative = self._tentative, _Layer()
        self._pending.take(*tentative.content)

    def take_back(self) -> None:
        """Drop what the atomic turn has written."""
        self._tentative = _Layer()

    # Reading

    async def get(self, space: Space, *keys: bytes) -> dict[bytes, bytes]:
        """Return the values of those keys that are there.

        Raises:
            ActionError: ``actor.state_corrupt`` if what is stored of them is damaged,
                ``actor.state_not_loaded`` if the store cannot be read.
        """
        found: dict[bytes, bytes | None] = {}
        with self._reading() as missed:
            if not all(any((space, key) in layer for layer in self._layers) for key in keys):
                actor_id = self._instance.actor_id
                found.update(await self._instance.runtime.records.get(actor_id, space, keys))
        for layer in (missed, *self._layers):
            found.update((key, layer[space, key]) for key in keys if (space, key) in layer)
        return {key: value for key in keys if (value := found.get(key)) is not None}

    async def scan(
        self,
        space: Space,
        start: bytes,
        end: bytes | None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[Row]:
        """Return the rows whose keys are in a range, in key order.

        Args:
            space: What they are of.
            start: The first key.
            end: The first key behind them, ``None`` for all.
            reverse: Whether the last come first.
            limit: How many of those that come first, ``None`` for all.

        Raises:
            ActionError: ``actor.state_corrupt`` if they are damaged, ``actor.state_not_loaded`` if
                the store cannot be read.
        """

        def written(*layers: dict[Place, bytes | None]) -> dict[bytes, bytes | None]:
            return {
                key: value
                for layer in layers
                for (where, key), value in layer.items()
                if where == space and start <= key and (end is None or key < end)
            }

        while True:
            # Of those that the store has, so many may be gone.
            asked = None if limit is None else limit + len(written(*self._layers))
            with self._reading() as missed:
                rows = await self._instance.runtime.records.scan(
                    self._instance.actor_id, space, start, end, reverse=reverse, limit=asked
                )
            found: dict[bytes, bytes | None] = dict(rows)
            found |= written(missed, *self._layers)
            keys = sorted(
                (key for key, value in found.items() if value is not None), reverse=reverse
            )
            is_whole = asked is None or len(rows) < asked
            if not is_whole:  # what lies behind the last that it has told is unknown
                last = rows[-1].key
                keys = [key for key in keys if (key >= last if reverse else key <= last)]
            if is_whole or limit is None or len(keys) >= limit:
                return [
                    Row(key, value) for key in keys[:limit] if (value := found[key]) is not None
                ]

    @property
    def _layers(self) -> Iterator[dict[Place, bytes | None]]:
        """What lies over the store, the undermost first."""
        yield from self._gate.saver.unsaved
        yield self._pending.writes
        yield self._tentative.writes

    @contextmanager
    def _reading(self) -> Generator[dict[Place, bytes | None]]:
        """Read the store in the body; what is stored meanwhile is in the dictionary afterwards."""
        readers, missed = self._gate.saver.readers, dict[Place, bytes | None]()
        readers.append(missed)
        try:
            yield missed
        finally:
            readers[:] = [reader for reader in readers if reader is not missed]
