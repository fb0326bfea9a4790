"""Subscriptions: what a connection receives, kept until its reader takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import trio

from trivet.client.session import Session
from trivet.declare.errors import SubscriptionOverflow

__all__ = ["Feed", "LiveSubscription", "Reader", "Subscriptions"]

T = TypeVar("T")

CAPACITY = 1024

Reader = Callable[[Any], Any]
"""Makes a payload of what arrived."""


class Feed(Generic[T]):
    """A bounded buffer with one reader, which is never made to wait by its writer.

    Args:
        capacity: How many items may wait.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._reading = False
        self._changed: trio.Event | None = None
        self._overflowed = False
        self._error: Callable[[], Exception] = StopAsyncIteration
        self.ended = False

    @property
    def has_items(self) -> bool:
        """Whether anything waits for the reader."""
        return bool(self._items)

    def put(self, item: T) -> bool:
        """Add an item; where there is no room the feed ends, and so it is told."""
        if self.ended:
            return False
        self._overflowed = len(self._items) == self._capacity
        if self._overflowed:
            self.end()
        else:
            self._items.append(item)
            self._wake()
        return not self._overflowed

    def end(self, error: Callable[[], Exception] = StopAsyncIteration) -> None:
        """Take nothing more; the reader still gets what is there, and then the error."""
        if not self.ended:
            self._error = error
        self.ended = True
        self._wake()

    def clear(self) -> int:
        """Forget what nobody will read; tell how much that was."""
        unread = len(self._items)
        self._items.clear()
        return unread

    async def get(self) -> T:
        """Wait for the next item.

        Raises:
            StopAsyncIteration: At the end.
            Forbidden: At the end, if the actor has refused a subscription.
            SubscriptionOverflow: At the end, if items were lost.
            trio.BusyResourceError: If another task waits already.
        """
        if self._reading:
            raise trio.BusyResourceError("another task is reading this")
        self._reading = True
        try:
            await trio.lowlevel.checkpoint()
            while not self._items:
                if self._overflowed:
                    raise SubscriptionOverflow
                if self.ended:
                    raise self._error()
                self._changed = trio.Event()
                await self._changed.wait()
            return self._items.popleft()
        finally:
            self._reading = False

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()


class LiveSubscription:
    """The events of some names, in the order in which they arrived.

    Args:
        readers: Makes the payloads, by the event's name.
        leave: Called when nobody listens any more.
        count: Counts events that nobody gets.
    """

    def __init__(
        self,
        readers: Mapping[str, Reader],
        leave: Callable[[LiveSubscription], None],
        count: Callable[[str, int], None],
    ) -> None:
        self._readers = readers
        self._leave = leave
        self._count = count
        self._feed: Feed[tuple[str, Any]] = Feed()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its events."""
        return tuple(self._readers)

    def put(self, name: str, arrived: Any) -> None:
        """Add an event, or end with an overflow."""
        if not self._feed.put((name, arrived)):
            self._count("event_overflowed", 1)
            self._leave(self)

    def end(self, error: Callable[[], Exception] = StopAsyncIteration) -> None:
        """End when everything that has arrived is read."""
        self._feed.end(error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        name, arrived = await self._feed.get()
        return self._readers[name](arrived)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        self._leave(self)
        self._feed.end()
        self._count("event_dropped", self._feed.clear())


class Subscriptions:
    """The subscriptions of one connection, over all its sessions.

    What arrives before the application has had a chance to subscribe waits for the first who does:
    an actor may send events while it lets a connection in.

    Args:
        count: Counts events that nobody gets.
    """

    def __init__(self, count: Callable[[str, int], None]) -> None:
        self._count = count
        self._session: Session | None = None
        self._by_name: dict[str, dict[LiveSubscription, None]] = {}
        self._early: deque[tuple[str, Any]] = deque(maxlen=CAPACITY)
        self._keeps_early = True
        self._ended = False
        self._error: Callable[[], Exception] = StopAsyncIteration

    def add(self, readers: Mapping[str, Reader]) -> LiveSubscription:
        """Subscribe to events, from now on."""
        subscription = LiveSubscription(readers, self._remove, self._count)
        if self._ended:
            subscription.end(self._error)
            return subscription
        for name in readers:
            listeners = self._by_name.setdefault(name, {})
            if not listeners and self._session is not None:
                self._session.subscribe(name, wanted=True)
            listeners[subscription] = None
        self._give_early(subscription)
        return subscription

    def opened(self, session: Session) -> None:
        """Ask for everything that somebody listens to."""
        self._session = session
        for name in self._by_name:
            session.subscribe(name, wanted=True)

    def lost(self) -> None:
        """Keep everything for the next session."""
        self._session = None

    def application_began(self) -> None:
        """Drop, from now on, what arrives for nobody."""
        self._keeps_early = False

    def event(self, name: str, arrived: Any) -> None:
        """Give an event to everybody who listens."""
        listeners = self._by_name.get(name)
        if listeners is not None:
            for subscription in tuple(listeners):
                subscription.put(name, arrived)
        elif self._keeps_early:
            self._count("event_dropped", len(self._early) == CAPACITY)
            self._early.append((name, arrived))
        else:
            self._count("event_dropped", 1)

    def end(self, error: Callable[[], Exception] = StopAsyncIteration) -> None:
        """End every subscription, now and later, with an error if one was refused."""
        self._ended, self._error = True, error
        for subscription in {s: None for listeners in self._by_name.values() for s in listeners}:
            subscription.end(error)
        self._by_name.clear()
        self._count("event_dropped", len(self._early))
        self._early.clear()

    def _give_early(self, subscription: LiveSubscription) -> None:
        early = tuple(self._early)
        self._early.clear()
        for name, arrived in early:
            if name in subscription.names:
                subscription.put(name, arrived)
            else:
                self._early.append((name, arrived))

    def _remove(self, subscription: LiveSubscription) -> None:
        for name in subscription.names:
            listeners = self._by_name.get(name, {})
            if subscription not in listeners:
                continue
            del listeners[subscription]
            if not listeners:
                del self._by_name[name]
                if self._session is not None:
                    self._session.subscribe(name, wanted=False)
