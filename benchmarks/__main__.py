"""``python -m benchmarks``: measure, print tables, and write the ratios into a file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import trio

from benchmarks.catalogue import BENCHMARKS
from benchmarks.measuring import FULL, QUICK, Benchmark, Effort, Result, measure
from benchmarks.report import as_object, conditions, table

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program with these arguments, or those of the command line."""
    by_name = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What trivet costs, as ratios to floors and peers."
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter rounds: a smoke run"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the ratios by name here")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"some of {', '.join(by_name)}; all without any"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in by_name]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    chosen = [by_name[name] for name in options.names or by_name]
    results = trio.run(partial(run, chosen, QUICK if options.quick else FULL))
    if options.json is not None:
        options.json.write_text(json.dumps(as_object(results), indent=2) + "\n")


async def run(benchmarks: Sequence[Benchmark], effort: Effort) -> list[Result]:
    """Measure benchmarks one after the other, and print each as soon as it is done."""
    print(conditions(effort))
    results: list[Result] = []
    for benchmark in benchmarks:
        measured = await measure(benchmark, effort)
        print("", table(benchmark, measured), sep="\n", flush=True)
        results += measured
    return results


if __name__ == "__main__":
    main()
