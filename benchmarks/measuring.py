"""How a benchmark is measured, and what its ratios mean.

Absolute times on a shared machine move by a factor of two from run to run; what two variants cost
in the same minute, relative to each other, does not. So:

1. A round measures every variant once, one after the other; a run is many rounds.
2. A ratio is computed within each round; its value is the median over the rounds.
3. Time is CPU time, user and system, of the process that does the work.
4. To a *floor*, what the platform itself costs, a ratio is ours / floor: less is better, and 1 would
   be free. To a *peer*, another way to the same end, it is peer / ours: more is better, and 1 is
   the same. In this file is the only place that knows.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from statistics import median
from typing import Final, Literal

import attrs

__all__ = ["FULL", "QUICK", "Benchmark", "Effort", "Ratio", "Result", "Variant", "measure"]


@attrs.frozen
class Variant:
    """One way of doing what a benchmark is about.

    Attributes:
        operations: How many a full round does.
        run: Does about that many and returns what one costs: CPU seconds, or bytes.
    """

    name: str
    operations: int
    run: Callable[[int], Awaitable[float]]


@attrs.frozen
class Ratio:
    """A comparison of two variants.

    Attributes:
        name: Its name in the table and in the JSON file.
        ours: The variant that is trivet.
        other: The variant it is compared with.
        to: What that is.
        goal: At most this to a floor, at least this to a peer.
    """

    name: str
    ours: str
    other: str
    to: Literal["floor", "peer"]
    goal: float | None = None

    @property
    def meaning(self) -> str:
        return "ours / floor" if self.to == "floor" else "peer / ours"

    def of(self, ours: float, other: float) -> float:
        return ours / other if self.to == "floor" else other / ours


@attrs.frozen
class Benchmark:
    """What is measured together, in one run of interleaved rounds.

    Attributes:
        title: What one operation is.
        notes: What a reader of the figures must know.
        variants: Prepares them, and cleans up after them.
        unit: What the table shows of a cost: microseconds of seconds, or bytes.
    """

    name: str
    title: str
    notes: str
    ratios: tuple[Ratio, ...]
    variants: Callable[[], AbstractAsyncContextManager[Sequence[Variant]]]
    unit: Literal["µs", "bytes"] = "µs"


@attrs.frozen
class Effort:
    """How long to measure.

    Attributes:
        rounds: How many rounds.
        share: The part of a full round's operations that is done.
    """

    rounds: int
    share: float


FULL: Final = Effort(rounds=15, share=1.0)
QUICK: Final = Effort(rounds=2, share=0.05)


@attrs.frozen
class Result:
    """A measured ratio.

    Attributes:
        values: The ratio in each round.
        ours: What an operation costs in the benchmark's unit, the median over the rounds.
        other: The same of what it is compared with.
    """

    ratio: Ratio
    values: tuple[float, ...]
    ours: float
    other: float

    @property
    def value(self) -> float:
        return median(self.values)


async def measure(benchmark: Benchmark, effort: Effort) -> list[Result]:
    """Measure a benchmark; the first round only warms up and does not count."""
    async with benchmark.variants() as variants:
        scale = 1e6 if benchmark.unit == "µs" else 1.0
        rounds = [await _round(variants, effort.share, scale) for _ in range(effort.rounds + 1)]
    return [_result(ratio, rounds[1:]) for ratio in benchmark.ratios]


async def _round(variants: Sequence[Variant], share: float, scale: float) -> dict[str, float]:
    costs: dict[str, float] = {}
    for variant in variants:
        gc.collect()  # nobody pays for what another has left behind
        operations = max(1, round(variant.operations * share))
        costs[variant.name] = await variant.run(operations) * scale
    return costs


def _result(ratio: Ratio, rounds: Sequence[Mapping[str, float]]) -> Result:
    return Result(
        ratio,
        tuple(ratio.of(costs[ratio.ours], costs[ratio.other]) for costs in rounds),
        median(costs[ratio.ours] for costs in rounds),
        median(costs[ratio.other] for costs in rounds),
    )
