"""Records: fields, text from the network, and how often one of a kind is written."""

from __future__ import annotations

import logging

import pytest
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock

from trivet.logs import (
    BURST,
    BURST_OF_ALL,
    MOST_BUDGETS,
    MOST_SHOWN,
    PAUSE,
    Throttled,
    about,
    printable,
)

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
    *first, last = caplog.messages
    assert first == [f"n is {n}" for n in range(BURST - 1)]
    assert last == f"n is {BURST - 1} (the next like it may be left out)"
    throttled.warning("other", "another kind", extra={})
    await trio.sleep(PAUSE)
    throttled.warning("kind", "n is %d", 99, extra=about(peer="p"))
    throttled.warning("kind", "n is %d", 100, extra=about(peer="p"))
    told = caplog.records[-1]
    assert told.getMessage() == "n is 99 (and 7 more like it)"
    assert vars(told)["peer"] == "p"
    assert "another kind" in caplog.text


async def test_whoever_is_loud_takes_nobody_elses_records(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Throttled(logger)
    for _ in range(2 * BURST):
        throttled.error("kind", "%s", "loud", extra=about(actor="room", key=("a",), conn="1"))
    throttled.error("kind", "%s", "quiet", extra=about(actor="room", key=("b",)))
    throttled.error("kind", "%s", "by id", extra=about(actor_id="1"))
    throttled.error("kind", "%s", "a client", extra=about(peer="p"))
    assert caplog.messages[BURST:] == ["quiet", "by id", "a client"]


async def test_another_connection_or_id_makes_no_other_subject(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Throttled(logger)
    for n in range(2 * BURST):
        new = str(n)
        extra = about(actor="room", key=("a",), actor_id=new, conn=new, error_id=new)
        throttled.error("kind", "again", extra=extra)
    assert len(caplog.records) == BURST


async def test_many_subjects_fill_no_log_either(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Throttled(logger)
    for n in range(BURST_OF_ALL + 5):
        throttled.warning("kind", "n is %d", n, extra=about(peer=str(n)))
    assert len(caplog.records) == BURST_OF_ALL
    await trio.sleep(PAUSE)
    throttled.warning("kind", "n is %d", 99, extra=about(peer="p"))
    throttled.warning("kind", "n is %d", 100, extra=about(peer="p"))
    assert caplog.messages[-2:] == ["n is 99 (and 5 about others)", "n is 100"]


async def test_invented_subjects_take_no_memory_and_their_count_stays(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Throttled(logger)
    for _ in range(BURST + 3):
        throttled.warning("kind", "%s", "loud", extra=about(peer="loud"))
    for n in range(MOST_BUDGETS):
        throttled.warning("kind", "%s", "invented", extra=about(peer=str(n)))
    left_out = MOST_BUDGETS - (BURST_OF_ALL - BURST)
    await trio.sleep(PAUSE)
    throttled.warning("kind", "%s", "new again", extra=about(peer="loud"))
    assert caplog.messages[-1] == f"new again (and {left_out + 3} about others)"


async def test_invented_kinds_take_no_memory(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Throttled(logger)
    for _ in range(BURST + 1):
        throttled.warning("kind", "%s", "kept", extra={})
    for n in range(MOST_BUDGETS):
        throttled.warning(n, "%s", "invented", extra={})
    throttled.warning("kind", "%s", "forgotten and new again", extra={})
    assert "forgotten and new again" in caplog.text


async def test_an_error_brings_its_traceback_and_the_place_that_tells_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Throttled(logger).error("kind", "%s", "failed", extra={}, error=ValueError("why"))
    Throttled(logger).warning("kind", "%s", "warned", extra={})
    assert "ValueError: why" in caplog.text
    assert {record.filename for record in caplog.records} == {"test_logs.py"}


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
