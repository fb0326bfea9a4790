"""Every limit says what it bounds and what happens beyond it: the reference is made from that."""

from __future__ import annotations

import inspect
import re

import attrs
import pytest

import trivet

ENTRY = re.compile(r"^    (\w+): ((?:.+\n)(?:^ {8}.+\n)*)", re.MULTILINE)
LIMITS = {field.name: field.default for field in attrs.fields(trivet.Limits)}
ENTRIES = {
    name: " ".join(text.split())
    for name, text in ENTRY.findall(inspect.getdoc(trivet.Limits) or "")
}


def test_they_are_told_in_their_order() -> None:
    assert [name for name in ENTRIES if name in LIMITS] == list(LIMITS)


@pytest.mark.parametrize("name", LIMITS)
def test_one_begins_with_its_unit_and_ends_with_what_follows(name: str) -> None:
    what, _, beyond = ENTRIES[name].partition(". ")
    if name.endswith("_time"):
        assert what.startswith("Seconds ")
    if what.startswith("Seconds "):
        assert isinstance(LIMITS[name], float)
    if name.endswith("_bytes"):
        assert what.startswith("Bytes ")
    assert beyond.endswith(".")
