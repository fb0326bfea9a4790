"""A slow reader: one connection of 1,000 never reads. What do the others pay for it?"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from benchmarks.clients import Clients, connected, unmasked
from benchmarks.measuring import Benchmark, Ratio, Variant
from benchmarks.payloads import NEWS
from benchmarks.processes import ServerProcess, running

__all__ = ["BENCHMARK"]

CONNECTIONS: Final = 1_000
FILLING: Final = 4_000
"""Messages after which the kernel's buffers for a client who reads nothing are full."""


@asynccontextmanager
async def variants() -> AsyncGenerator[Sequence[Variant]]:
    async with AsyncExitStack() as stack:

        async def variant(name: str, *, deaf: int) -> Variant:
            server = await stack.enter_async_context(running("trivet-patient"))
            slow = stack.enter_context(connected(server.port, deaf, websocket=True))
            await server.command(f"broadcast {FILLING if deaf else 0}")
            await server.cpu_time()  # by its answer it has sent them
            reading = connected(server.port, CONNECTIONS - deaf, websocket=True)
            clients = stack.enter_context(reading)

            async def run(deliveries: int) -> float:
                slow.give_sign_of_life()
                return await deliver(server, clients, CONNECTIONS - deaf, deliveries)

            return Variant(name, 30_000, run)

        yield [
            await variant("one never reads", deaf=1),
            await variant("everybody reads", deaf=0),
        ]


async def deliver(server: ServerProcess, clients: Clients, readers: int, deliveries: int) -> float:
    times = max(1, deliveries // CONNECTIONS)
    clients.give_sign_of_life()
    await server.cpu_time()  # by its second answer the server has heard them all
    before = await server.cpu_time()
    await server.command(f"broadcast {times}")
    clients.expect(unmasked(NEWS) * times)
    return (await server.cpu_time() - before) / (times * readers)


BENCHMARK: Final = Benchmark(
    "slow_reader",
    f"a payload of 256 B delivered to one of {CONNECTIONS} connections, server's CPU time",
    "one never reads: its outbox is full, and its oldest messages give way; the server checks that\n"
    "the outbox holds no more than its bound. everybody reads: the same without it.",
    (Ratio("slow_reader_vs_none", "one never reads", "everybody reads", "floor", 1.1),),
    variants,
)
