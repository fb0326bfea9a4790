"""Broadcast: one payload of 256 bytes goes to 1,000 connections."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from benchmarks.clients import Clients, connected, unmasked
from benchmarks.measuring import Benchmark, Ratio, Variant
from benchmarks.payloads import NEWS
from benchmarks.processes import ServerProcess, running

__all__ = ["BENCHMARK"]

CONNECTIONS: Final = 1_000


@asynccontextmanager
async def variants() -> AsyncGenerator[Sequence[Variant]]:
    async with AsyncExitStack() as stack:

        async def variant(name: str, deliveries: int, data: bytes) -> Variant:
            server = await stack.enter_async_context(running(name))
            clients = connected(server.port, CONNECTIONS, websocket=name != "tcp")
            run = partial(deliver, server, stack.enter_context(clients), data)
            return Variant(name, deliveries, run)

        yield [
            await variant("trivet", 30_000, unmasked(NEWS)),
            await variant("tcp", 30_000, NEWS.encode()),
            await variant("trio-websocket", 10_000, unmasked(NEWS)),
        ]


async def deliver(server: ServerProcess, clients: Clients, data: bytes, deliveries: int) -> float:
    times = max(1, deliveries // CONNECTIONS)
    clients.give_sign_of_life()
    await server.cpu_time()  # by its second answer the server has heard them all
    before = await server.cpu_time()
    await server.command(f"broadcast {times}")
    clients.expect(data * times)
    return (await server.cpu_time() - before) / (times * CONNECTIONS)


BENCHMARK: Final = Benchmark(
    "broadcast",
    f"a payload of 256 B delivered to one of {CONNECTIONS} connections, server's CPU time",
    "trivet: one frame pushed into every link. tcp: a loop of send(). trio-websocket: a loop of\n"
    "send_message().",
    (
        Ratio("broadcast_vs_trio_websocket", "trivet", "trio-websocket", "peer", 3.5),
        Ratio("broadcast_vs_send_loop", "trivet", "tcp", "floor", 1.5),
    ),
    variants,
)
