"""The message of a link that has not arrived completely: its deadline, and its share of memory."""

from __future__ import annotations

import math

from trivet.link.deadlines import Deadlines
from trivet.link.limits import LinkLimits
from trivet.link.reader import MessageReader
from trivet.link.unfinished import Share

__all__ = ["Assembly"]


class Assembly(Share):
    """Watches what one link's reader keeps; a context manager, like any share.

    Args:
        limits: The link's bounds.
        deadlines: Where its deadlines are kept.
    """

    __slots__ = ("_began", "_deadlines", "_timeout")

    def __init__(self, limits: LinkLimits, deadlines: Deadlines) -> None:
        super().__init__(limits.unfinished)
        self._timeout = limits.assembly_timeout
        self._deadlines = deadlines
        self._began = 0  # the frame that began what is not complete

    def watch(self, reader: MessageReader, now: float) -> None:
        """Take note of what the reader keeps after it has read something.

        Raises:
            UnfinishedFull: If the server has no room for what is to come.
        """
        if not (reader.unfinished or self._began):
            return
        if reader.unfinished != self._began:
            self._began = reader.unfinished
            self._deadlines.assemble_at(now + self._timeout if self._began else math.inf)
        self.keep(reader.kept, reader.expected)
