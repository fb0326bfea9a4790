"""``docs/reference/lifecycle-acceptance.md`` lists every behaviour, and names a test that there is."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
PAGE: Final = FOLDER.parents[1] / "docs" / "reference" / "lifecycle-acceptance.md"

LINES: Final = {
    "destroy": 12,
    "races": 11,
    "run": 8,
    "sleep": 25,
    "schedule": 4,
    "key_value": 3,
}
"""How many behaviours each group has."""

HEADING = re.compile(r"^## .* \((\d+)\)\n\n`test_(\w+)\.py`", re.MULTILINE)
ROW = re.compile(r"^\| (\d+) \| (.+) \| (?:`(test_\w+)`|does not apply: (.+)) \|$", re.MULTILINE)


def groups() -> dict[str, list[tuple[int, str | None]]]:
    """The numbers and tests of the page by group."""
    _, *parts = HEADING.split(PAGE.read_text())
    found: dict[str, list[tuple[int, str | None]]] = {}
    for announced, group, text in zip(parts[0::3], parts[1::3], parts[2::3], strict=True):
        rows = [(int(row[0]), row[2] or None) for row in ROW.findall(text)]
        counts = len(rows), text.count("\n| ") - 1
        assert counts == (int(announced), int(announced)), f"rows of {group}, read and there"
        found[group] = rows
    return found


def test_every_group_has_all_its_lines() -> None:
    numbers = {group: [number for number, _ in rows] for group, rows in groups().items()}
    assert numbers == {group: list(range(1, count + 1)) for group, count in LINES.items()}


def test_the_page_names_the_tests_that_there_are() -> None:
    """None is without a line, and each runs over sockets as well."""
    for group, rows in groups().items():
        module = import_module(f"tests.acceptance.test_{group}")
        scenarios = {scenario.__name__ for scenario in module.line.scenarios}
        tests = {name for name in vars(module) if name.startswith("test_")}
        assert {test for _, test in rows if test} == scenarios
        assert tests == scenarios | {"test_over_sockets"}
