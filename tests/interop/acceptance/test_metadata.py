"""What an actor knows of itself."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop


async def test_the_name(run: Run) -> None:
    assert await run("name") == "named"


async def test_the_name_while_it_starts(run: Run) -> None:
    assert await run("nameAtTheStart") == "named"


async def test_the_key(run: Run) -> None:
    assert await run("wholeKey") == ["lobby", "north"]


async def test_a_part_of_the_key(run: Run) -> None:
    assert await run("partsOfKey") == ["lobby", "north"]


async def test_all_of_it_together(run: Run) -> None:
    result = await run("card")
    expected = {"id": result["id"], "name": "named", "key": ["lobby", "north"]}
    assert result["card"] == expected


async def test_a_region_that_is_asked_for_changes_nothing(run: Run) -> None:
    assert await run("regions") == ["named", "named"]
