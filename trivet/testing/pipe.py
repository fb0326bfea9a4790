"""One direction of a connection in memory: a bounded buffer of bytes that may be slow or broken."""

from __future__ import annotations

import math
import operator
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

import trio

__all__ = ["Pipe"]

_END = b""


class Pipe:
    """Bytes from one writer to one reader.

    Args:
        capacity: Bytes that it holds.

    Attributes:
        delay: Seconds between a write and the arrival of its bytes.
        reader_closed: Whether the reader has closed its end.
    """

    def __init__(self, capacity: int) -> None:
        self.delay = 0.0
        self.reader_closed = False
        self._capacity = capacity
        # Each piece with the moment of its arrival.
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._last_arrival = -math.inf
        self._finished = False
        self._writer_closed = False
        self._cut = False
        self._blocked = False
        self._vanished = False
        self._busy: set[str] = set()
        self._changed = trio.lowlevel.ParkingLot()

    # The writer

    async def write(self, data: bytes) -> None:
        """Write bytes, waiting for room as often as needed."""
        with self._alone("sending"):
            await trio.lowlevel.checkpoint()
            self._check_writable()
            while data:
                room = self._capacity - self._size
                if room:
                    self._put(data[:room])
                    data = data[room:]
                else:
                    await self._changed.park()
                    self._check_writable()

    async def wait_writable(self) -> None:
        """Wait for room, or until writing would fail."""
        with self._alone("sending"):
            await trio.lowlevel.checkpoint()
            while self._size == self._capacity and not (self._writer_closed or self._is_broken):
                await self._changed.park()
            if self._writer_closed or self._finished:
                raise trio.ClosedResourceError

    async def finish(self) -> None:
        """Write the end."""
        with self._alone("sending"):
            await trio.lowlevel.checkpoint()
            if self._writer_closed:
                raise trio.ClosedResourceError
            self._end()

    def close_writer(self) -> None:
        """Close the writer's end, which writes the end."""
        self._writer_closed = True
        self._end()
        self._changed.unpark_all()

    # The reader

    async def read(self, max_bytes: int | None) -> bytes:
        """Wait for bytes; ``b""`` is the end."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._alone("receiving"):
            await trio.lowlevel.checkpoint()
            while True:
                if self.reader_closed:
                    raise trio.ClosedResourceError
                if self._cut:
                    raise trio.BrokenResourceError
                arrival = self._next_arrival
                if arrival <= trio.current_time():
                    return self._take(max_bytes)
                with trio.move_on_at(arrival):
                    await self._changed.park()

    def close_reader(self) -> None:
        """Close the reader's end: nobody can write any more."""
        self.reader_closed = True
        self._pieces.clear()
        self._changed.unpark_all()

    # What may happen on the way

    def cut(self) -> None:
        """Break it for both; what is in it is lost."""
        self._cut = True
        self._pieces.clear()
        self._changed.unpark_all()

    def vanish(self) -> None:
        """Let nothing through any more, in neither direction, and tell nobody."""
        self._blocked = self._vanished = True

    def block(self) -> None:
        """Let the reader read nothing."""
        self._blocked = True

    def unblock(self) -> None:
        """Let the reader read again."""
        self._blocked = self._vanished
        self._changed.unpark_all()

    @property
    def _is_broken(self) -> bool:
        return self._cut or (self.reader_closed and not self._vanished)

    @property
    def _next_arrival(self) -> float:
        return self._pieces[0][0] if self._pieces and not self._blocked else math.inf

    def _check_writable(self) -> None:
        if self._writer_closed or self._finished:
            raise trio.ClosedResourceError
        if self._is_broken:
            raise trio.BrokenResourceError

    def _put(self, piece: bytes) -> None:
        arrival = max(self._last_arrival, trio.current_time() + self.delay)
        self._last_arrival = arrival
        self._pieces.append((arrival, piece))
        self._size += len(piece)
        self._changed.unpark_all()

    def _end(self) -> None:
        if not self._finished:
            self._finished = True
            self._put(_END)

    def _take(self, max_bytes: int | None) -> bytes:
        arrival, piece = self._pieces[0]
        if piece == _END:
            return _END
        self._pieces.popleft()
        taken, rest = piece[:max_bytes], piece[len(piece[:max_bytes]) :]
        if rest:
            self._pieces.appendleft((arrival, rest))
        self._size -= len(taken)
        self._changed.unpark_all()
        return taken

    @contextmanager
    def _alone(self, activity: str) -> Generator[None]:
        if activity in self._busy:
            raise trio.BusyResourceError(f"another task is {activity}")
        self._busy.add(activity)
        try:
            yield
        finally:
            self._busy.discard(activity)
