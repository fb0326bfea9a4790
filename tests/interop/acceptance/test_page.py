"""``docs/reference/acceptance.md`` lists every behaviour, and names a test for it that runs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final

import attrs
import pytest

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "acceptance.md"

LINES: Final = {
    "client_connections": 31,
    "server_connections": 11,
    "hibernation": 7,
    "connection_errors": 4,
    "hooks": 12,
    "access": 8,
    "actions": 13,
    "errors": 7,
    "handles": 12,
    "lookup": 16,
    "state": 25,
    "vars": 5,
    "metadata": 6,
    "raw_http": 31,
    "raw_websocket": 16,
}
"""How many behaviours each group has."""

WAITING: Final = {"the engine"}
"""The features that some behaviours wait for."""

HEADING = re.compile(r"^## .* \((\d+)\)\n\n`test_(\w+)\.py`", re.MULTILINE)
ROW = re.compile(r"^\| (\d+) \| (.+) \| (?:`(test_\w+)`|with (.+)) \|$", re.MULTILINE)
COLLECTED = re.compile(r"/test_(\w+)\.py::(\w+)\[.*?\b(bare|cbor|json)\b")
COUNT = re.compile(r"^\| (?:`test_(\w+)`|all) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


@attrs.frozen
class Line:
    """A behaviour on the page: it has a test, or waits for a feature."""

    number: int
    wording: str
    test: str | None
    waits_for: str | None


def groups() -> dict[str, list[Line]]:
    """The lines of the page by group."""
    _, *parts = HEADING.split(PAGE.read_text())
    found: dict[str, list[Line]] = {}
    for announced, group, text in zip(parts[0::3], parts[1::3], parts[2::3], strict=True):
        lines = [
            Line(int(row[0]), row[1], row[2] or None, row[3] or None) for row in ROW.findall(text)
        ]
        counts = len(lines), text.count("\n| ") - 1
        assert counts == (int(announced), int(announced)), f"rows of {group}, read and there"
        found[group] = lines
    return found


@cache
def collected() -> dict[tuple[str, str], Counter[str]]:
    """How often each test runs in each encoding, by group and name."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", str(FOLDER)]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    runs: dict[tuple[str, str], Counter[str]] = {}
    for group, test, encoding in COLLECTED.findall(output):
        runs.setdefault((group, test), Counter())[encoding] += 1
    return runs


def test_every_group_has_all_its_lines() -> None:
    numbers = {group: [line.number for line in lines] for group, lines in groups().items()}
    assert numbers == {group: list(range(1, count + 1)) for group, count in LINES.items()}


def test_a_line_waits_for_known_features_only() -> None:
    waiting = {line.waits_for for lines in groups().values() for line in lines} - {None}
    assert waiting <= WAITING


@pytest.mark.slow
def test_the_page_names_the_tests_that_there_are() -> None:
    """None that runs is without a line, and each runs in all encodings alike."""
    named = {(group, line.test) for group, lines in groups().items() for line in lines if line.test}
    runs = collected()
    assert named - set(runs) == set()
    assert set(runs) - named == set()
    assert {len(times) for times in runs.values()} == {3}
    assert {len(set(times.values())) for times in runs.values()} == {1}


@pytest.mark.slow
def test_the_page_counts_right() -> None:
    runs = collected()
    expected = {
        group: (
            len(lines),
            sum(line.test is not None for line in lines),
            sum(times.total() for (where, _), times in runs.items() if where == group),
        )
        for group, lines in groups().items()
    }
    lines, tested, times = (sum(counts) for counts in zip(*expected.values(), strict=True))
    expected[""] = (lines, tested, times)
    rows = COUNT.findall(PAGE.read_text())
    assert {row[0]: tuple(map(int, row[1:])) for row in rows} == expected
