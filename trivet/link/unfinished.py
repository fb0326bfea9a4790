"""What clients have sent of messages and bodies that are not finished: one budget per server.

Each message and each body has a limit of its own, but many connections times that is more memory
than there is. So there is a bound over all of them. It is kept in this one place:

1. Bytes count when they have arrived. That somebody says how much is to come takes no memory, and
   if it counted, whoever says much and sends nothing would leave nothing for the others.
2. What is to come is judged all the same as soon as it is known: if it does not fit into what is
   left then, nothing of it is kept.
3. Who asks for more than is left is refused, and nobody else is. Some bytes of each connection do
   not count, so ordinary messages and calls pass whatever the others do.
4. A share is a context manager; however its connection ends, it gives back what it had. The
   deadlines of messages and bodies see to it that none is kept for long.
5. A message is finished when it has arrived. A body is when its request is answered: until then it
   waits for its actor, with all its bytes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from trivet.logs import Throttled, about
from trivet.protocol.errors import UnfinishedFull

__all__ = ["Share", "Unfinished"]

throttled = Throttled(logging.getLogger(__name__))

UNBOUNDED: Final = sys.maxsize


def _ignore(_: str) -> None:
    """Count nothing."""


class Unfinished:
    """The budget of one server.

    Args:
        limit: Bytes that there may be.
        free: Bytes of each connection that do not count.
        count: Counts the refusals.

    Attributes:
        used: Bytes that count now.
    """

    def __init__(
        self,
        limit: int = UNBOUNDED,
        *,
        free: int = 0,
        count: Callable[[str], object] = _ignore,
    ) -> None:
        self.used = 0
        self._limit = limit
        self._free = free
        self._count = count

    def change(self, held: int, size: int, expected: int) -> int:
        """Change what a connection has of it.

        Args:
            held: What it has.
            size: Bytes that have arrived by now, those that do not count among them.
            expected: Bytes that there will be at least, as far as is known.

        Returns:
            What it has now.

        Raises:
            UnfinishedFull: If there is not enough left; nothing has changed then.
        """
        wanted = max(0, size - self._free)
        most = max(size, expected) - self._free
        if most > held and self.used - held + most > self._limit:
            self._count("unfinished_full")
            throttled.warning(
                "full",
                "a client is told to come back: more than %d bytes of unfinished messages",
                self._limit,
                extra=about(),
            )
            raise UnfinishedFull
        self.used += wanted - held
        return wanted


class Share:
    """What one connection has of a budget, until the end of a ``with`` block.

    Args:
        budget: The budget.
    """

    __slots__ = ("_budget", "_held")

    def __init__(self, budget: Unfinished) -> None:
        self._budget = budget
        self._held = 0

    def keep(self, size: int, expected: int = 0) -> None:
        """Take note of how much has arrived, and is not finished.

        Args:
            size: Bytes; 0 gives everything back.
            expected: Bytes that there will be at least, as far as is known.

        Raises:
            UnfinishedFull: If the budget has not enough left.
        """
        self._held = self._budget.change(self._held, size, expected)

    def __enter__(self) -> Self:
        """Return the share itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Give everything back."""
        self.keep(0)
