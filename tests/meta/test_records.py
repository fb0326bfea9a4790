"""Every log record of trivet says in fields who it is about, or is known to be about nobody."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.meta.sources import shown, sources

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
LOGGERS = {"logger", "throttled", "_logger"}

# About the process, which has no fields.
ABOUT_NOBODY = {
    "trivet/holder/process.py",
    "trivet/open.py",
    "trivet/server/serve.py",
    "trivet/server/signals.py",
}


def without_fields(source: str) -> Iterator[int]:
    """The lines of records without ``extra``."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name) | ast.Attribute(attr=name), attr=method),
                keywords=keywords,
            ) if name in LOGGERS and method in LEVELS:
                if "extra" not in {keyword.arg for keyword in keywords}:
                    yield node.lineno
            case _:
                pass


def test_records_have_fields() -> None:
    found = [
        f"{shown(path)}:{line}"
        for path in sources("trivet")
        if shown(path) not in ABOUT_NOBODY
        for line in without_fields(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('logger.warning("a")', [1]),
        ('self._logger.log(level, "a")', [1]),
        ('throttled.warning("kind", "a", extra=about())', []),
        ("math.log(2)", []),
        ("logger.setLevel(1)", []),
    ],
)
def test_a_record_without_fields_is_found(source: str, lines: list[int]) -> None:
    assert list(without_fields(source)) == lines
