"""Finding actors and creating them: by key, by id, with an input."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop

ORIGIN = {"place": "here", "weight": 2.5}


async def test_connecting_finds_or_creates(run: Run) -> None:
    assert await run("connect") == [1, 3]


async def test_a_key_that_is_taken(run: Run) -> None:
    result = await run("duplicate")
    assert (result["error"]["group"], result["error"]["code"]) == ("actor", "duplicate_key")
    assert result["count"] == 5


async def test_get_creates_nothing(run: Run) -> None:
    result = await run("getCreatesNothing")
    assert (result["missing"]["group"], result["missing"]["code"]) == ("actor", "not_found")
    assert result["same"]


async def test_params_arrive(run: Run) -> None:
    assert await run("params") == ["from ann", "from ann"]


async def test_an_actor_is_found_by_its_id(run: Run) -> None:
    assert await run("byId") == 6


async def test_both_hooks_get_the_input(run: Run) -> None:
    assert await run("input") == [ORIGIN, ORIGIN]


async def test_no_input(run: Run) -> None:
    assert await run("noInput") == [[None, None], [None, None]]


async def test_get_or_create_gives_the_input_to_a_new_actor_only(run: Run) -> None:
    assert await run("inputOfGetOrCreate") == [[ORIGIN, ORIGIN], [ORIGIN, ORIGIN]]


async def test_keys_of_several_parts(run: Run) -> None:
    keys = [["a", "b", "c"], ["a/b", "c"], ["ü ?&", "#"]]
    assert await run("places", keys) == keys


async def test_keys_match_exactly(run: Run) -> None:
    assert await run("exactly") == [True, *["not_found"] * 3]


async def test_a_text_is_a_key_of_one_part(run: Run) -> None:
    assert await run("text") == [True, True]


async def test_no_key_is_an_empty_key(run: Run) -> None:
    assert await run("nothing") == [True, True, True]


async def test_no_key_finds_no_keyed_actor(run: Run) -> None:
    assert await run("keyless") == ["not_found", "not_found"]


async def test_a_key_finds_no_keyless_actor(run: Run) -> None:
    assert await run("keyed") == ["not_found", "not_found"]


async def test_actors_of_one_class_are_independent(run: Run) -> None:
    assert await run("several") == [11, 12, 13]


async def test_an_actor_without_a_key(run: Run) -> None:
    assert await run("withoutKey") == [2, 5]
