"""``handle.watch`` in this process: every step of an actor's life, kept until it is read."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from trivet.client.counts import Counts
from trivet.client.subscription import Feed
from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.declare.watching import Change
from trivet.runtime.runtime import Runtime
from trivet.runtime.watching import Watched, find_place, how_it_stands

__all__ = ["LocalWatch"]


class LocalWatch:
    """Follows one actor from its first item on; a slow reader is told that steps are lost.

    Args:
        runtime: Where the actor lives.
        definition: Its class.
        address: Which actor.
        counts: Counts the steps for which there was no room.
    """

    def __init__(
        self, runtime: Runtime, definition: Definition, address: Address, counts: Counts
    ) -> None:
        self._runtime = runtime
        self._definition = definition
        self._address = address
        self._counts = counts
        self._feed: Feed[Change] = Feed()
        self._watched: Watched | None = None
        self._begun = False

    def put(self, change: Change, /) -> None:
        """Keep a step, if it is one of this actor."""
        wanted = self._address.actor_id
        if wanted in {None, change.actor_id} and not self._feed.put(change):
            self._counts.count("status_dropped")

    def end(self) -> None:
        """End when everything is read."""
        self._feed.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        if not self._begun:
            self._begun = True
            await self._begin()
        return await self._feed.get()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        if self._watched is not None:
            self._watched.followers.discard(self)
            self._watched = None
        self._feed.end()
        self._feed.clear()

    async def _begin(self) -> None:
        """Follow the actor, and put first how it stands, unless that changes meanwhile."""
        runtime, wanted = self._runtime, self._address.actor_id
        place = await find_place(runtime, self._definition, self._address)
        if place is None:
            self._feed.put(runtime.watchers.change("destroyed", wanted, 0))
            self._feed.end()
            return
        self._watched = runtime.watchers.of(place)
        self._watched.followers.add(self)
        now = await how_it_stands(runtime, self._definition, place, wanted)
        if not self._feed.has_items:
            self._feed.put(now)
            if now.status == "destroyed":
                self._feed.end()
