"""The watchdog, with a played loop and clock, and once with a real loop that stands still."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from trivet.telemetry.watchdog import (
    FAIL_AFTER,
    INTERVAL,
    RECOVER_AFTER,
    WARN_AFTER,
    Watchdog,
    keeps_real_time,
    watching_loop,
)


class PlayedLoop:
    """A loop that answers when the test says so, and the time on its wall."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[Callable[[], object]] = []
        self.on_ask: Callable[[], None] = self.answer
        self.watchdog = Watchdog(self.ask, threading.get_ident(), clock=lambda: self.now)

    def ask(self, fn: Callable[[], object]) -> None:
        self.asked.append(fn)
        self.on_ask()

    def answer(self) -> None:
        self.asked.pop()()

    def has_problem(self) -> bool:
        return self.watchdog.problem is not None


def test_a_loop_that_answers_is_well(caplog: pytest.LogCaptureFixture) -> None:
    loop = PlayedLoop()
    assert all(loop.watchdog.watch_once() for _ in range(3))
    assert (loop.watchdog.problem, loop.watchdog.stalls, caplog.messages) == (None, 0, [])


class Patience:
    """Stands in for waiting: time passes at once, and the loop answers at some moment."""

    def __init__(self, loop: PlayedLoop, answers_after: float) -> None:
        self.loop = loop
        self.answers_at = loop.now + answers_after

    @property
    def wait_for(self) -> Callable[..., bool]:
        """What takes the place of a condition's method."""

        def wait(_: object, ready: Callable[[], bool], seconds: float | None = None) -> bool:
            return self._wait(ready, seconds)

        return wait

    def _wait(self, ready: Callable[[], bool], seconds: float | None) -> bool:
        loop = self.loop
        if seconds is not None and loop.now + seconds < self.answers_at:
            loop.now += seconds
            return ready()
        loop.now = self.answers_at
        loop.answer()
        return ready()


def stall(monkeypatch: pytest.MonkeyPatch, loop: PlayedLoop, seconds: float) -> None:
    """Let the loop answer one question late."""
    loop.on_ask = lambda: None
    patience = Patience(loop, seconds)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Condition, "wait_for", patience.wait_for)
        assert loop.watchdog.watch_once()
    loop.on_ask = loop.answer


def test_a_stall_is_told_once_with_the_stack(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = PlayedLoop()
    stall(monkeypatch, loop, 1.0)
    told, over = caplog.messages
    assert told.startswith("the event loop stands still, at\n")
    assert "watch_once" in told, "the stack is that of the loop's thread: here this one"
    assert over == "the event loop stood still for 1.00 s"
    assert loop.watchdog.stalls == 1
    assert loop.watchdog.problem is None


def test_what_is_short_is_no_stall(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = PlayedLoop()
    stall(monkeypatch, loop, WARN_AFTER - INTERVAL - 0.01)
    assert (loop.watchdog.stalls, caplog.messages) == (0, [])


def test_a_long_stall_is_a_problem_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = PlayedLoop()
    stall(monkeypatch, loop, FAIL_AFTER - 0.1)
    assert not loop.has_problem()
    stall(monkeypatch, loop, FAIL_AFTER)
    assert loop.watchdog.problem == "the event loop stalled"
    loop.now += RECOVER_AFTER - 0.1
    loop.watchdog.watch_once()
    assert loop.has_problem()
    loop.now += 0.1
    assert not loop.has_problem()


def test_it_is_a_problem_already_while_it_lasts() -> None:
    loop = PlayedLoop()
    loop.on_ask = loop.watchdog.close  # nobody answers, and the thread is told to end
    assert not loop.watchdog.watch_once()
    loop.now += FAIL_AFTER
    assert loop.watchdog.problem is not None


def test_it_ends_with_its_loop() -> None:
    def finished(fn: Callable[[], object]) -> None:
        raise trio.RunFinishedError

    watchdog = Watchdog(finished, 0)
    watchdog.run()
    assert watchdog.stalls == 0


async def test_a_mock_clock_is_not_watched(autojump_clock: MockClock) -> None:
    before = threading.active_count()
    async with watching_loop():
        assert threading.active_count() == before
        await trio.sleep(60)


def test_which_clock_keeps_real_time() -> None:
    async def real() -> bool:
        return keeps_real_time(trio.lowlevel.current_clock())

    assert trio.run(real)
    assert not trio.run(real, clock=MockClock())
    assert not trio.run(real, clock=MockClock(rate=10))


class Hears(logging.Handler):
    """Sets an event when the watchdog has told of a stall."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()
        self.told = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.told = self.told or record.getMessage()
        self.heard.set()


async def test_a_real_loop_that_stands_still_is_told_with_its_stack() -> None:
    """The loop stands still until the watchdog has noticed: no time is guessed."""
    handler = Hears()
    logger = logging.getLogger("trivet.watchdog")
    logger.addHandler(handler)
    before = threading.active_count()
    try:
        async with watching_loop() as watchdog:
            assert threading.active_count() == before + 1

            def stand_still() -> None:
                assert handler.heard.wait(30)

            stand_still()
            assert watchdog.stalls == 1
        assert threading.active_count() == before
    finally:
        logger.removeHandler(handler)
    assert "in stand_still" in handler.told


async def test_it_is_not_started_where_nobody_wants_it() -> None:
    before = threading.active_count()
    async with watching_loop(start=False):
        assert threading.active_count() == before


async def test_its_thread_ends_also_when_the_body_fails() -> None:
    before = threading.active_count()
    with pytest.raises(LookupError):
        async with watching_loop():
            raise LookupError
    assert threading.active_count() == before
