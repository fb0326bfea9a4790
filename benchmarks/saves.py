"""Saves: what it costs that an answer is durable, through actors and with default options.

Everything is in one process, the thread that writes included. The store is a file in the folder
for temporary files; a disk that lies about having written makes all of it faster.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from benchmarks.measuring import Benchmark, Ratio, Variant
from trivet import Action, Actor, Handle, Registry, Runtime, SqliteStorage, action, open_runtime

__all__ = ["BENCHMARK"]

ACTORS: Final = 200
BATCH: Final = 100
NOTE: Final = "x" * 1000


@attrs.define
class Purse:
    coins: int = 0
    note: str = NOTE


class Account(Actor[Purse]):
    @action
    def pay(self, coins: int) -> int:
        self.state.coins += coins
        return self.state.coins

    @action
    async def pay_and_hold(self, coins: int) -> int:
        """Keep the turn until it is stored, as an actor without a gate would have to."""
        self.state.coins += coins
        await self.save()
        return self.state.coins


def account(runtime: Runtime, number: int) -> Handle[Account]:
    return runtime.client.get_or_create(Account, str(number))


async def pay(
    runtime: Runtime, way: Action[Account, ..., int], actors: int, callers: int, calls: int
) -> tuple[float, float]:
    """Let callers pay into accounts at the same time; CPU and wall seconds of one call."""
    callers = min(callers, calls)
    turns = calls // callers

    async def call(number: int) -> None:
        handle = account(runtime, number % actors)
        for _ in range(turns):
            await handle.call(way, 1)

    for number in range(actors):
        await account(runtime, number).resolve()
    cpu, wall = time.process_time(), time.perf_counter()
    async with trio.open_nursery() as nursery:
        for number in range(callers):
            nursery.start_soon(call, number)
    done = turns * callers
    return (time.process_time() - cpu) / done, (time.perf_counter() - wall) / done


async def cpu_of_paying(runtime: Runtime, actors: int, callers: int, calls: int) -> float:
    return (await pay(runtime, Account.pay, actors, callers, calls))[0]


async def wall_of_paying(runtime: Runtime, way: Action[Account, ..., int], calls: int) -> float:
    return (await pay(runtime, way, 1, 1000, calls))[1]


class Table:
    """SQLite without anything around it."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE states (id TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
        self._data = NOTE.encode()

    async def save(self, rows: int, saves: int) -> float:
        """Save so many rows in each transaction; CPU seconds of one."""
        started = time.process_time()
        for first in range(0, saves, rows):
            self._db.execute("BEGIN IMMEDIATE")
            batch = [(str((first + n) % ACTORS), self._data) for n in range(rows)]
            self._db.executemany("INSERT OR REPLACE INTO states VALUES (?, ?)", batch)
            self._db.execute("COMMIT")
            await trio.lowlevel.checkpoint()
        return (time.process_time() - started) / (max(1, -(-saves // rows)) * rows)

    def close(self) -> None:
        self._db.close()


@asynccontextmanager
async def variants() -> AsyncGenerator[Sequence[Variant]]:
    registry: Any = Registry(Account)
    with tempfile.TemporaryDirectory() as folder:
        table = Table(Path(folder, "table.db"))
        storage = SqliteStorage(Path(folder, "actors.db"))
        try:
            async with (
                open_runtime(registry, storage=storage) as runtime,
                open_runtime(registry) as memory,
            ):
                yield [
                    Variant("200 actors", 4000, partial(cpu_of_paying, runtime, ACTORS, ACTORS)),
                    Variant("single commits", 400, partial(table.save, 1)),
                    Variant("executemany", 4000, partial(table.save, BATCH)),
                    Variant("1 caller", 200, partial(cpu_of_paying, runtime, 1, 1)),
                    Variant("100 callers", 4000, partial(cpu_of_paying, runtime, 1, 100)),
                    Variant("1000 callers", 10_000, partial(cpu_of_paying, runtime, 1, 1000)),
                    Variant("100, memory", 4000, partial(cpu_of_paying, memory, 1, 100)),
                    Variant("1000, memory", 10_000, partial(cpu_of_paying, memory, 1, 1000)),
                    Variant("pipelined", 10_000, partial(wall_of_paying, runtime, Account.pay)),
                    Variant("held", 1000, partial(wall_of_paying, runtime, Account.pay_and_hold)),
                ]
        finally:
            table.close()


BENCHMARK: Final = Benchmark(
    "saves",
    "a call that changes 1 KiB of state and is answered when that survives a power cut",
    "200 actors: each called by one task of its own, all at once; single commits, executemany: plain\n"
    "sqlite3 with synchronous=FULL, 1 and 100 rows a transaction. 1, 100, 1000 callers: of one actor,\n"
    "compared with the same calls on the memory store. pipelined, held: 1000 callers of one actor,\n"
    "wall time; held awaits save() inside its turn.",
    (
        Ratio("saves_vs_single_commits", "200 actors", "single commits", "peer", 8),
        Ratio("saves_vs_executemany", "200 actors", "executemany", "floor"),
        Ratio("gate_pipelined_vs_held", "pipelined", "held", "peer"),
        Ratio("dirty_ask_1_vs_single_commit", "1 caller", "single commits", "floor"),
        Ratio("dirty_ask_100_vs_memory", "100 callers", "100, memory", "floor"),
        Ratio("dirty_ask_1000_vs_memory", "1000 callers", "1000, memory", "floor"),
    ),
    variants,
)
