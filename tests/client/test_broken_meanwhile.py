"""A connection whose actor could not be read for a while, as after a deploy that failed."""

from __future__ import annotations

from functools import partial

import trio
from trio.testing import MockClock

import trivet
from trivet.testing.network import MemoryNetwork


class Before(trivet.Actor[int], name="counter"):
    @trivet.action
    def add(self) -> int:
        self.state += 1
        return self.state


class After(trivet.Actor[str], name="counter"):
    pass


async def serve(
    network: MemoryNetwork,
    actor: type[trivet.Actor[int] | trivet.Actor[str]],
    storage: trivet.MemoryStorage,
    task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED,
) -> None:
    async with trio.open_nursery() as nursery:
        serving = partial(trivet.serve, trivet.Registry(actor), host=None, storage=storage)
        server: trivet.Server = await nursery.start(serving)
        await nursery.start(network.serve, "server", server.serve_stream)
        task_status.started(nursery.cancel_scope)


async def test_it_is_back_when_the_old_code_is(autojump_clock: MockClock) -> None:
    network, storage = MemoryNetwork(), trivet.MemoryStorage()
    opening = trivet.open_client("http://server", connect=network.opener("server"))
    async with trio.open_nursery() as nursery, opening as client:
        old = await nursery.start(serve, network, Before, storage)
        async with client.get_or_create(Before, "a").connect() as conn:
            assert await conn.call(Before.add) == 1
            old.cancel()
            await trio.sleep(1)
            new = await nursery.start(serve, network, After, storage)
            await trio.sleep(100)
            assert conn.status in {"connecting", "disconnected"}
            new.cancel()
            await trio.sleep(1)
            await nursery.start(serve, network, Before, storage)
            assert await conn.call(Before.add) == 2
        nursery.cancel_scope.cancel()
