"""The benchmarks that a run does, in this order: each is one file and one line here."""

from __future__ import annotations

from typing import Final

from benchmarks import ask, broadcast, echo, hostile, memory, saves, slow_reader

__all__ = ["BENCHMARKS"]

BENCHMARKS: Final = (
    ask.BENCHMARK,
    saves.BENCHMARK,
    echo.BENCHMARK,
    broadcast.BENCHMARK,
    hostile.BENCHMARK,
    slow_reader.BENCHMARK,
    memory.BENCHMARK,
)
