"""What a value was, brought back into the same objects."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, strategies as st

from tests.declare.values.generated import Typed, mutable_parts, types
from trivet.declare.values import Kept, Place, shape_of


@attrs.define
class Room:
    lines: list[str] = attrs.Factory(list[str])
    seats: dict[int, set[str]] = attrs.Factory(dict[int, set[str]])
    pair: tuple[list[int], int] = attrs.field(factory=lambda: ([], 0))


@attrs.define(slots=False)
class Open:
    lines: list[str] = attrs.Factory(list[str])


@attrs.define
class Inner(Room):
    late: list[int] = attrs.field(init=False)


def test_the_same_objects_are_what_they_were() -> None:
    room = Room(["a", "b"], {1: {"ann"}, 2: {"bob"}}, ([1], 2))
    lines, seats, seat, first = room.lines, room.seats, room.seats[1], room.pair[0]
    kept = Kept(room)
    lines.insert(0, "new")
    seat.add("eve")
    del seats[1]
    seats[3] = {"new"}
    first.append(2)
    room.pair = ([5], 5)
    room.lines = []
    kept.bring_back()
    assert room == Room(["a", "b"], {1: {"ann"}, 2: {"bob"}}, ([1], 2))
    assert list(seats) == [1, 2]
    assert (room.lines is lines, room.seats is seats, seats[1] is seat, room.pair[0] is first) == (
        True,
        True,
        True,
        True,
    )


def test_what_has_moved_keeps_its_identity() -> None:
    rooms = [Room(["a"]), Room(["b"])]
    held = rooms[0]
    kept = Kept(rooms)
    rooms.insert(0, Room(["new"]))
    held.lines.append("c")
    kept.bring_back()
    assert rooms[0] is held
    assert rooms == [Room(["a"]), Room(["b"])]


def test_attributes_that_no_slot_holds() -> None:
    value = Open(["a"])
    kept = Kept(value)
    vars(value)["extra"] = 1
    value.lines = ["b"]
    kept.bring_back()
    assert vars(value) == {"lines": ["a"]}


def test_attributes_that_were_not_there_yet() -> None:
    value = Inner()
    kept = Kept(value)
    value.late = [1]
    kept.bring_back()
    assert not hasattr(value, "late")


def test_what_has_not_changed_is_left_alone() -> None:
    value = {"a": [1], "b": [2]}
    kept = Kept(value)
    value["b"].append(3)
    walk = iter(value)
    assert next(walk) == "a"
    kept.bring_back()
    assert list(walk) == ["b"]
    assert value == {"a": [1], "b": [2]}


def test_a_circle_ends() -> None:
    value: list[Any] = [1]
    value.append(value)
    kept = Kept(value)
    value.clear()
    kept.bring_back()
    assert value[0] == 1
    assert value[1] is value


@given(st.data())
def test_of_every_type(data: st.DataObject) -> None:
    typed: Typed = data.draw(types)
    annotation, values = typed
    shape = shape_of(annotation, place=Place.STATE, where="test")
    value = shape.copy(data.draw(values))
    before = shape.encode(value)
    kept = Kept(value)
    for part in mutable_parts(value).values():
        if isinstance(part, list | set | dict):
            part.clear()
    kept.bring_back()
    assert shape.encode(value) == before
