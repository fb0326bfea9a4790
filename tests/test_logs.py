"""Records: fields, text from the network, and how often one of a kind is written."""

from __future__ import annotations

import logging

import pytest
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock

from trivet.logs import BURST, MOST_KINDS, MOST_SHOWN, PAUSE, Throttled, about, printable

logger = logging.getLogger("trivet.played")


def test_fields_are_those_that_are_known() -> None:
    assert about() == {}
    assert about(actor="room", key=("a", "b\n"), conn="1") == {
        "actor": "room",
        "key": "a/b\\n",
        "conn": "1",
    }


def test_fields_have_no_name_that_logging_has() -> None:
    fields = about(actor="a", key=("a",), actor_id="a", conn="a", peer="a", error_id="a")
    record = logging.LogRecord("trivet", logging.INFO, "", 0, "", (), None)
    assert len(fields) == 6
    assert not set(fields) & set(vars(record))


@given(st.text(max_size=2 * MOST_SHOWN))
def test_text_from_outside_is_one_printable_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= 10 * MOST_SHOWN + 1
    if text.isprintable() and len(text) <= MOST_SHOWN:
        assert shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nINFO forged", "a\\r\\nINFO forged"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eback", "\\u202eback"),
        ("é", "é"),
        ("x" * 300, "x" * MOST_SHOWN + "…"),
    ],
)
def test_what_forges_a_log_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


async def test_many_of_a_kind_become_few_that_tell_how_many(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Throttled(logger)
    for n in range(BURST + 7):
        throttled.warning("kind", "n is %d", n, extra=about(peer="p"))
    assert [record.getMessage() for record in caplog.records] == [f"n is {n}" for n in range(BURST)]
    throttled.warning("other", "another kind", extra={})
    await trio.sleep(PAUSE)
    throttled.warning("kind", "n is %d", 99, extra=about(peer="p"))
    throttled.warning("kind", "n is %d", 100, extra=about(peer="p"))
    last = caplog.records[-1]
    assert last.getMessage() == "n is 99 (and 7 more like it)"
    assert vars(last)["peer"] == "p"
    assert "another kind" in caplog.text


async def test_invented_kinds_take_no_memory(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Throttled(logger)
    for _ in range(BURST + 1):
        throttled.warning("kind", "%s", "kept", extra={})
    for n in range(MOST_KINDS):
        throttled.warning(n, "%s", "invented", extra={})
    throttled.warning("kind", "%s", "forgotten and new again", extra={})
    assert "forgotten and new again" in caplog.text


def test_outside_of_a_run_everything_is_written(caplog: pytest.LogCaptureFixture) -> None:
    throttled = Throttled(logger)
    for _ in range(2 * BURST):
        throttled.warning("kind", "again", extra={})
    assert len(caplog.records) == 2 * BURST


async def test_a_level_that_nobody_hears_costs_no_burst(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Throttled(logger)
    for _ in range(2 * BURST):
        throttled.log(logging.DEBUG, "kind", "quiet", extra={})
    throttled.warning("kind", "loud", extra={})
    assert caplog.messages == ["loud"]
