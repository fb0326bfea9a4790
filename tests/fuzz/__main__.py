"""``python -m tests.fuzz TARGET SECONDS``: fuzz one target with coverage guidance, by atheris.

What is new is kept under ``.fuzz/TARGET``, and the next run begins with it. An input that breaks
the property ends the run; its file, ``.fuzz/TARGET-crash-…``, belongs into the corpus from then on.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

WORK: Final = Path(".fuzz")

# What is watched for new branches: ours, and what reads untrusted bytes for us.
WATCHED: Final = ["trivet", "tests.fuzz.targets", "h11", "websockets"]

LONGEST_INPUT: Final = 4096
SLOWEST_INPUT: Final = 60
"""Seconds after which an input counts as a hang; by the clock, so a busy machine needs many."""


def main() -> None:
    """Run the program with the arguments of the command line."""
    try:
        atheris: Any = import_module("atheris")
    except ImportError:
        sys.exit("Fuzzing needs atheris: pip install 'trivet[fuzz]'")
    with atheris.instrument_imports(include=WATCHED):
        catalogue = import_module("tests.fuzz.catalogue")
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=catalogue.TARGETS)
    parser.add_argument("seconds", type=int)
    options = parser.parse_args()
    found = WORK / options.target
    found.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.argv[0],
        f"-max_total_time={options.seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-timeout={SLOWEST_INPUT}",
        f"-artifact_prefix={WORK / options.target}-",
        "-print_final_stats=1",
        str(found),
        str(catalogue.CORPUS / options.target),
    ]
    atheris.Setup(arguments, catalogue.TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
