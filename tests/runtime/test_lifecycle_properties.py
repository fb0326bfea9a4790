"""Whatever happens to connections and instances, in whatever order: the promises hold.

Each example draws a script, and the seed of Trio's scheduler: Trio registers its random generator
with Hypothesis, so ``random_module`` is all it takes to make an example replay, and shrink.
"""

from __future__ import annotations

from typing import Any

import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock

from tests.runtime.lifecycle_model import Plan, Step, live

PLACE = st.sampled_from(["hall", "hall", "yard"])
KEY = st.sampled_from("ab")
NAME = st.sampled_from(["ann", "bob", "eve"])
OUTCOME = st.sampled_from(["ok", "ok", "ok", "slow", "fail", "break", "hang"])
HOOKED = st.sampled_from(["ok", "ok", "ok", "slow", "kick", "fail", "break", "hang"])
PLANS = st.builds(Plan, NAME, OUTCOME, OUTCOME, HOOKED, HOOKED)
GOOD = st.builds(Plan, NAME, disconnect=HOOKED)
MANNER = st.sampled_from(["polite", "prompt", "silent", "vanished"])
NUMBER = st.integers(0, 5)


def nested(word: str) -> list[Any]:
    return [[word]]


def alone(value: object) -> list[Any]:
    return [value]


def calling(number: int, call: tuple[str, list[Any]]) -> Step:
    return ("call", number, *call)


def asking(place: str, key: str, plan: Plan, call: tuple[str, list[Any]], patience: float) -> Step:
    return ("ask", place, key, plan, *call, patience)


WITHOUT_ARGUMENTS: list[tuple[str, list[Any]]] = [
    ("kick_myself", []),
    ("write_later", []),
    ("fail", []),
    ("fall", []),
]
CALLS: st.SearchStrategy[tuple[str, list[Any]]] = st.one_of(
    st.tuples(st.just("note"), st.builds(nested, st.sampled_from("xyz"))),
    st.tuples(st.just("nap"), st.builds(alone, st.sampled_from([0.0, 0.5, 3.0, 20.0]))),
    st.tuples(st.just("mark"), st.builds(alone, st.sampled_from("xyz"))),
    st.tuples(st.just("kick_some"), st.builds(alone, st.lists(NAME, max_size=2))),
    st.sampled_from(WITHOUT_ARGUMENTS),
)

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("enter"), PLACE, KEY, GOOD | PLANS, MANNER),
    st.tuples(st.just("pause"), st.sampled_from([0.0, 0.5, 1.0, 4.0, 7.0])),
    st.builds(calling, NUMBER, CALLS),
    st.builds(asking, PLACE, KEY, GOOD | PLANS, CALLS, st.sampled_from([0.0, 1.0, 100.0])),
    st.tuples(st.just("leave"), NUMBER, st.sampled_from(["client", "network"])),
    st.tuples(st.just("subscribe"), NUMBER, st.booleans()),
    st.tuples(st.just("kick"), NUMBER),
    st.tuples(st.just("put away"), PLACE, KEY),
)


@given(script=st.lists(STEPS, min_size=10, max_size=40), scheduler=st.random_module())
def test_the_promises_hold(script: list[Step], scheduler: object) -> None:
    trio.run(live, script, clock=MockClock(autojump_threshold=0))
