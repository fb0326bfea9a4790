from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from trivet.link.limits import HARD_LIMIT, FrameBudget, LinkLimits


def test_a_burst_is_allowed_and_one_frame_more_is_not() -> None:
    budget = FrameBudget(1000, 4000)
    assert budget.spend(4000, 50.0)
    assert not budget.spend(1, 50.0)


def test_the_rate_can_be_sustained_and_not_exceeded() -> None:
    budget = FrameBudget(1000, 4000)
    assert all(budget.spend(100, second / 10) for second in range(1000))
    assert budget.spend(4000 - 100, 99.9)
    assert not budget.spend(101, 100.0)


def test_a_pause_fills_the_bucket_and_no_more() -> None:
    budget = FrameBudget(1000, 4000)
    assert budget.spend(4000, 0.0)
    assert budget.spend(4000, 3600.0)
    assert not budget.spend(1, 3600.0)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 10)), max_size=20))
def test_an_infinite_rate_lifts_it(spendings: list[tuple[int, float]]) -> None:
    budget, now = FrameBudget(math.inf, 4000), 0.0
    for frames, pause in spendings:
        now += pause
        assert budget.spend(frames, now)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 64)), max_size=50))
def test_it_is_a_token_bucket(spendings: list[tuple[int, int]]) -> None:
    budget, tokens, now = FrameBudget(64, 100), 100.0, 0.0
    for frames, pause in spendings:
        now += pause / 64  # exact in binary, and so is the rate
        tokens = min(100.0, tokens + pause) - frames
        assert budget.spend(frames, now) == (tokens >= 0)


def test_no_message_may_break_the_hard_limit() -> None:
    with pytest.raises(ValueError, match="message_size"):
        LinkLimits(message_size=HARD_LIMIT + 1)
