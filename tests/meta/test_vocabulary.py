"""Words that say nothing name no module, and the most dangerous keyword has one home."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.meta.sources import FOLDERS, shown, sources

EMPTY_WORDS = {"base", "common", "helper", "helpers", "manager", "managers", "util", "utils"}

# The one module that may shield from cancellation: there, every shield has a deadline.
SHIELDS = "trivet/runtime/cleanup.py"


def test_every_module_has_a_telling_name() -> None:
    names = [shown(path) for path in sources(*FOLDERS)]
    assert [name for name in names if EMPTY_WORDS & set(re.split(r"[/.]", name))] == []


def shields(source: str) -> Iterator[int]:
    """The lines that shield from cancellation: by keyword, or by assignment to a scope."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.keyword(arg="shield", value=value):
                pass
            case ast.Assign(targets=[ast.Attribute(attr="shield")], value=value):
                pass
            case _:
                continue
        if not (isinstance(value, ast.Constant) and value.value is False):
            yield value.lineno


def test_only_one_module_shields() -> None:
    found = [
        f"{shown(path)}:{line}"
        for path in sources("trivet")
        if shown(path) != SHIELDS
        for line in shields(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("with trio.CancelScope(shield=True):\n    await close()", [1]),
        ("scope = trio.CancelScope()\nscope.shield = True", [2]),
        ("with trio.move_on_after(1, shield=stopping):\n    await close()", [1]),
        ("scope.shield = False", []),
        ("shield = True", []),
    ],
)
def test_a_shield_is_found_however_it_is_written(source: str, lines: list[int]) -> None:
    assert list(shields(source)) == lines
