"""The status of a connection, and who follows it."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable
from typing import Self

from trivet.client.subscription import Feed
from trivet.declare.handle import ConnectionStatus

__all__ = ["Status"]


class Status:
    """Where a connection stands.

    Args:
        count: Counts changes that a follower has no room for.

    Attributes:
        value: The status.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self.value: ConnectionStatus = "connecting"
        # Nobody has to say that he stopped following.
        self._followers: weakref.WeakSet[StatusChanges] = weakref.WeakSet()

    def set(self, value: ConnectionStatus) -> None:
        """Change the status; after ``"closed"`` nothing follows."""
        if value == self.value:
            return
        self.value = value
        for follower in tuple(self._followers):
            if not follower.put(value):
                self._count("status_dropped")

    def changes(self) -> AsyncIterator[ConnectionStatus]:
        """Return an iterator over every change from now on."""
        follower = StatusChanges(ended=self.value == "closed")
        self._followers.add(follower)
        return follower


class StatusChanges:
    """Every change of one status since this was made; it ends after ``"closed"``."""

    def __init__(self, *, ended: bool) -> None:
        self._feed: Feed[ConnectionStatus] = Feed()
        if ended:
            self._feed.end()

    def put(self, value: ConnectionStatus) -> bool:
        """Add a change; tell whether there was room."""
        has_room = self._feed.put(value)
        if value == "closed":
            self._feed.end()
        return has_room

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ConnectionStatus:
        return await self._feed.get()
