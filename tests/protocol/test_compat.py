from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.protocol.wire_values import DOLLARS
from trivet.protocol.compat import escape, read_tag, set_of


@given(DOLLARS | st.text(max_size=5), st.integers())
def test_an_escaped_list_is_no_tag(first: str, second: int) -> None:
    assert read_tag(escape([first, second])) == [first, second]


@pytest.mark.parametrize("items", [[], ["$Set"], ["$Set", 1, 2], [1, "$Set"], ["Set", 1]])
def test_other_lists_are_left_alone(items: list[Any]) -> None:
    assert escape(list(items)) == items


def test_a_tag_that_nobody_defined_stays_a_list() -> None:
    assert read_tag(["$Date", 1]) == ["$Date", 1]


def test_sets_hold_scalars() -> None:
    scalars = [None, True, 2, 0.5, "a", b"b", datetime.now(UTC), 2**64 - 1, -(2**64)]
    assert set_of(scalars) == set(scalars)
    others: list[Any] = [[], {}, set[int](), 2**64, -(2**64) - 1, object(), (1,)]
    for other in others:
        assert set_of([other]) is None


def test_integers_of_equal_hashes_never_meet_in_a_set() -> None:
    modulus = 2**61 - 1
    assert set_of([modulus * step for step in range(100)]) is None
