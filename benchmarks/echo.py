"""Echo: a text message of 64 bytes comes in, and goes out again, on 100 connections."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from benchmarks.clients import Clients, connected, masked, unmasked
from benchmarks.measuring import Benchmark, Ratio, Variant
from benchmarks.payloads import MESSAGE
from benchmarks.processes import ServerProcess, running

__all__ = ["BENCHMARK"]

CONNECTIONS: Final = 100


@asynccontextmanager
async def variants() -> AsyncGenerator[Sequence[Variant]]:
    async with AsyncExitStack() as stack:

        async def variant(name: str, operations: int, message: bytes, reply: bytes) -> Variant:
            server = await stack.enter_async_context(running(name))
            clients = connected(server.port, CONNECTIONS, websocket=name != "tcp")
            run = partial(exchange, server, stack.enter_context(clients), message, reply)
            return Variant(name, operations, run)

        frame, reply, plain = masked(MESSAGE), unmasked(MESSAGE), MESSAGE.encode()
        yield [
            await variant("trivet", 30_000, frame, reply),
            await variant("tcp", 30_000, plain, plain),
            await variant("trio-websocket", 10_000, frame, reply),
        ]


async def exchange(
    server: ServerProcess, clients: Clients, message: bytes, reply: bytes, exchanges: int
) -> float:
    before = await server.cpu_time()
    clients.echo(message, reply, exchanges)
    return (await server.cpu_time() - before) / exchanges


BENCHMARK: Final = Benchmark(
    "echo",
    f"a message of 64 B and its echo on one of {CONNECTIONS} connections, server's CPU time",
    "trivet: links with masks, limits, keepalive and budgets; only the frame rate is not limited.\n"
    "tcp: non-blocking sockets on trio (not SocketStream), no frames. trio-websocket: its server.",
    (
        Ratio("echo_vs_tcp", "trivet", "tcp", "floor", 1.25),
        Ratio("echo_vs_trio_websocket", "trivet", "trio-websocket", "peer", 4),
    ),
    variants,
)
