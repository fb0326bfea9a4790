from __future__ import annotations

from contextlib import nullcontext

from benchmarks.measuring import QUICK, Benchmark, Ratio, Result
from benchmarks.report import as_object, conditions, table

TO_FLOOR = Result(Ratio("ask_vs_floor", "ask", "floor", "floor", 0.1), (0.12, 0.09, 0.1), 1.5, 15)
TO_PEER = Result(Ratio("ask_vs_peer", "ask", "peer", "peer", 30), (31.23456,), 1.5, 46.9)
NO_GOAL = Result(Ratio("kept_vs_peer", "kept", "peer", "peer"), (40,), 1.2, 46.9)

BENCHMARK = Benchmark(
    "ask",
    "a call",
    "ask: through the public API.",
    tuple(result.ratio for result in (TO_FLOOR, TO_PEER, NO_GOAL)),
    lambda: nullcontext([]),
)


def single_spaced(line: str) -> str:
    return " ".join(line.split())


def test_the_object_has_a_median_for_each_name() -> None:
    assert as_object([TO_FLOOR, TO_PEER]) == {"ask_vs_floor": 0.1, "ask_vs_peer": 31.2}


def test_the_table_explains_each_ratio_with_its_spread_goal_and_absolutes() -> None:
    title, header, *rows, notes = table(BENCHMARK, [TO_FLOOR, TO_PEER, NO_GOAL]).splitlines()
    assert title == "ask: a call"
    assert single_spaced(header) == "ratio means median min-max goal ours µs other µs compared"
    assert [single_spaced(row) for row in rows] == [
        "ask_vs_floor ours / floor 0.1 0.09-0.12 ≤ 0.1 1.5 15 ask : floor",
        "ask_vs_peer peer / ours 31.2 31.2-31.2 ≥ 30 1.5 46.9 ask : peer",
        "kept_vs_peer peer / ours 40 40-40 1.2 46.9 kept : peer",
    ]
    assert notes == "ask: through the public API."


def test_the_columns_stand_under_their_names() -> None:
    _, header, first, second, *_ = table(BENCHMARK, [TO_FLOOR, TO_PEER]).splitlines()
    assert first[header.index("median") :].startswith("0.1 ")
    assert second[header.index("median") :].startswith("31.2 ")


def test_the_conditions_name_versions_and_the_effort() -> None:
    text = conditions(QUICK)
    assert f"{QUICK.rounds} interleaved rounds" in text
    assert "CPU time" in text
    assert "CPython 3." in text
    assert "pykka " in text
