from __future__ import annotations

from typing import Any

import attrs
import pytest

import trivet.declare.errors as errors
from tests.runtime.fakes import fake_instance
from tests.runtime.runtimes import call, opened
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.values import Place, Shape, shape_of
from trivet.runtime.state import NO_STATE, State
from trivet.runtime.turn import Turn, running_turn


@attrs.frozen
class Point:
    x: int
    y: int = 0


def shape(annotation: Any) -> Shape[Any]:
    return shape_of(annotation, place=Place.STATE, where="Fake: state")


def state_of(annotation: Any, value: Any = None) -> State:
    state = State(fake_instance(), shape(annotation))
    state.value = value
    return state


def test_the_first_capture_is_always_one() -> None:
    state = state_of(list[int], [1])
    assert state.capture() == shape(list[int]).encode([1])


def test_an_untouched_state_is_not_looked_at() -> None:
    state = state_of(list[int], [1])
    state.capture()
    state.value.append(2)  # behind its back
    assert state.capture() is None
    state.touched = True
    assert state.capture() is not None


def test_what_was_only_read_is_not_stored_again() -> None:
    state = state_of(list[int], [1])
    state.capture()
    state.touched = True
    assert state.capture() is None
    assert not state.touched


def test_a_change_in_place_is_found() -> None:
    state = state_of(dict[str, list[int]], {"a": []})
    state.capture()
    state.touched = True
    state.value["a"].append(1)
    assert state.capture() == shape(dict[str, list[int]]).encode({"a": [1]})


def test_a_change_that_was_taken_back_is_none() -> None:
    state = state_of(list[int], [1])
    state.capture()
    state.touched = True
    state.value.append(2)
    state.value.pop()
    assert state.capture() is None


def test_an_immutable_state_is_compared_by_identity_first() -> None:
    state = state_of(Point, Point(1))
    state.capture()
    state.touched = True
    assert state.capture() is None
    state.value, state.touched = Point(1), True  # another object, the same bytes
    assert state.capture() is None
    state.value, state.touched = Point(2), True
    assert state.capture() == shape(Point).encode(Point(2))


def test_a_restored_state_is_stored_already() -> None:
    state = state_of(list[int])
    state.restore(shape(list[int]).encode([1, 2]))
    assert state.value == [1, 2]
    assert state.capture() is None
    state.touched = True
    assert state.capture() is None
    state.touched = True
    state.value.append(3)
    assert state.capture() == shape(list[int]).encode([1, 2, 3])


def test_what_does_not_fit_stays_a_change() -> None:
    """A failed save must not make the next one believe that nothing is left to store."""
    state = state_of(list[int], [1])
    state.capture()
    state.touched = True
    state.value.append("two")
    for _ in range(2):
        with pytest.raises(errors.ValidationError):
            state.capture()
    state.value[1] = 2
    assert state.capture() == shape(list[int]).encode([1, 2])


def test_while_the_turn_goes_on_the_state_stays_touched() -> None:
    """It may have kept the object, and change it without reading ``self.state`` again."""
    state = state_of(list[int], [1])
    state.capture(goes_on=True)
    assert state.touched
    state.value.append(2)
    assert state.capture() == shape(list[int]).encode([1, 2])
    assert not state.touched


def test_a_state_beyond_its_limit_is_refused_with_its_size() -> None:
    state = state_of(str, "x" * 2_000_000)
    with pytest.raises(errors.ActionError) as caught:
        state.capture()
    assert caught.value.code == "state_too_large"
    assert caught.value.metadata == {"size": 2_000_005, "limit": 1_048_576}


@pytest.mark.parametrize(("annotation", "value"), [(list[int], [1]), (tuple[int, ...], (1,))])
def test_what_is_kept_brings_back_what_there_was(annotation: Any, value: Any) -> None:
    state = state_of(annotation, value)
    before, kept, held = state.snapshot(), state.keep(), state.value
    assert not state.differs_from(before)
    state.value = annotation([1, 2]) if annotation is not list[int] else [1, 2]
    assert state.differs_from(before)
    state.roll_back(kept)
    assert state.value == value
    assert state.value is held
    assert not state.differs_from(before)
    assert state.touched


async def test_it_is_assigned_in_a_turn_of_its_actor_only() -> None:
    instance = fake_instance()
    state = State(instance, shape(int))
    with pytest.raises(errors.NotInTurnError):
        state.assign(2)
    turn = Turn(instance, "turn")
    instance.mailbox.put(turn)
    with pytest.raises(errors.NotInTurnError):
        state.assign(2)  # somebody's turn, but not ours
    token = running_turn.set(turn)
    try:
        state.assign(2)
        assert state.value == 2
        instance.mailbox.end(turn)
        with pytest.raises(errors.NotInTurnError):
            state.assign(3)
    finally:
        running_turn.reset(token)


def test_an_actor_without_state_says_so() -> None:
    for use in (lambda: NO_STATE.value, lambda: NO_STATE.assign(1)):
        with pytest.raises(errors.StateNotEnabled):
            use()
    NO_STATE.restore(b"what an older class stored")
    assert not NO_STATE.touched


SHARED: list[str] = []


class Careless(Actor[list[str]]):
    async def create_state(self, input: None) -> list[str]:
        return SHARED

    @action
    def add(self, text: str) -> list[str]:
        self.state.append(text)
        return self.state


async def test_what_create_state_returns_is_copied() -> None:
    async with opened(Careless) as runtime:
        assert await call(runtime, Careless.add, "one") == ["one"]
        assert await call(runtime, Careless.add, "two", key="b") == ["two"]
    assert SHARED == []


class Stateless(Actor):
    @action
    def ask_for_state(self) -> None:
        assert self.state is None

    @action
    def answer(self) -> int:
        return 42


async def test_who_asks_for_a_state_it_has_not_leaves_the_store_alone() -> None:
    """Every actor without a state has the same stand-in, which must not remember who asked."""
    storage = HeldStorage()
    storage.holding = False
    async with opened(Stateless, storage=storage) as runtime:
        with pytest.raises(errors.StateNotEnabled):
            await call(runtime, Stateless.ask_for_state)
        assert await call(runtime, Stateless.answer) == 42
    async with opened(Stateless, storage=storage) as runtime:
        assert await call(runtime, Stateless.answer) == 42
