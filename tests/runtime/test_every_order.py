"""Every order of what may happen to an actor, up to four things in a row, and nothing breaks."""

from __future__ import annotations

import itertools
import logging
import re
from random import Random

import pytest
import trio
from hypothesis.internal.entropy import deterministic_PRNG
from trio.testing import MockClock

from tests.runtime.every_order import (
    STEPS,
    TALES,
    Explorer,
    Hooked,
    PlannedError,
    Script,
    check_connections,
)
from tests.runtime.runtimes import opened
from tests.runtime.stores import HeldStorage
from trivet.storage.memory import MemoryStorage

QUIET = 1000.0
"""Seconds after which nothing happens any more by itself."""

SAMPLE = 300
"""So many scripts of four steps are played each time; the campaign plays them all."""

PLANNED = re.compile(r"crashed: its task break_down failed|a task failed")
CUT = re.compile(r"Hooked/(\d+): this was cut at the end of the grace: (request|ring)")
"""A crash has no grace, and cuts what runs."""


async def explore(scripts: list[Script], storage: MemoryStorage, *, settled: bool) -> list[str]:
    """Play scripts one after the other, and return what was wrong."""
    TALES.clear()
    async with opened(Hooked, storage=storage) as runtime:
        services = len(runtime.nursery.child_tasks)
        async with trio.open_nursery() as nursery:
            explorer = Explorer(runtime, nursery)
            for number, script in enumerate(scripts):
                await explorer.play(str(number), script, settled=settled)
        await trio.sleep(QUIET)
        for key in TALES:
            await explorer.end(key)
        await trio.sleep(QUIET)
        assert not runtime.directory.instances
        assert not runtime.directory.parked_links
        assert not runtime.supervisor.supervised
        assert len(runtime.nursery.child_tasks) == services
        assert not await storage.alarms(1)
        check_connections(runtime)
    return [problem for tale in TALES.values() for problem in tale.problems]


def orders(length: int) -> list[Script]:
    return list(itertools.product(STEPS, repeat=length))


def is_planned(record: logging.LogRecord) -> bool:
    message, error = record.getMessage(), record.exc_info[1] if record.exc_info else None
    cut = CUT.fullmatch(message)
    if cut is not None:
        return "crash" in TALES[cut[1]].script
    return isinstance(error, PlannedError) or (error is None and bool(PLANNED.search(message)))


spacings = pytest.mark.parametrize("settled", [False, True], ids=["at once", "settled"])
stores = pytest.mark.parametrize("durable", [False, True], ids=["memory", "durable"])


@spacings
@stores
def test_up_to_three(durable: bool, settled: bool, caplog: pytest.LogCaptureFixture) -> None:
    scripts = [script for length in (1, 2, 3) for script in orders(length)]
    check(scripts, caplog, durable=durable, settled=settled)


@spacings
@stores
def test_some_of_four(durable: bool, settled: bool, caplog: pytest.LogCaptureFixture) -> None:
    scripts = Random(4).sample(orders(4), SAMPLE)
    check(scripts, caplog, durable=durable, settled=settled)


@pytest.mark.campaign
@spacings
@stores
def test_all_of_four(durable: bool, settled: bool, caplog: pytest.LogCaptureFixture) -> None:
    check(orders(4), caplog, durable=durable, settled=settled)


def check(
    scripts: list[Script], caplog: pytest.LogCaptureFixture, *, durable: bool, settled: bool
) -> None:
    caplog.set_level(logging.WARNING, logger="trivet")
    storage = HeldStorage() if durable else MemoryStorage()
    if isinstance(storage, HeldStorage):
        storage.holding = False

    async def main() -> list[str]:
        return await explore(scripts, storage, settled=settled)

    with deterministic_PRNG(0):
        problems = trio.run(main, clock=MockClock(autojump_threshold=0))
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems[:20])
    assert [one.getMessage() for one in caplog.records if not is_planned(one)] == []
