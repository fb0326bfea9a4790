"""The deadlines of one link, in the one cancel scope around its task's waiting.

Moving a deadline costs about a microsecond and happens when a link begins to end, or when a message
does not arrive in one piece. Entering a scope costs several, so it is done once for a link that
never has to wait for its client, and not once for each message.
"""

from __future__ import annotations

import math

import trio

__all__ = ["Deadlines"]


class Deadlines:
    """When the waiting of a link ends by itself, and how others end it.

    Attributes:
        close_by: When the socket must be closed, in seconds of trio's clock.
        assemble_by: When the message that is arriving must be complete.
    """

    __slots__ = ("_scope", "assemble_by", "close_by")

    def __init__(self) -> None:
        self._scope: trio.CancelScope | None = None
        self.close_by = math.inf
        self.assemble_by = math.inf

    def waiting(self) -> trio.CancelScope:
        """Return a new scope that keeps both deadlines, for the link's task to enter."""
        self._scope = trio.CancelScope(deadline=min(self.close_by, self.assemble_by))
        return self._scope

    def close_at(self, moment: float) -> None:
        """Set when the socket must be closed; messages need not be complete any more."""
        self.close_by = moment
        self.assemble_at(math.inf)

    def assemble_at(self, moment: float) -> None:
        """Set when the message that is arriving must be complete."""
        self.assemble_by = moment
        if self._scope is not None:
            self._scope.deadline = min(self.close_by, moment)

    def wake(self) -> None:
        """End the waiting now, so that the task looks at what there is to do."""
        if self._scope is not None:
            self._scope.cancel()
