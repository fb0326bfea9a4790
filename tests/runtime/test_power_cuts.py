"""Whatever is cut, and when: what was told is there, by whole segments, and each hook ran once."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given, settings, strategies as st
from trio.testing import MockClock

from tests.runtime.power_world import KEYS, World

KEY = st.sampled_from(KEYS)
REST = st.integers(0, 2)
INDEX = st.integers(0, 3)
MANNERS = (
    "",
    "late",
    "early",
    "loud",
    "saves before",
    "saves after",
    "calls before",
    "calls after",
)
MANNER = st.sampled_from(MANNERS)
ACTIONS = st.one_of(
    st.tuples(st.just("sync")),
    st.tuples(st.just("quiet")),
    st.tuples(st.just("played"), MANNER),
    st.tuples(st.just("atomic"), st.booleans()),
)
WITHOUT_NUMBER = st.sampled_from([("kick",), ("read",)])


def step(what: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One step, and how long to rest after it: not at all, a moment, until nothing moves."""
    return st.tuples(st.just(what), REST, *args)


def flat(drawn: tuple[Any, ...]) -> tuple[Any, ...]:
    *head, called = drawn
    return *head, *called


CALL = step("call", KEY, ACTIONS | WITHOUT_NUMBER).map(flat)
SEND = step("send", INDEX, ACTIONS).map(flat)
CONNECT = step("connect", KEY, st.builds("{}/{}".format, MANNER, MANNER))
STEPS = st.one_of(
    CALL,
    CALL,
    SEND,
    CONNECT,
    step("leave", INDEX),
    step("hold", st.booleans()),
    step("succeed", INDEX),
    step("succeed", INDEX),
    step("fail", INDEX),
    step("put away", KEY),
    step("crash", KEY),
    step("wait", st.sampled_from([0.5, 1.0, 7.0])),
    step("kill"),
)


@pytest.mark.slow
@settings(max_examples=60)
@given(script=st.lists(STEPS, max_size=40), scheduler=st.random_module())
def test_what_was_told_survives_whatever_is_cut(script: list[Any], scheduler: object) -> None:
    trio.run(World().live, script, clock=MockClock(autojump_threshold=0))
