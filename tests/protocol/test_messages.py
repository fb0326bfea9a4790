from __future__ import annotations

import attrs
import pytest

import trivet.declare.values as values
from trivet.protocol.messages import UNDEFINED, ActionRequest, Undefined, arguments_of


def test_what_is_undefined_on_the_wire_is_undefined_for_an_actor() -> None:
    assert UNDEFINED is values.UNDEFINED
    assert Undefined is values.Undefined


def test_arguments() -> None:
    args = [1]
    assert arguments_of(args) is args
    assert arguments_of(None) == []
    assert arguments_of(UNDEFINED) == []
    assert arguments_of({"a": 1}) == [{"a": 1}]


def test_messages_cannot_be_changed() -> None:
    request = ActionRequest(1, "a", [])
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(request, "name", "b")  # noqa: B010 - type checkers know that it fails
