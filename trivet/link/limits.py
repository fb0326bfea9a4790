"""What one client may do to its link: the numbers, and the bucket that keeps the rate."""

from __future__ import annotations

from typing import Final

import attrs

from trivet.link.unfinished import Unfinished

__all__ = ["HARD_LIMIT", "FrameBudget", "LinkLimits"]

HARD_LIMIT: Final = 32 * 1024 * 1024
"""The largest frame or message, in bytes, that any link reads."""


@attrs.frozen(kw_only=True)
class LinkLimits:
    """The bounds of one link; shared by all links of a server.

    Attributes:
        message_size: The largest incoming message in bytes; a longer one closes the link with
            1011 ``message.incoming_too_long``, and with 1009 if it breaks ``HARD_LIMIT`` too.
        fragments: The most fragments of one message.
        empty_fragments: The most empty fragments in a row.
        frames_per_second: The rate of incoming frames that a client may sustain, or ``math.inf``.
        burst: How many frames it may send at once after a pause.
        assembly_timeout: Seconds from the first byte of a message to its last.
        close_timeout: Seconds from the start of closing to the closed socket.
        outbox_messages: The most frames in the outbox.
        outbox_bytes: The most bytes in the outbox.
        unfinished: Where the bytes of unfinished messages count.
    """

    message_size: int = attrs.field(default=HARD_LIMIT, validator=attrs.validators.le(HARD_LIMIT))
    fragments: int = 1024
    empty_fragments: int = 16
    frames_per_second: float = 1000.0
    burst: int = 4000
    assembly_timeout: float = 30.0
    close_timeout: float = 5.0
    outbox_messages: int = 256
    outbox_bytes: int = 1024 * 1024
    unfinished: Unfinished = attrs.field(factory=Unfinished, eq=False)


class FrameBudget:
    """A token bucket, kept as the one moment at which it will be full again.

    Each frame moves that moment ``1 / rate`` into the future, and time catches up with it. The
    bucket is empty when the moment is more than ``burst / rate`` away. With an infinite rate it
    never moves.
    """

    __slots__ = ("_depth", "_full_at", "_seconds_per_frame")

    def __init__(self, rate: float, burst: int) -> None:
        self._seconds_per_frame = 1 / rate
        self._depth = (burst + 0.5) / rate  # half a frame more than rounding can lose
        self._full_at = 0.0

    def spend(self, frames: int, now: float) -> bool:
        """Take frames out of the bucket at a moment in seconds; whether it held them."""
        if self._full_at < now:
            self._full_at = now
        self._full_at += frames * self._seconds_per_frame
        return self._full_at - now <= self._depth
