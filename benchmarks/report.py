"""What a run says: a table for readers, one object for programs, and where it was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.measuring import Benchmark, Effort, Result

__all__ = ["as_object", "conditions", "table"]

COLUMNS = ("ratio", "means", "median", "min-max", "goal", "ours", "other", "compared")
PACKAGES = ("trio", "trio-websocket", "websockets", "pykka")


def as_object(results: Iterable[Result]) -> dict[str, float]:
    """Return the ratios by name: medians, with as many digits as they deserve."""
    return {result.ratio.name: float(f"{result.value:.3g}") for result in results}


def table(benchmark: Benchmark, results: Sequence[Result]) -> str:
    """Write a benchmark's figures for readers."""
    unit = benchmark.unit
    columns = [f"{name} {unit}" if name in {"ours", "other"} else name for name in COLUMNS]
    rows = [tuple(columns), *map(_row, results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([f"{benchmark.name}: {benchmark.title}", *lines, benchmark.notes])


def conditions(effort: Effort) -> str:
    """Say what was measured how, and on what."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"{effort.rounds} interleaved rounds, CPU time (user + system), medians\n"
        f"{platform.python_implementation()} {platform.python_version()}, {versions}\n"
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {_processor()}"
    )


def _row(result: Result) -> tuple[str, ...]:
    ratio = result.ratio
    sign = "≤" if ratio.to == "floor" else "≥"
    return (
        ratio.name,
        ratio.meaning,
        f"{result.value:.3g}",
        f"{min(result.values):.3g}-{max(result.values):.3g}",
        "" if ratio.goal is None else f"{sign} {ratio.goal:g}",
        f"{result.ours:.3g}",
        f"{result.other:.3g}",
        f"{ratio.ours} : {ratio.other}",
    )


def _processor() -> str:
    """Name the model of the processor, where the system tells."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown processor")
