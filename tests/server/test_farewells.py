"""Farewells at a stop: in batches, jittered, in time, and the same again from the same numbers."""

from __future__ import annotations

from functools import partial
from itertools import cycle, pairwise

import pytest
import trio
from hypothesis import given, settings, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.serving import Serving, gateway, serving
from tests.server.sessions import Client
from trivet.declare.options import Limits
from trivet.server.farewells import AT_ONCE, Farewells


async def closed_at(count: int, window: float, jitter: list[float]) -> list[float]:
    """When each of a number of links is closed."""
    numbers = cycle(jitter)
    farewells = Farewells(window, lambda: next(numbers))
    moments: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(farewells.run)
        await wait_all_tasks_blocked()
        started = trio.current_time()
        for _ in range(count):
            farewells.add(lambda: moments.append(trio.current_time() - started))
        await trio.sleep(window + 1)
        farewells.finish()
    return moments


async def test_a_few_are_closed_at_once(autojump_clock: MockClock) -> None:
    assert await closed_at(AT_ONCE, 2.5, [0.5]) == [0] * AT_ONCE


@pytest.mark.slow
async def test_many_go_in_batches(autojump_clock: MockClock) -> None:
    moments = await closed_at(10_000, 2.5, [0.1, 0.9, 0.4])
    assert len(moments) == 10_000
    assert moments == sorted(moments)
    assert max(moments) <= 2.5
    largest = max(moments.count(moment) for moment in set(moments))
    assert largest == 250, "no moment has more than a fortieth"
    pauses = {round(b - a, 6) for a, b in pairwise(moments) if a != b}
    assert len(pauses) > 10, "no two pauses need be the same"
    assert await closed_at(10_000, 2.5, [0.1, 0.9, 0.4]) == pytest.approx(moments)


@pytest.mark.slow
@settings(deadline=None)
@given(
    count=st.integers(0, 3000),
    window=st.floats(0.01, 10),
    jitter=st.lists(st.floats(0, 1), min_size=1),
)
def test_all_are_closed_within_the_window(count: int, window: float, jitter: list[float]) -> None:
    moments = trio.run(
        partial(closed_at, count, window, jitter), clock=MockClock(autojump_threshold=0)
    )
    assert len(moments) == count
    assert max(moments, default=0) <= window * 1.0001


async def test_the_end_waits_for_nobody(autojump_clock: MockClock) -> None:
    farewells = Farewells(100, lambda: 1.0)
    closed: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(farewells.run)
        for n in range(200):
            farewells.add(partial(closed.append, n))
        await wait_all_tasks_blocked()
        assert 0 < len(closed) < 200
        assert len(farewells) == 200 - len(closed)
        farewells.finish()
        farewells.add(partial(closed.append, 200))
    assert closed == list(range(201))
    assert trio.current_time() == 0


async def connected(site: Serving, log: list[tuple[float, int]]) -> None:
    async with site.websocket(gateway(path="/connect"), "rivet") as socket:
        code, _ = await Client(socket, "json").closed()
        log.append((trio.current_time(), code))


@pytest.mark.slow
async def test_a_server_closes_its_connections_in_batches(autojump_clock: MockClock) -> None:
    log: list[tuple[float, int]] = []
    async with trio.open_nursery() as clients:
        async with serving(limits=Limits(close_time=4, grace=60)) as site:
            for _ in range(130):
                clients.start_soon(connected, site, log)
            await wait_all_tasks_blocked()
            assert len(site.service.links) == 130
    moments = [moment for moment, _ in log]
    assert [code for _, code in log] == [1012] * 130
    assert moments.count(0) == 50
    assert len(set(moments)) == 3
    assert max(moments) <= 2
