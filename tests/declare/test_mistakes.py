"""Mistakes in declarations, and in what names them: each is refused where it is made."""

from __future__ import annotations

import re
from types import new_class
from typing import Any

import pytest

import trivet
from trivet.declare.registry import definition_of

UNCALLED: Any = trivet.Event[int]
BARE: Any = trivet.Event


def declared(**attributes: Any) -> type[trivet.Actor]:
    """A class that type checkers would not let pass."""
    return new_class("Room", (trivet.Actor,), {}, lambda space: space.update(attributes))


@pytest.mark.parametrize(
    ("written", "meant"),
    [(UNCALLED, "trivet.Event[int]()"), (BARE, "trivet.Event()")],
)
def test_the_type_of_an_event_is_no_event(written: Any, meant: str) -> None:
    with pytest.raises(TypeError, match=re.escape("Room.said is the type of an event")) as caught:
        declared(said=written)
    assert f"said = {meant}" in str(caught.value)


async def nothing(self: Any) -> None: ...


async def too_much(self: Any, one: Any, two: Any) -> None: ...


def only_the_event(self: Any, event: Any) -> bool:
    return True


async def nothing_of_the_class(cls: Any) -> bool:
    return True


async def only_the_stored(self: Any, stored: Any) -> None: ...


@pytest.mark.parametrize(
    ("hook", "wrong", "right"),
    [
        (
            "on_before_connect",
            nothing,
            "async def on_before_connect(self, params: ParamsT) -> None",
        ),
        ("on_wake", too_much, "async def on_wake(self) -> None"),
        ("on_request", nothing, "async def on_request(self, request: Request) -> Response | None"),
        ("on_websocket", nothing, "async def on_websocket(self, socket: WebSocket[ConnStateT])"),
        ("on_connect", too_much, "async def on_connect(self, conn: Conn[ConnStateT]) -> None"),
        (
            "on_migrate",
            only_the_stored,
            "async def on_migrate(self, stored: Any, *, new: bool) -> Any",
        ),
        (
            "can_subscribe",
            only_the_event,
            "def can_subscribe(self, event: Event[Any], conn: Conn[ConnStateT]) -> bool",
        ),
        (
            "authorize",
            classmethod(nothing_of_the_class),
            "@classmethod async def authorize(cls, request: Request) -> bool",
        ),
        ("authorize", too_much, "@classmethod async def authorize(cls, request: Request) -> bool"),
        ("can_subscribe", nothing, "def can_subscribe(self, event: Event[Any], conn:"),
        ("on_connect", staticmethod(too_much), "async def on_connect(self, conn:"),
    ],
)
def test_a_hook_takes_what_it_is_called_with(hook: str, wrong: Any, right: str) -> None:
    with pytest.raises(TypeError, match=rf"Room\.{hook} must ") as caught:
        declared(**{hook: wrong})
    assert right in str(caught.value)


def test_a_hook_may_take_more_and_name_it_otherwise() -> None:
    async def on_connect(self: Any, connection: Any, *, quietly: bool = False) -> None: ...

    async def on_migrate(self: Any, data: Any, **more: Any) -> Any: ...

    async def on_disconnect(self: Any, *given: Any) -> None: ...

    declared(on_connect=on_connect, on_migrate=on_migrate, on_disconnect=on_disconnect)


def test_a_registry_has_a_class() -> None:
    with pytest.raises(ValueError, match="at least one actor class"):
        trivet.Registry()


# What names a declaration


class Board(trivet.Actor[int]):
    added = trivet.Event[int](name="cardAdded")

    @trivet.action(name="addCard")
    def add(self) -> None: ...


class Other(trivet.Actor): ...


def test_a_text_is_no_token() -> None:
    text: Any
    board = definition_of(Board)
    for text, said in (
        ("addCard", "'addCard' is no action of Board: name Board.add, or use call_by_name"),
        ("nothing", "'nothing' is no action of Board"),
    ):
        with pytest.raises(LookupError) as calling:
            board.method(text)
        assert str(calling.value) == said
    for text, said in (
        ("cardAdded", "'cardAdded' is no event of Board: name Board.added, or use events_by_name"),
        ("nothing", "'nothing' is no event of Board"),
    ):
        with pytest.raises(LookupError) as hearing:
            board.event(text)
        assert str(hearing.value) == said


async def test_a_class_that_is_not_registered_is_named_with_those_that_are() -> None:
    async with trivet.open_runtime(trivet.Registry(Board)) as runtime:
        with pytest.raises(LookupError, match="Other is not in the registry, which has Board"):
            runtime.client.get(Other, "a")
        text: Any = "add"
        with pytest.raises(LookupError, match="'add' is no action of Board"):
            await runtime.client.get_or_create(Board, "a").call(text)
