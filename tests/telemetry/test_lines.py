"""Log lines of the command line."""

from __future__ import annotations

import logging
import sys

from hypothesis import given, strategies as st

from trivet.logs import about
from trivet.telemetry.lines import FIELDS, LineFormatter


def line(message: str, **fields: str) -> str:
    record = logging.LogRecord("trivet.played", logging.WARNING, "", 0, message, (), None)
    vars(record).update(fields)
    return LineFormatter().format(record)


def test_fields_follow_the_message() -> None:
    shown = line("it failed", **about(actor="room", key=("a", "b"), error_id="1f"))
    assert shown.endswith("WARNING trivet.played: it failed actor=room key=a/b error_id=1f")


def test_every_field_is_shown() -> None:
    fields = about(actor="1", key=("2",), actor_id="3", conn="4", peer="5", error_id="6")
    assert tuple(fields) == FIELDS
    assert line("x", **fields).count("=") == len(FIELDS)


@given(st.text(), st.text())
def test_nothing_forges_a_line(message: str, field: str) -> None:
    shown = line(message, actor=field)
    assert all(text.startswith("    ") for text in shown.split("\n")[1:])
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown if c not in "\n\t")


def test_a_traceback_is_indented_and_escaped() -> None:
    try:
        raise ValueError("red \x1b[31m\nroot: forged")
    except ValueError:
        record = logging.LogRecord("t", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    lines = LineFormatter().format(record).split("\n")
    assert lines[1] == "    Traceback (most recent call last):"
    assert lines[-2:] == ["    ValueError: red \\x1b[31m", "    root: forged"]
