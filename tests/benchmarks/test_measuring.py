from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from benchmarks.measuring import Benchmark, Effort, Ratio, Variant, measure


class Script:
    """Variants whose rounds cost what a test says, in microseconds."""

    def __init__(self, **costs: list[float]) -> None:
        self.costs = costs
        self.ran: list[tuple[str, int]] = []
        self.is_open = False

    @asynccontextmanager
    async def variants(self) -> AsyncGenerator[Sequence[Variant]]:
        self.is_open = True
        yield [self.variant(name) for name in self.costs]
        self.is_open = False

    def variant(self, name: str) -> Variant:
        async def run(operations: int) -> float:
            assert self.is_open
            self.ran.append((name, operations))
            return self.costs[name].pop(0) / 1e6

        return Variant(name, 100, run)

    def benchmark(self, *ratios: Ratio) -> Benchmark:
        return Benchmark("script", "nothing", "no notes", ratios, self.variants)


TO_FLOOR = Ratio("ask_vs_floor", "ask", "floor", "floor", goal=0.5)
TO_PEER = Ratio("ask_vs_peer", "ask", "peer", "peer", goal=2)


async def test_rounds_are_interleaved_and_everything_is_cleaned_up() -> None:
    script = Script(ask=[1, 1, 1], floor=[1, 1, 1])
    await measure(script.benchmark(TO_FLOOR), Effort(rounds=2, share=0.5))
    assert script.ran == [("ask", 50), ("floor", 50)] * 3
    assert not script.is_open


async def test_the_first_round_does_not_count() -> None:
    script = Script(ask=[999, 2, 2], floor=[1, 4, 4])
    (result,) = await measure(script.benchmark(TO_FLOOR), Effort(rounds=2, share=1))
    assert result.values == (0.5, 0.5)
    assert (result.ours, result.other) == pytest.approx((2, 4))


async def test_a_ratio_is_of_its_round_and_its_value_the_median() -> None:
    # The machine is twice as slow in the last round, for both.
    script = Script(ask=[1, 1, 2, 6], floor=[1, 4, 4, 8])
    (result,) = await measure(script.benchmark(TO_FLOOR), Effort(rounds=3, share=1))
    assert result.values == pytest.approx((0.25, 0.5, 0.75))
    assert result.value == pytest.approx(0.5)


async def test_less_is_better_to_a_floor_and_more_is_better_to_a_peer() -> None:
    script = Script(ask=[2, 2], floor=[1, 1], peer=[8, 8])
    ratios = script.benchmark(TO_FLOOR, TO_PEER)
    to_floor, to_peer = await measure(ratios, Effort(rounds=1, share=1))
    assert (TO_FLOOR.meaning, TO_PEER.meaning) == ("ours / floor", "peer / ours")
    assert (to_floor.value, to_peer.value) == pytest.approx((2, 4))


async def test_a_small_share_is_one_operation_at_least() -> None:
    script = Script(ask=[1, 1], floor=[1, 1])
    await measure(script.benchmark(TO_FLOOR), Effort(rounds=1, share=0.0001))
    assert {operations for _, operations in script.ran} == {1}
