"""What users' type checkers say about good and bad programs, line by line.

The files in `cases/` are never run. Their marks say what pyright (strict) and mypy (strict) must both report:

- `# E1 …` or `# X1 …`: at least one error on this line; a line without a mark has none.
- `# is T`: the type that `reveal_type` finds here, written as `plain` writes it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]

# How many marked errors each file has, so that none is lost by an edit.
ERRORS = {"bad.py": 23, "chat.py": 0, "five.py": 4, "inputs.py": 6, "queues.py": 8}

type_of_mark = re.compile(r"# is (?P<type>.+)$")
error_mark = re.compile(r"# [EX]\d+\b")


@attrs.frozen
class Line:
    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


@attrs.frozen
class Report:
    """What a checker says, or what the marks ask it to say."""

    errors: dict[Line, str] = attrs.field(factory=dict[Line, str])
    types: dict[Line, str] = attrs.field(factory=dict[Line, str])


def plain(revealed: str) -> str:
    """Write a revealed type in one way for both checkers: no modules, brackets, no defaults."""
    without_modules = re.sub(r"\b(?:\w+\.)+(?=\w)", "", revealed)
    brackets = without_modules.replace("(", "[").replace(")", "]")
    return re.sub(r" = ?[^,\]]*", " =", brackets)


def marks() -> Report:
    report = Report()
    for path in sorted(CASES.glob("*.py")):
        for number, text in enumerate(path.read_text().splitlines(), start=1):
            line = Line(path.name, number)
            if error_mark.search(text):
                report.errors[line] = text.strip()
            if found := type_of_mark.search(text):
                report.types[line] = found["type"]
    return report


def output_of(*command: str) -> str:
    """Run a checker in the folder of the cases, so that they can import each other."""
    environment = os.environ | {"MYPYPATH": str(ROOT), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=CASES, env=environment, capture_output=True, text=True
    )
    # 1 says that there are errors, as there must be; anything else, that the checker failed.
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def read_pyright() -> Iterator[tuple[Line, str, str]]:
    output = output_of("pyright", "--outputjson", "--pythonpath", sys.executable)
    for found in json.loads(output)["generalDiagnostics"]:
        line = Line(Path(found["file"]).name, found["range"]["start"]["line"] + 1)
        yield line, found["severity"], found["message"]


def read_mypy() -> Iterator[tuple[Line, str, str]]:
    cache = ROOT / ".mypy_cache" / "cases"
    options = ["--strict", "--follow-imports=silent", "--output=json", f"--cache-dir={cache}"]
    output = output_of("mypy", *options, *ERRORS)
    for text in output.splitlines():
        found: dict[str, Any] = json.loads(text)
        yield Line(found["file"], found["line"]), found["severity"], found["message"]


def report_of(checker: Iterator[tuple[Line, str, str]]) -> Report:
    report = Report()
    for line, severity, message in checker:
        if severity == "error":
            report.errors[line] = message
        elif found := re.search(r'(?:Type of ".*"|Revealed type) is "(.*)"$', message):
            report.types[line] = plain(found[1])
    return report


def differences(expected: Report, found: Report) -> Iterator[str]:
    for line in expected.errors.keys() - found.errors:
        yield f"{line}: no error, but marked: {expected.errors[line]}"
    for line in found.errors.keys() - expected.errors:
        yield f"{line}: not marked, but an error: {found.errors[line]}"
    for line in expected.types.keys() | found.types:
        if expected.types.get(line) != found.types.get(line):
            yield f"{line}: is {found.types.get(line)}, marked: {expected.types.get(line)}"


@pytest.mark.slow
@pytest.mark.parametrize("checker", [read_pyright, read_mypy])
def test_errors_and_types_are_where_the_marks_are(
    checker: Callable[[], Iterator[tuple[Line, str, str]]],
) -> None:
    different = sorted(differences(marks(), report_of(checker())))
    assert not different, "\n".join(different)


def test_no_mark_was_lost() -> None:
    found = dict.fromkeys((path.name for path in CASES.glob("*.py")), 0)
    for line in marks().errors:
        found[line.file] += 1
    assert found == ERRORS


def test_both_ways_of_writing_a_type_become_one() -> None:
    expected = "Action[Room, [text: str, *, urgent: bool =], int]"
    assert plain("Action[Room, (text: str, *, urgent: bool = False), int]") == expected
    assert plain("some.where.Action[chat.Room, [text: str, *, urgent: bool =], int]") == expected
