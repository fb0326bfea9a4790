"""Memory: what an actor and a connection take while nothing happens.

Python's own account of what it has allocated, so what the kernel and SQLite keep is not in it.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

import trio
import trio_websocket

from benchmarks.measuring import Benchmark, Ratio, Variant
from trivet import Actor, Limits, Registry, action, open_runtime, serve

__all__ = ["BENCHMARK"]

UPGRADE: Final = (
    b"GET /gateway/Idle/connect?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=a HTTP/1.1\r\n"
    b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: rivet, rivet_encoding.bare\r\n\r\n"
)

Open = Callable[[AsyncExitStack, int], Awaitable[None]]


class Idle(Actor[int]):
    @action
    def increment(self) -> int:
        self.state += 1
        return self.state


async def traced(fill: Open, count: int) -> float:
    """Bytes that one of ``count`` things takes once all are there and nothing happens."""
    async with AsyncExitStack() as stack:
        await fill(stack, 1)  # what is made once, and kept
        gc.collect()
        tracemalloc.start()
        await fill(stack, count)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return taken / count


async def parked_tasks(stack: AsyncExitStack, count: int) -> None:
    nursery = await stack.enter_async_context(trio.open_nursery())
    stack.callback(nursery.cancel_scope.cancel)
    for _ in range(count):
        nursery.start_soon(trio.sleep_forever)
    await trio.lowlevel.checkpoint()


async def actors(stack: AsyncExitStack, count: int) -> None:
    runtime = await stack.enter_async_context(open_runtime(Registry(Idle)))
    for number in range(count):
        await runtime.client.get_or_create(Idle, str(number)).call(Idle.increment)


async def clients(stack: AsyncExitStack, port: int, count: int, request: bytes) -> None:
    for _ in range(count):
        client = stack.enter_context(trio.socket.socket())
        await client.connect(("127.0.0.1", port))
        await client.send(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += await client.recv(4096)


async def connections(stack: AsyncExitStack, count: int) -> None:
    nursery = await stack.enter_async_context(trio.open_nursery())
    stack.callback(nursery.cancel_scope.cancel)
    limits = Limits(ping_after=1000)
    server = await nursery.start(partial(serve, Registry(Idle), port=0, limits=limits))
    await clients(stack, server.port, count, UPGRADE)


async def trio_websocket_connections(stack: AsyncExitStack, count: int) -> None:
    async def idle(request: trio_websocket.WebSocketRequest) -> None:
        connection: Any = await request.accept()
        async with connection:
            try:
                await connection.get_message()
            except trio_websocket.ConnectionClosed:
                pass

    nursery = await stack.enter_async_context(trio.open_nursery())
    stack.callback(nursery.cancel_scope.cancel)
    serving = partial(trio_websocket.serve_websocket, idle, "127.0.0.1", 0, None)
    server: Any = await nursery.start(serving)
    request = UPGRADE.replace(b"Sec-WebSocket-Protocol: rivet, rivet_encoding.bare\r\n", b"")
    await clients(stack, server.port, count, request)


@asynccontextmanager
async def variants() -> AsyncGenerator[Sequence[Variant]]:
    yield [
        Variant("actor", 2000, partial(traced, actors)),
        Variant("parked task", 2000, partial(traced, parked_tasks)),
        Variant("connection", 300, partial(traced, connections)),
        Variant("trio-websocket", 300, partial(traced, trio_websocket_connections)),
    ]


BENCHMARK: Final = Benchmark(
    "memory",
    "bytes of an idle actor, and of an idle connection with its actor's half",
    "actor: int state, called once, on the memory store; parked task: a Trio task that sleeps.\n"
    "connection, trio-websocket: over real sockets to an idle server, the test's own end (a Trio\n"
    "socket) included on both sides.",
    (
        Ratio("idle_actor_vs_parked_task", "actor", "parked task", "floor"),
        Ratio("idle_connection_vs_trio_websocket", "connection", "trio-websocket", "peer", 2.5),
    ),
    variants,
    unit="bytes",
)
