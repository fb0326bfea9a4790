from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

import trivet.declare.errors as errors
from tests.runtime.fakes import fake_instance
from trivet.lifecycle.actor import ActorState
from trivet.runtime.turn import Turn
from trivet.runtime.waits import waiting_for, waiting_for_start


def held(instances: Sequence[Any]) -> list[Turn]:
    """A turn that holds each of the instances."""
    turns = [Turn(each, "turn") for each in instances]
    for turn in turns:
        turn.instance.mailbox.put(turn)
    return turns


async def test_a_call_to_oneself_is_refused() -> None:
    a = fake_instance("A")
    (turn,) = held([a])
    with pytest.raises(errors.CallCycleError) as caught:
        with waiting_for(turn, a):
            pass
    assert caught.value.metadata == {"path": ["A", "A"]}
    assert "A → A" in caught.value.message
    assert not turn.waits_for


async def test_a_circle_of_three_is_refused_and_named() -> None:
    a, b, c = map(fake_instance, "ABC")
    of_a, of_b, of_c = held([a, b, c])
    with waiting_for(of_a, b), waiting_for(of_b, c):
        with pytest.raises(errors.CallCycleError) as caught:
            with waiting_for(of_c, a):
                pass
    assert caught.value.metadata == {"path": ["C", "A", "B", "C"]}


async def test_a_wait_that_is_over_closes_no_circle() -> None:
    a, b = map(fake_instance, "AB")
    of_a, of_b = held([a, b])
    with waiting_for(of_a, b):
        pass
    with waiting_for(of_b, a):
        assert [wait.target for wait in of_b.waits_for or ()] == [a]


async def test_a_diamond_is_no_circle() -> None:
    a, b, c, d = map(fake_instance, "ABCD")
    of_a, of_b, of_c, of_d = held([a, b, c, d])
    with ExitStack() as waits:
        for turn, target in ((of_a, b), (of_a, c), (of_b, d), (of_c, d)):
            waits.enter_context(waiting_for(turn, target))
        with pytest.raises(errors.CallCycleError):
            waits.enter_context(waiting_for(of_d, a))


async def test_who_has_no_turn_closes_no_circle() -> None:
    a, b = map(fake_instance, "AB")
    of_a, _ = held([a, b])
    with waiting_for(of_a, b), waiting_for(None, a):
        pass


async def test_a_turn_that_only_queues_holds_nothing() -> None:
    a, b = map(fake_instance, "AB")
    of_a, of_b = held([a, b])
    queued = Turn(b, "queued")
    b.mailbox.put(queued)
    with waiting_for(queued, a):  # its own wait would be wrong, but it does not hold B
        with waiting_for(of_a, b):
            pass
    assert not of_b.waits_for


async def test_a_hook_that_borrows_a_turn_holds_the_actor() -> None:
    a, b = map(fake_instance, "AB")
    of_a, of_b = held([a, b])
    hook = Turn(b, "on_disconnect")
    of_b.lend(hook)
    with waiting_for(hook, a):
        with pytest.raises(errors.CallCycleError):
            with waiting_for(of_a, b):
                pass
    with waiting_for(of_a, b):
        with pytest.raises(errors.CallCycleError):
            with waiting_for(hook, a):
                pass


async def test_two_tasks_of_one_turn_may_wait_for_the_same_actor() -> None:
    a, b = map(fake_instance, "AB")
    of_a, of_b = held([a, b])
    with waiting_for(of_a, b):
        with waiting_for(of_a, b):
            pass
        with pytest.raises(errors.CallCycleError):  # one of them still waits
            with waiting_for(of_b, a):
                pass


async def test_an_answer_ends_a_wait_before_the_task_goes_on() -> None:
    a, b = map(fake_instance, "AB")
    of_a, of_b = held([a, b])
    with waiting_for(of_a, b) as wait:
        wait.is_over = True
        with waiting_for(of_b, a):
            pass


async def test_a_wait_for_a_start_is_over_when_the_actor_is_awake() -> None:
    a, b = map(fake_instance, "AB")
    of_a, of_b = held([a, b])
    b.phase = ActorState.STARTING
    with waiting_for_start(of_a, b):
        with pytest.raises(errors.CallCycleError):
            with waiting_for(of_b, a):
                pass
        b.phase = ActorState.AWAKE
        with waiting_for(of_b, a):
            pass
