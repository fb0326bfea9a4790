"""Whatever happens in whatever order: no call is sent twice, none out of order, each is settled."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import trio
from hypothesis import given, strategies as st
from trio.testing import wait_all_tasks_blocked

from tests.client.scheduling import run_shuffled
from tests.client.scripted import Asked, Attempt, Room, ScriptedDialer, lost, opening
from trivet.declare.errors import ConnectionClosed, ConnectionLost
from trivet.declare.handle import Connection

STEPS = st.one_of(
    st.tuples(st.just("ask")),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("answer"), st.integers(0, 30)),
    st.tuples(st.just("lose"), st.sampled_from([(1006, ""), (1000, "kick"), (1011, "a.b")])),
    st.tuples(st.just("fail to dial")),
    st.tuples(st.just("dial")),
    st.tuples(st.just("listen")),
    st.tuples(st.just("stop listening")),
    st.tuples(st.just("let run")),
)


class Script:
    """Plays steps, and knows what must hold after them."""

    def __init__(self, nursery: trio.Nursery, dialer: ScriptedDialer, conn: Any) -> None:
        self.nursery = nursery
        self.dialer = dialer
        self.conn: Connection[Room] = conn
        self.asked: dict[str, Asked] = {}
        self.cancelled: set[str] = set()
        self.answered: set[str] = set()
        self.listening: list[Any] = []
        self.is_open = True

    @property
    def attempt(self) -> Attempt:
        return self.dialer.attempts[-1]

    async def play(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("ask",):
                text = str(len(self.asked))
                self.asked[text] = Asked(self.nursery, self.conn, text)
                await trio.lowlevel.checkpoint()
            case ("cancel", number) if str(number) in self.asked:
                self.cancelled.add(str(number))
                self.asked[str(number)].scope.cancel()
            case ("answer", int(number)) if self.is_open and number < len(self.attempt.calls):
                call_id, text = self.attempt.calls[number]
                self.answered.add(text)
                self.attempt.reply(call_id, int(text))
            case ("lose", (code, reason)) if self.is_open:
                self.is_open = False
                self.attempt.end(code, reason)
                await wait_all_tasks_blocked()
            case ("fail to dial",) if not self.is_open:
                (await self.next_attempt()).fail(lost())
                await wait_all_tasks_blocked()
            case ("dial",) if not self.is_open:
                (await self.next_attempt()).open()
                self.is_open = True
            case ("listen",):
                self.listening.append(self.conn.events(Room.said))
            case ("stop listening",) if self.listening:
                async with self.listening.pop():
                    pass
            case ("let run",):
                await wait_all_tasks_blocked()
            case _:
                pass

    async def next_attempt(self) -> Attempt:
        number = len(self.dialer.attempts)
        return self.attempt if self.dialer.running else await self.dialer.dialled(number)

    def check(self) -> None:
        sent = [text for attempt in self.dialer.attempts for _, text in attempt.calls]
        assert len(sent) == len(set(sent)), "a call was sent twice"
        for attempt in self.dialer.attempts:
            ids = [call_id for call_id, _ in attempt.calls]
            assert ids == sorted(ids)
            wanted = [entry[0] for entry in attempt.log if entry[0] in ("on", "off")]
            assert all(one != two for one, two in pairwise(wanted))
        if self.is_open:
            wanted = [entry[0] for entry in self.attempt.log if entry[0] in ("on", "off")]
            assert (wanted[-1:] == ["on"]) == bool(self.listening)

    def check_settled(self) -> None:
        for text, asked in self.asked.items():
            if asked.outcome is None:
                assert text in self.cancelled
            elif isinstance(asked.outcome, int):
                assert text in self.answered
                assert asked.outcome == int(text)
            else:
                assert isinstance(asked.outcome, ConnectionClosed | ConnectionLost)


async def play(steps: list[tuple[Any, ...]]) -> None:
    dialer = ScriptedDialer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dialer.opened)
        async with opening(dialer) as live:
            script = Script(nursery, dialer, Connection(live))
            for step in steps:
                await script.play(step)
                await wait_all_tasks_blocked()
                script.check()
    script.check_settled()
    assert dialer.running == 0


@given(st.lists(STEPS, max_size=40), st.integers(0, 2**32 - 1))
def test_queue_and_sessions_interleave(steps: list[tuple[Any, ...]], seed: int) -> None:
    run_shuffled(play, steps, seed=seed)
