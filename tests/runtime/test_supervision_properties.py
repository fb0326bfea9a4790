"""Actors that crash in every order of events: they come back, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis.strategies as st
import trio
from hypothesis import given
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.client.scheduling import run_shuffled
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import Recorder, handle, opened, put_away
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.lifecycle.connection import ConnectionEvent

LEFT: Counter[str] = Counter()
BREAKS: list[bool] = []
"""Which of the next starts fail."""

STEPS = st.one_of(
    st.tuples(st.just("crash"), st.booleans()),
    st.tuples(st.just("call")),
    st.tuples(st.just("enter")),
    st.tuples(st.just("say"), st.integers(0, 3)),
    st.tuples(st.just("vanish"), st.integers(0, 3)),
    st.tuples(st.just("put away")),
    st.tuples(st.just("break"), st.lists(st.booleans(), max_size=6)),
    st.tuples(st.just("pause"), st.sampled_from([0.0, 0.1, 0.25, 1.0, 2.0, 5.0, 70.0])),
)
ALLOWED = {"unavailable", "restarting", "internal_error"}


class Frail(Actor[int], call_hooks=False):
    async def on_wake(self) -> None:
        if BREAKS and BREAKS.pop(0):
            raise ValueError("on_wake broke")

    async def on_disconnect(self, conn: Conn[None]) -> None:
        LEFT[conn.id] += 1

    async def fall(self) -> None:
        raise ValueError("a task broke")

    @action
    def crash(self) -> None:
        self.start_soon(self.fall)

    @action
    async def crash_in_the_middle(self) -> None:
        self.start_soon(self.fall)
        await trio.sleep(0.05)

    @action
    def say(self) -> int:
        self.state += 1
        return self.state


async def live(script: list[tuple[Any, ...]]) -> None:
    LEFT.clear()
    BREAKS.clear()
    recorder, links = Recorder(), list[PlayedLink]()
    async with opened(Frail, observer=recorder) as runtime, trio.open_nursery() as nursery:

        async def ask(token: Any) -> None:
            try:
                await handle(runtime, Frail).call(token)
            except errors.ActionError as error:
                assert error.code in ALLOWED  # noqa: PT017  # others are raised on

        for step in script:
            match step:
                case ("crash", middle):
                    nursery.start_soon(ask, Frail.crash_in_the_middle if middle else Frail.crash)
                case ("call",):
                    nursery.start_soon(ask, Frail.say)
                case ("enter",):
                    links.append(PlayedLink(runtime))
                    links[-1].connect(Frail, "a")
                case ("say", number) if links:
                    links[int(number) % len(links)].call("say")
                case ("vanish", number) if links:
                    links[int(number) % len(links)].vanish()
                case ("put away",):
                    nursery.start_soon(put_away, runtime, Frail)
                case ("break", breaks):
                    BREAKS.extend(breaks)
                case ("pause", seconds):
                    await trio.sleep(seconds)
                case _:
                    pass
        await trio.sleep(2000)  # every rest is over, and everybody has what he asked for
        await wait_all_tasks_blocked()
        BREAKS.clear()
        await ask(Frail.say)
        for link in links:
            answers = [frame[1] for frame in link.frames if frame[0] in {"reply", "failure"}]
            told = [number for number in answers if number is not None]
            assert link.gone or len(told) == link.calls, link.frames
            assert told == sorted(set(told))
    for conn_id, trace in recorder.connections.items():
        assert LEFT[conn_id] == (ConnectionEvent.ADMIT in trace), (conn_id, trace)


@given(st.lists(STEPS, max_size=25), st.integers(0, 2**32))
def test_whatever_crashes_comes_back(script: list[tuple[Any, ...]], seed: int) -> None:
    run_shuffled(live, script, seed=seed)
