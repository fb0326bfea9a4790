"""Ask: a call of a synchronous action, through the public API and with default options.

Everything is in one process and one loop. The floor is what a Trio program would write without
actors: two tasks and two memory channels without buffers.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import pykka
import trio

from benchmarks.measuring import Benchmark, Ratio, Variant
from trivet import Actor, Registry, Runtime, action, open_runtime

__all__ = ["BENCHMARK"]


class Counter(Actor[int]):
    @action
    def increment(self, by: int) -> int:
        self.state += by
        return self.state


class PykkaCounter(pykka.ThreadingActor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: Any) -> int:
        self.count += message
        return self.count


async def ask(runtime: Runtime, calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        await runtime.client.get_or_create(Counter, "a").call(Counter.increment, 1)
    return (time.process_time() - started) / calls


async def ask_kept_handle(runtime: Runtime, calls: int) -> float:
    counter = runtime.client.get_or_create(Counter, "a")
    started = time.process_time()
    for _ in range(calls):
        await counter.call(Counter.increment, 1)
    return (time.process_time() - started) / calls


async def ping_pong(exchanges: int) -> float:
    send_ping, receive_ping = trio.open_memory_channel[int](0)
    send_pong, receive_pong = trio.open_memory_channel[int](0)

    async def answer() -> None:
        async for number in receive_ping:
            await send_pong.send(number)

    async with trio.open_nursery() as nursery, send_ping:
        nursery.start_soon(answer)
        started = time.process_time()
        for number in range(exchanges):
            await send_ping.send(number)
            await receive_pong.receive()
        ended = time.process_time()
    return (ended - started) / exchanges


async def ask_pykka(counter: pykka.ActorRef[PykkaCounter], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        counter.ask(1)
    return (time.process_time() - started) / calls


@asynccontextmanager
async def variants() -> AsyncGenerator[Sequence[Variant]]:
    counter = PykkaCounter.start()
    try:
        async with open_runtime(Registry(Counter)) as runtime:
            yield [
                Variant("ask", 100_000, partial(ask, runtime)),
                Variant("kept handle", 100_000, partial(ask_kept_handle, runtime)),
                Variant("channels", 10_000, ping_pong),
                Variant("pykka", 4_000, partial(ask_pykka, counter)),
            ]
    finally:
        counter.stop()


BENCHMARK: Final = Benchmark(
    "ask",
    "a call of a synchronous action on int state, and its result",
    'ask: client.get_or_create(Counter, "a").call(Counter.increment, 1), the whole expression each\n'
    "time; kept handle: .call(...) on a handle made once. channels: ping-pong between two tasks over\n"
    "memory channels without buffers. pykka: ask() of an actor in its own thread, both threads.",
    (
        Ratio("ask_vs_channel_pingpong", "ask", "channels", "floor", 0.1),
        Ratio("ask_vs_pykka", "ask", "pykka", "peer", 30),
        Ratio("ask_kept_handle_vs_channel_pingpong", "kept handle", "channels", "floor"),
        Ratio("ask_kept_handle_vs_pykka", "kept handle", "pykka", "peer"),
    ),
    variants,
)
