"""Limits and class options are checked where they are written, and the error names the field."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

from trivet.declare.actor import Actor
from trivet.declare.options import Limits, Options

FIELDS = [field.name for field in attrs.fields(Limits)]
COUNTS = [field.name for field in attrs.fields(Limits) if isinstance(field.default, int)]
NUMBERS = [name for name in FIELDS if name not in COUNTS]


def made(name: str, value: Any) -> Limits:
    return Limits(**{name: value})


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [-1, -0.5, math.nan, True, False, "1", None, [1]])
def test_a_limit_that_is_none_is_refused(name: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{name} must be "):
        made(name, value)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [1.0, math.inf])
def test_a_count_is_whole(name: str, value: float) -> None:
    with pytest.raises(TypeError, match=rf"^{name} must be a whole number"):
        made(name, value)


@pytest.mark.parametrize("name", FIELDS)
def test_zero_bounds_nothing_but_a_grace(name: str) -> None:
    if name == "grace":
        assert made(name, 0).grace == 0
    else:
        with pytest.raises(ValueError, match=rf"^{name} must be more than zero"):
            made(name, 0)


@pytest.mark.parametrize("name", NUMBERS)
def test_seconds_may_be_whole_or_endless(name: str) -> None:
    assert getattr(made(name, 3), name) == 3
    assert getattr(made(name, math.inf), name) == math.inf


@pytest.mark.parametrize("option", ["grace", "sleep_after", "action_timeout"])
@pytest.mark.parametrize("value", [-1, math.nan, True, "1"])
def test_an_option_that_is_no_number_of_seconds_fails_with_its_class(
    option: str, value: Any
) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{option} must be "):
        type("Wrong", (Actor,), {}, **{option: value})


def test_a_class_takes_limits_as_limits() -> None:
    wrong: Any = {"mailbox": 1}
    with pytest.raises(TypeError, match="limits"):
        Options(limits=wrong)
