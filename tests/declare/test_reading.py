"""What is read from actor classes, and which mistakes end their creation."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

import attrs
import pytest

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.definition import Definition
from trivet.declare.event import Event
from trivet.declare.registry import definition_of

T = TypeVar("T")


@attrs.define
class Shared:
    tags: list[int] = []  # noqa: RUF008  # the mistake that is to do no harm


def read(actor: type[Actor[Any, Any, Any, Any]]) -> Definition:
    return definition_of(actor)


@pytest.mark.parametrize("which", ["default_state", "default_conn_state"])
def test_each_default_is_a_copy(which: str) -> None:
    class Room(Actor[Shared, Shared]):
        pass

    make = getattr(read(Room), which)
    make().tags.append(1)
    assert make().tags == []


def test_a_default_must_fit_its_type() -> None:
    with pytest.raises(TypeError, match=r"Pair: its state type .* override create_state"):

        class Pair(Actor[tuple[int, int]]):  # pyright: ignore[reportUnusedClass]  # not made
            pass


def test_a_base_may_leave_types_to_its_subclasses() -> None:
    class Base(Actor[T]):
        @action
        def size(self) -> int:
            return 1

    class Words(Base[list[str]]):
        pass

    assert read(Words).default_state() == []
    assert list(read(Words).methods_by_name) == ["size"]


def test_declarations_may_come_from_classes_that_are_no_actors() -> None:
    class Loud:
        shouted = Event[str]()

        @action
        def shout(self: Any) -> str:
            return "hey"

    class Room(Loud, Actor):
        pass

    definition = read(Room)
    assert list(definition.methods_by_name) == ["shout"]
    assert list(definition.events_by_name) == ["shouted"]


def test_an_overridden_event_answers_for_its_bases_token() -> None:
    class Base(Actor):
        said = Event[str]()

    class Room(Base):
        said = Event[str](name="spoken")

    assert read(Room).event(Base.said) is read(Room).event(Room.said)
    assert list(read(Room).events_by_name) == ["spoken"]


def test_a_hook_that_may_wait_is_an_async_def() -> None:
    with pytest.raises(TypeError, match=r"Room\.on_wake must be an `async def`"):

        class Room(Actor):  # pyright: ignore[reportUnusedClass]  # not made
            def on_wake(self) -> None:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]  # that is the mistake
                pass


def test_a_plain_hook_is_a_def() -> None:
    with pytest.raises(TypeError, match=r"Room\.can_subscribe must be a plain `def`"):

        class Room(Actor):  # pyright: ignore[reportUnusedClass]  # not made
            async def can_subscribe(  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]  # that is the mistake
                self, event: Any, conn: Any
            ) -> bool:
                return True


def plain(self: Any) -> int:
    return 1


@pytest.mark.parametrize(
    "wrong",
    [staticmethod(plain), classmethod(plain), property(plain), functools.partial(plain), 5],
)
def test_only_functions_are_actions(wrong: Any) -> None:
    with pytest.raises(TypeError, match=rf"an action is a function, not {type(wrong).__name__}"):
        action(wrong)


def test_an_action_returns_its_result() -> None:
    with pytest.raises(TypeError, match=r"Room\.numbers: an action returns its result"):

        class Room(Actor):  # pyright: ignore[reportUnusedClass]  # not made
            @action
            def numbers(self) -> Any:
                yield 1


def test_an_action_that_changes_nothing_has_nothing_to_undo() -> None:
    with pytest.raises(TypeError, match=r"Room\.look: .* cannot be both atomic and readonly"):

        class Room(Actor[int]):  # pyright: ignore[reportUnusedClass]  # not made
            @action(atomic=True, readonly=True)
            def look(self) -> int:
                return self.state


def decorated(function: Any, **options: Any) -> Any:
    """Declare what type checkers would refuse already."""
    declare: Any = action
    return declare(**options)(function)


async def act_slowly(self: Any) -> None:
    pass


def act(self: Any) -> None:
    pass


@pytest.mark.parametrize("option", ["concurrent", "reentrant", "cancel_with_caller"])
def test_what_only_an_asynchronous_action_can_be(option: str) -> None:
    class Right(Actor):
        act = decorated(act_slowly, **{option: True})

    assert getattr(read(Right).methods_by_name["act"], option)
    with pytest.raises(
        TypeError, match=rf"Wrong\.act: only an `async def` action can have {option}="
    ):

        class Wrong(Actor):  # pyright: ignore[reportUnusedClass]  # not made
            act = decorated(act, **{option: True})


@pytest.mark.parametrize("other", ["concurrent", "reentrant"])
def test_an_action_cannot_be_both_atomic_and_beside_others(other: str) -> None:
    with pytest.raises(TypeError, match=rf"\.act: an action cannot be both atomic and {other}"):

        class Wrong(Actor[int]):  # pyright: ignore[reportUnusedClass]  # not made
            act = decorated(act_slowly, atomic=True, **{other: True})


def test_a_class_of_concurrent_actions_has_no_atomic_one_that_waits() -> None:
    with pytest.raises(TypeError, match=r"\.act: an action cannot be both atomic and concurrent"):

        class Mistaken(Actor[int], concurrent=True):  # pyright: ignore[reportUnusedClass]  # not made
            @action(atomic=True)
            async def act(self) -> None:
                pass


def test_an_atomic_action_that_waits_has_no_concurrent_ones_beside_it() -> None:
    class Fine(Actor[int], concurrent=True):
        @action
        async def beside(self) -> None:
            pass

        @action(atomic=True)
        def at_once(self) -> None:
            pass

    methods = read(Fine).methods_by_name
    assert methods["beside"].concurrent
    assert not methods["at_once"].concurrent

    with pytest.raises(
        TypeError, match=r"Wrong\.slowly: .* undo what the concurrent action beside"
    ):

        class Wrong(Actor[int]):  # pyright: ignore[reportUnusedClass]  # not made
            @action(concurrent=True)
            async def beside(self) -> None:
                pass

            @action(atomic=True)
            async def slowly(self) -> None:
                pass
