"""Whatever happens to connections and instances, in whatever order: the promises hold.

Each example draws a script, and the seed of Trio's scheduler: Trio registers its random generator
with Hypothesis, so ``random_module`` is all it takes to make an example replay, and shrink.
"""

from __future__ import annotations

from typing import Any

import attrs
import trio
from hypothesis import given, settings, strategies as st
from hypothesis.internal.entropy import deterministic_PRNG
from trio.testing import MockClock

from tests.runtime.lifecycle_model import Plan, Step
from tests.runtime.lifecycle_player import live
from tests.runtime.runtimes import Recorder
from trivet.lifecycle.connection import ConnectionEvent

PLACE = st.sampled_from(["hall", "hall", "hall", "yard"])
KEY = st.sampled_from("aaab")
NAME = st.sampled_from(["ann", "ann", "bob", "eve"])
QUICK = st.sampled_from(["ok", "ok", "slow"])
OUTCOME = st.sampled_from(["ok", "ok", "ok", "slow", "fail", "break", "hang"])
HOOKED = st.sampled_from(["ok", "ok", "slow", "slow", "kick", "fail", "break", "hang"])
PLANS = st.builds(Plan, NAME, OUTCOME, OUTCOME, HOOKED, HOOKED)
GOOD = st.builds(Plan, NAME, QUICK, QUICK, QUICK, HOOKED)
MANNER = st.sampled_from(["polite", "prompt", "silent", "vanished"])
NUMBER = st.integers(0, 5)
WORDS = st.sampled_from(["hello", "hello", "nap", "turn", "rest", "fall", "break", "leave"])


def nested(word: str) -> list[Any]:
    return [[word]]


def alone(value: object) -> list[Any]:
    return [value]


def both(name: str, patience: float) -> list[Any]:
    return [name, patience]


def asking(place: str, key: str, plan: Plan, call: tuple[str, list[Any]], patience: float) -> Step:
    return ("ask", place, key, plan, *call, patience)


WITHOUT_ARGUMENTS: list[tuple[str, list[Any]]] = [
    ("kick_myself", []),
    ("kick_all", []),
    ("write_later", []),
    ("write_until", []),
    ("rest", []),
    ("end", []),
    ("fail", []),
    ("fall", []),
]
CALLS: st.SearchStrategy[tuple[str, list[Any]]] = st.one_of(
    st.tuples(st.just("note"), st.builds(nested, st.sampled_from("xyz"))),
    st.tuples(st.just("nap"), st.builds(alone, st.sampled_from([0.5, 3.0, 20.0]))),
    st.tuples(st.just("hold"), st.builds(alone, st.sampled_from([0.5, 3.0, 20.0]))),
    st.tuples(st.just("mark"), st.builds(alone, st.sampled_from("xyz"))),
    st.tuples(st.just("kick_some"), st.builds(alone, st.lists(NAME, max_size=2))),
    st.tuples(st.just("kick_one"), st.builds(both, NAME, st.sampled_from([0.5, 100.0]))),
    st.sampled_from(WITHOUT_ARGUMENTS),
)

ASKS: st.SearchStrategy[Step] = st.builds(
    asking, PLACE, KEY, GOOD | PLANS, CALLS, st.sampled_from([0.0, 1.0, 100.0])
)
SAYING: st.SearchStrategy[Step] = st.tuples(
    st.just("says"), NUMBER, st.lists(WORDS, min_size=1, max_size=4)
)
STEPS: st.SearchStrategy[Step] = st.one_of(
    ASKS,
    st.tuples(st.just("enter"), PLACE, KEY, GOOD | PLANS, MANNER),
    st.tuples(st.just("pause"), st.sampled_from([0.0, 0.5, 1.0, 4.0, 12.0])),
    st.tuples(st.just("calls"), NUMBER, st.lists(CALLS, min_size=1, max_size=4)),
    ASKS,
    st.tuples(st.just("leave"), NUMBER, st.sampled_from(["client", "network"])),
    st.tuples(st.just("subscribe"), NUMBER, st.booleans()),
    st.tuples(st.just("kick"), NUMBER),
    st.tuples(st.sampled_from(["put away", "put away", "destroy"]), PLACE, KEY),
    st.tuples(st.just("socket"), KEY, GOOD, MANNER, st.sampled_from(["/?keep", "/?keep", "/"])),
    SAYING,
    SAYING,
)


# Somebody is there from the start, so that what follows has somebody to happen to.
ENTERING: st.SearchStrategy[Step] = st.tuples(st.just("enter"), PLACE, KEY, GOOD, MANNER) | (
    st.tuples(st.just("socket"), KEY, GOOD, MANNER, st.just("/?keep"))
)
SCRIPTS = st.builds(
    list[Step].__add__,
    st.lists(ENTERING, min_size=3, max_size=5),
    st.lists(STEPS, min_size=8, max_size=30),
)


@settings(max_examples=10 * settings().max_examples)  # they are short
@given(script=SCRIPTS, scheduler=st.random_module())
def test_the_promises_hold(script: list[Step], scheduler: object) -> None:
    trio.run(live, script, clock=MockClock(autojump_threshold=0))


@attrs.define
class Story(Recorder):
    """Keeps the steps of all connections in their order, and by the order of their first step."""

    told: list[tuple[float, int, ConnectionEvent]] = attrs.Factory(
        list[tuple[float, int, ConnectionEvent]]
    )

    def connection_step(self, actor: str, conn_id: str, event: ConnectionEvent) -> None:
        Recorder.connection_step(self, actor, conn_id, event)
        number = list(self.connections).index(conn_id)
        self.told.append((trio.current_time(), number, event))


@given(script=SCRIPTS, seed=st.integers(0, 2**32 - 1))
def test_a_script_replays(script: list[Step], seed: int) -> None:
    told: list[object] = []
    for pieces in (0, 1000):  # what is made the second time lies elsewhere in memory
        moved = [bytearray(64 + number) for number in range(pieces)]
        story = Story()
        with deterministic_PRNG(seed):
            trio.run(live, script, story, clock=MockClock(autojump_threshold=0))
        told.append(story.told)
        del moved
    assert told[0] == told[1]
