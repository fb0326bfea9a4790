"""An error that comes from inside an actor never sends a call again: the action has run."""

from __future__ import annotations

from functools import partial

import pytest
import trio

import trivet


class Inner(trivet.Actor[int]):
    @trivet.action
    def touch(self) -> int:
        return 1


class Outer(trivet.Actor[int]):
    @trivet.action
    async def pay(self) -> int:
        self.state += 1
        return await self.client.get(Inner, "nobody").call(Inner.touch)

    @trivet.action
    def paid(self) -> int:
        return self.state


async def test_an_actor_that_misses_another_is_asked_once() -> None:
    async with trio.open_nursery() as nursery:
        registry = trivet.Registry(Inner, Outer)
        server = await nursery.start(partial(trivet.serve, registry, port=0))
        async with trivet.open_client(server.url) as client:
            outer = client.get_or_create(Outer, "a")
            with pytest.raises(trivet.ActionError, match="Actor not found"):
                await outer.call(Outer.pay)
            assert await outer.call(Outer.paid) == 1
        nursery.cancel_scope.cancel()
