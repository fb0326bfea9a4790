"""Honest clients in conversation: each knows what it must have heard."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import trio

import trivet
from tests.attacks.plaza import Plaza

__all__ = ["PLAZAS", "Conversation", "conversation"]

PLAZAS = "abcde"


@attrs.define(eq=False)
class Talker:
    """One client: what it has heard so far are the numbers from 1 on."""

    conn: trivet.Connection[Plaza]
    heard: trivet.Subscription[int]
    statuses: list[str] = attrs.Factory(list[str])
    count: int = 0
    answered: int = 0


@attrs.define(eq=False)
class Conversation:
    """Several plazas full of clients."""

    plazas: list[list[Talker]]

    async def go_on(self, number: int) -> None:
        """Let everybody of one plaza say something, and hear what everybody says."""
        talkers = self.plazas[number % len(self.plazas)]
        async with trio.open_nursery() as nursery:
            for talker in talkers:
                nursery.start_soon(self._talk, talker, len(talkers))

    async def _talk(self, talker: Talker, others: int) -> None:
        answer = await talker.conn.call(Plaza.say)
        assert answer > talker.answered
        talker.answered = answer
        for _ in range(others):
            assert await anext(talker.heard) == talker.count + 1
            talker.count += 1

    def check(self) -> None:
        """Check that nobody has noticed anything."""
        for talkers in self.plazas:
            assert len({talker.count for talker in talkers}) == 1
            assert max(talker.answered for talker in talkers) == talkers[0].count
            for talker in talkers:
                assert talker.statuses == []
                assert talker.conn.status == "connected"


@asynccontextmanager
async def conversation(url: str, *, size: int) -> AsyncGenerator[Conversation]:
    """Bring honest clients together, on every plaza the same number."""
    async with (
        trivet.open_client(url) as client,
        trio.open_nursery() as watching,
        AsyncExitStack() as stack,
    ):
        plazas: list[list[Talker]] = []
        for key in PLAZAS:
            talkers: list[Talker] = []
            for _ in range(size // len(PLAZAS)):
                opening = client.get_or_create(Plaza, key).connect()
                conn = await stack.enter_async_context(opening)
                talkers.append(Talker(conn, conn.events(Plaza.said)))
                watching.start_soon(_watch, talkers[-1])
            for talker in talkers:
                await talker.conn.call(Plaza.echo, "behind its subscription")
            plazas.append(talkers)
        yield Conversation(plazas)
        watching.cancel_scope.cancel()


async def _watch(talker: Talker) -> None:
    async for status in talker.conn.status_changes():
        talker.statuses.append(status)
