from __future__ import annotations

import copy
import pickle

import attrs
import pytest

from trivet.protocol.messages import UNDEFINED, ActionRequest, Undefined, arguments_of


def test_undefined_is_one_object() -> None:
    assert Undefined() is UNDEFINED
    assert copy.copy(UNDEFINED) is UNDEFINED
    assert copy.deepcopy([UNDEFINED])[0] is UNDEFINED
    assert pickle.loads(pickle.dumps(UNDEFINED)) is UNDEFINED
    assert not UNDEFINED
    assert repr(UNDEFINED) == "UNDEFINED"
    assert not attrs.has(Undefined)


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
