"""A process that is killed while it saves loses nothing that it has acknowledged."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from random import Random
from subprocess import PIPE

import pytest
import trio

from trivet.storage.sqlite.storage import SqliteStorage

ROOT = Path(__file__).parents[3]
ROUNDS = 20
ACTORS = 8

# Prints each save that was acknowledged. State, connection and row of an actor always agree. Beside
# that one mayfly after the other is made and destroyed.
WRITER = """
import sys, trio
from functools import partial
from tests.storage.sqlite.stores import actor
from trivet.ports.records import Segment, StoredConnection, Write
from trivet.storage.sqlite.storage import SqliteStorage

async def main(path, actors, first):
    storage = SqliteStorage(path)
    async with storage.open():
        last = {}
        for number in range(actors):
            found = await storage.load(f"{number}")
            if found is None:
                await storage.create(actor(f"{number}", b"0"), "power")
            last[number] = int(found.state) if found else 0

        def save(number, turn):
            data = b"%d" % turn
            segment = Segment(
                actor_id=f"{number}",
                generation=1,
                durability="power" if number % 2 else "process",
                state=data + b" " * (turn % 5_000),
                connections=(StoredConnection(id="c", state=data),),
                writes=(Write("kv", b"row", data),),
                alarm=float(turn),
            )
            storage.commit(segment, partial(saved, number, turn))

        def saved(number, turn, error):
            assert error is None, error
            sys.stdout.write(f"{number} {turn}\\n")
            sys.stdout.flush()
            save(number, turn + 1)

        for number, turn in last.items():
            save(number, turn + 1)
        number = 0
        while await storage.load(f"mayfly {number}") or number < first:
            number += 1
        while True:
            who = f"mayfly {number}"
            await storage.create(actor(who, b"1"), "power", [Write("kv", b"1", b"1")])
            print("made", number, flush=True)
            gone = trio.Event()
            destroy = Segment(actor_id=who, generation=1, destroyed=True)
            storage.commit(destroy, lambda error: gone.set())
            await gone.wait()
            print("gone", number, flush=True)
            number += 1

trio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
"""


@pytest.mark.slow
async def test_whatever_was_acknowledged_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    random = Random(0)
    acknowledged = dict.fromkeys(range(ACTORS), 0)
    made, gone = {-1}, {-1}
    for _ in range(ROUNDS):
        writer = await trio.lowlevel.open_process(
            [sys.executable, "-c", WRITER, str(path), str(ACTORS), str(max(made) + 1)],
            stdout=PIPE,
            env={"PYTHONPATH": str(ROOT)},
        )
        assert writer.stdout is not None
        output = b""
        patience = random.randrange(200, 6_000)
        async for chunk in writer.stdout:
            output += chunk
            if len(output) > patience:
                writer.kill()
        await writer.wait()
        await writer.stdout.aclose()
        for line in output.splitlines()[: None if output.endswith(b"\n") else -1]:
            who, saved = line.split()
            if who in {b"made", b"gone"}:
                (made if who == b"made" else gone).add(int(saved))
            else:
                acknowledged[int(who)] = int(saved)
        storage = SqliteStorage(path)
        async with storage.open():
            for number in range(ACTORS):
                found = await storage.load(f"{number}")
                assert found is not None
                turn = int(found.state or b"")
                assert turn in {acknowledged[number], acknowledged[number] + 1}
                assert [int(one.state or b"") for one in found.connections] == [turn][: turn > 0]
                acknowledged[number] = turn
                rows = await storage.get(f"{number}", "kv", [b"row"])
                assert rows == ({b"row": (found.state or b"").strip()} if turn else {})
                assert found.alarm == (turn or math.inf)
            for number in range(max(made) + 2):
                mayfly = await storage.load(f"mayfly {number}")
                rows = await storage.get(f"mayfly {number}", "kv", [b"1"])
                assert rows == ({b"1": b"1"} if mayfly else {})
                assert not (mayfly and number in gone)
                if mayfly:
                    made.add(number)
            left = {one.id for one in await storage.list("room")}
            assert len(left) <= ACTORS + ROUNDS
    assert len(gone) > ROUNDS
    assert sum(acknowledged.values()) > ROUNDS
