"""The crash record: its rules, against a model that keeps the whole history."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trivet.runtime.crash_record import BUDGET, WINDOW, CrashRecord

PAUSES = st.sampled_from([0.0, 0.1, 0.25, 1.0, 2.0, 4.0, 14.9, 15.0, 59.0, 60.0, 61.0, 700.0])
HISTORIES = st.lists(st.tuples(PAUSES, st.booleans()), max_size=40)


@given(HISTORIES)
def test_it_follows_from_the_whole_history(history: list[tuple[float, bool]]) -> None:
    record, now = CrashRecord(), 0.0
    crashes: list[float] = []
    in_a_row = rests = 0
    trusted_at = -math.inf
    for pause, by_itself in history:
        now = max(now + pause, record.until)  # nobody starts it before
        if now >= trusted_at:
            crashes, in_a_row, rests = [], 0, 0
        in_a_row += 1
        record = record.failed(now, by_itself=by_itself)
        rest = 0.0
        if by_itself:
            crashes = [when for when in crashes if now - when < WINDOW] + [now]
            if rests or len(crashes) >= BUDGET:
                rest = min(600.0, 2.0 * 2**rests)
                rests += 1
        trusted_at = now + rest + WINDOW
        assert record.unavailable_for(now) == pytest.approx(rest)
        assert record.forgotten_at == pytest.approx(trusted_at)
        assert len(record.crashes) <= BUDGET
        assert record.restart_at == pytest.approx(now + (rest or min(30.0, 2.0 ** (in_a_row - 3))))


def test_the_budget_is_five_in_a_minute() -> None:
    record = CrashRecord()
    for now in [
        0.0,
        15.0,
        30.0,
        45.0,
        60.0,
        75.0,
    ]:  # the first is a minute ago when the fifth comes
        record = record.failed(now, by_itself=True)
        assert record.unavailable_for(now) == 0
    record = record.failed(76.0, by_itself=True)
    assert record.unavailable_for(76.0) == 2


def test_it_rests_for_twice_as_long_each_time_up_to_ten_minutes() -> None:
    record, now, rests = CrashRecord(), 0.0, list[float]()
    for _ in range(BUDGET - 1):
        record = record.failed(now, by_itself=True)
    for _ in range(1000):
        record = record.failed(now, by_itself=True)
        rests.append(record.unavailable_for(now))
        now = record.until + WINDOW / 2
    assert rests[:10] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600]
    assert set(rests[9:]) == {600}


def test_the_store_is_never_held_against_it() -> None:
    record = CrashRecord()
    for _ in range(1000):
        record = record.failed(1.0, by_itself=False)
    assert record.unavailable_for(1.0) == 0
    assert record.restart_at == 31.0
