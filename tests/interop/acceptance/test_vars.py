"""What an instance has beside its state: attributes, made anew for each."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop


async def test_an_attribute(run: Run) -> None:
    assert await run("constant") == "hello"


async def test_instances_share_nothing(run: Run) -> None:
    assert await run("nested") == [
        {"first": ["one"]},
        {"first": ["two"]},
        {"first": ["one", "three"]},
    ]


async def test_an_attribute_made_at_the_start(run: Run) -> None:
    assert await run("made") == {"number": "number", "stays": True}


async def test_attributes_are_made_for_each_instance(run: Run) -> None:
    assert await run("madeForEach") == 3


async def test_what_a_starting_instance_can_see(run: Run) -> None:
    assert await run("surroundings") == {
        "name": "notebook",
        "key": ["a"],
        "hasId": True,
        "conns": 0,
        "stopping": False,
    }
