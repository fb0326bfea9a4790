"""The project's own Python files, as the tests in this folder read them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("trivet", "tests", "benchmarks", "examples")


def sources(*folders: str) -> list[Path]:
    """All Python files in these folders of the repository, in a fixed order."""
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert found, f"no Python file in {folders}: the check would be empty"
    return found


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
