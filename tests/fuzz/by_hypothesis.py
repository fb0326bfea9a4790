"""``python -m tests.fuzz.by_hypothesis TARGET SECONDS``: a target in the hands of Hypothesis.

It runs the two tests of `tests.fuzz.test_targets` with other examples each time, until the time is
over or an input breaks the property: Hypothesis makes that one small and prints it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from tests.fuzz.catalogue import TARGETS
from tests.fuzz.inputs import any_bytes, nearly_well_formed

EXAMPLES: Final = 2000
"""Examples of one round: rounds begin anew, since long ones slow down."""


def rounds(name: str, seconds: float) -> int:
    """Try one target for some time, and return with how many inputs that was.

    Raises:
        Exception: The property of the target is broken.
    """
    tried = 0

    def once(check: Callable[[bytes], None], inputs: st.SearchStrategy[bytes]) -> None:
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.target, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(data=inputs)
        def holds(data: bytes) -> None:
            nonlocal tried
            tried += 1
            check(data)

        holds()

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        once(TARGETS[name], nearly_well_formed(name))
        once(TARGETS[name], any_bytes())
    return tried


def main() -> None:
    """Run the program with the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.by_hypothesis")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("seconds", type=int)
    options = parser.parse_args()
    tried = rounds(options.target, options.seconds)
    spent = time.process_time()
    sys.stdout.write(f"{options.target}: {tried} inputs in {spent:.0f} s of CPU, nothing found\n")


if __name__ == "__main__":
    main()
