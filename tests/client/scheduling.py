"""Runs with a drawn order of tasks: Hypothesis by itself would play every example in one order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
import trio.testing


def run_shuffled(fn: Callable[..., Awaitable[Any]], *args: Any, seed: int) -> None:
    """Run a function under the mock clock, with tasks in an order that the seed decides.

    pytest-trio has made the scheduler deterministic; its order comes from this generator.
    """
    trio._core._run._r.seed(seed)  # pyright: ignore[reportPrivateUsage] - there is no public way
    trio.run(fn, *args, clock=trio.testing.MockClock(autojump_threshold=0))
