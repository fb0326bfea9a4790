"""What holds for every type and every value of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from tests.declare.values.generated import Typed, anything, mutable_parts, types
from tests.declare.values.shapes import paths, state, wire
from trivet.declare.errors import ValidationError
from trivet.declare.values import UNDEFINED


@given(types, st.data())
def test_a_copy_is_equal_and_shares_nothing_that_could_change(
    typed: Typed, data: st.DataObject
) -> None:
    annotation, values = typed
    value = data.draw(values)
    shape = state(annotation)
    copied = shape.copy(value)
    assert copied == value
    assert type(copied) is type(value)
    assert not mutable_parts(copied).keys() & mutable_parts(value).keys()
    if shape.immutable:
        assert copied is value
        assert not mutable_parts(value)


@given(types, st.data())
def test_the_wire_brings_back_what_was_sent(typed: Typed, data: st.DataObject) -> None:
    annotation, values = typed
    value = data.draw(values)
    shape = state(annotation)
    dumped = shape.dump(value)
    loaded = shape.load(dumped)
    assert loaded == value
    assert shape.copy(loaded) == value  # which looks at the classes, too
    assert not mutable_parts(dumped).keys() & mutable_parts(value).keys()
    assert not mutable_parts(loaded).keys() & mutable_parts(dumped).keys()


@given(types, st.data())
def test_the_store_brings_back_what_was_stored(typed: Typed, data: st.DataObject) -> None:
    annotation, values = typed
    value = data.draw(values)
    shape = state(annotation)
    stored = shape.encode(value)
    decoded = shape.decode(stored)
    assert decoded == value
    assert shape.copy(decoded) == value
    assert shape.encode(decoded) == stored
    assert shape.encode(shape.copy(value)) == stored


@given(types, types, st.data())
def test_a_value_fits_or_is_explained(one: Typed, other: Typed, data: st.DataObject) -> None:
    value = data.draw(other[1])
    shape = state(one[0])
    try:
        copied = shape.copy(value)
    except ValidationError:
        assert all(" @ $" in line for line in paths(shape.copy, value))
        assert paths(shape.copy, value)
    else:
        assert copied == value


@given(types, anything | st.just(UNDEFINED))
def test_a_wire_value_fits_or_is_explained(typed: Typed, value: Any) -> None:
    shape = state(typed[0])
    try:
        loaded = shape.load(value)
    except ValidationError:
        assert all(" @ $" in line for line in paths(shape.load, value))
        assert paths(shape.load, value)
    else:
        assert shape.copy(loaded) == loaded


@given(types, st.binary() | anything.map(lambda value: state(Any).encode(value)))
def test_stored_data_fits_or_is_explained(typed: Typed, data: bytes) -> None:
    shape = state(typed[0])
    try:
        shape.decode(data)
    except ValidationError:
        assert paths(shape.decode, data)


def test_the_path_may_have_another_root() -> None:
    assert paths(wire(list[int]).load, ["x"], "$.numbers") == [
        "invalid type, expected int, got str @ $.numbers[0]"
    ]


def picky(_instance: object, _attribute: object, value: int) -> None:
    raise ValueError(f"my secret is {value}")


@attrs.define
class Picky:
    x: int = attrs.field(validator=picky)


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (wire(Picky).load, {"x": 1}),
        (wire(int).copy, "my secret"),
        (wire(int).load, "my secret"),
        (wire(str).encode, "\ud800my secret"),
        (wire(str).decode, b"my secret"),
    ],
)
def test_the_error_holds_neither_the_value_nor_what_led_to_it(
    convert: Callable[[Any], object], value: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        convert(value)
    assert "secret" not in f"{caught.value} {caught.value.metadata}"
    assert caught.value.__context__ is None
