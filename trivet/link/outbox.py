"""The outbox: frames that a client's socket has not taken yet.

Rule 1: a frame of which one byte was written is written to its end, whatever happens to the rest.
Rule 2: order is never changed, and a reply is never dropped.
Rule 3: it holds a bounded number of frames and of bytes; a single frame always fits into an empty
one. Room is made by dropping the oldest ``drop_oldest`` frame, of the same event if there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trivet.declare.event import Overflow

__all__ = ["Outbox"]

CHUNK: Final = 64 * 1024
"""How many bytes of whole frames are joined for one write."""

Entry = tuple[bytes, str | None, Overflow]
"""A frame of which no byte was written, its event if it is one, and what may become of it."""


class Outbox:
    """A bounded queue of frames with a policy for each event.

    Attributes:
        size: Bytes that still have to be written.
        dropped: How many frames gave way so far.
    """

    # A list, not a deque: a deque takes 760 bytes even when empty, and most outboxes are.
    __slots__ = ("_entries", "_max_bytes", "_max_messages", "_started", "dropped", "size")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._entries: list[Entry] = []
        self._started = b""
        self.size = 0
        self.dropped = 0

    def __len__(self) -> int:
        """How many frames wait, one that was begun included."""
        return len(self._entries) + (self._started != b"")

    def offer(self, frame: bytes, event: str | None, overflow: Overflow) -> bool:
        """Queue a frame if there is room for it."""
        if overflow == "latest":
            self._drop_latest(event)
        size = self.size + len(frame)
        if self.size:
            messages = len(self._entries) + (self._started != b"")
            if size > self._max_bytes or messages >= self._max_messages:
                return False
        self._entries.append((frame, event, overflow))
        self.size = size
        return True

    def force(self, frame: bytes, event: str | None, overflow: Overflow) -> bool:
        """Queue a frame, if need be at the expense of older ones.

        Returns:
            False if nothing could give way: the client does not drain its outbox. A frame whose
            own policy is ``drop_oldest`` is the one that gives way then.
        """
        while not self.offer(frame, event, overflow):
            if not self._make_room(event):
                self.dropped += overflow == "drop_oldest"
                return overflow == "drop_oldest"
        return True

    def put(self, frame: bytes) -> None:
        """Queue the link's own words, which are few and have no bound."""
        self._entries.append((frame, None, "disconnect"))
        self.size += len(frame)

    def put_started(self, rest: bytes) -> None:
        """Queue what is left of a frame, into an empty outbox."""
        self._started = rest
        self.size = len(rest)

    def flush(self, send_now: Callable[[bytes], int]) -> bool:
        """Write as much as the socket takes now; whether that was everything."""
        entries = self._entries
        while self.size:
            # Mostly it is one reply, to one message.
            alone = len(entries) == 1 and not self._started
            data = entries[0][0] if alone else self._next_bytes()
            taken = send_now(data)
            if alone and taken == self.size:
                entries.clear()
                self.size = 0
                return True
            self._forget(taken)
            if taken < len(data):
                return False
        return True

    def take(self) -> bytes:
        """Remove the next bytes, for a writer that cannot say how far it came."""
        data = self._next_bytes()
        self._forget(len(data))
        return data

    def drop_unstarted(self) -> None:
        """Drop every frame of which no byte was written."""
        self.dropped += len(self._entries)
        self._entries.clear()
        self.size = len(self._started)

    def clear(self) -> None:
        """Drop everything: the socket is lost."""
        self.drop_unstarted()
        self._started = b""
        self.size = 0

    def _next_bytes(self) -> bytes:
        parts = [self._started] if self._started else []
        size = len(self._started)
        for frame, _, _ in self._entries:
            size += len(frame)
            if parts and size > CHUNK:
                break
            parts.append(frame)
        return b"".join(parts)

    def _forget(self, taken: int) -> None:
        self.size -= taken
        if not self.size:
            self._started = b""
            self._entries.clear()
            return
        if taken < len(self._started):
            self._started = self._started[taken:]
            return
        taken -= len(self._started)
        self._started = b""
        gone = 0
        for frame, _, _ in self._entries:
            if taken < len(frame):
                break
            taken -= len(frame)
            gone += 1
        if taken:
            self._started = self._entries[gone][0][taken:]
            gone += 1
        del self._entries[:gone]

    def _drop_latest(self, event: str | None) -> None:
        for position, (_, other, overflow) in enumerate(self._entries):
            if overflow == "latest" and other == event:
                self._drop(position)
                return

    def _make_room(self, event: str | None) -> bool:
        droppable = [
            (other != event, position)
            for position, (_, other, overflow) in enumerate(self._entries)
            if overflow == "drop_oldest"
        ]
        if not droppable:
            return False
        self._drop(min(droppable)[1])
        return True

    def _drop(self, position: int) -> None:
        frame, _, _ = self._entries.pop(position)
        self.size -= len(frame)
        self.dropped += 1
