"""Handles: every way to get one, and what a call through it sets in motion."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop

CALL = ["on_before_connect", "on_connect call", "add", "on_disconnect call"]


async def test_get(run: Run) -> None:
    assert await run("get") == 2


async def test_get_for_id(run: Run) -> None:
    assert await run("getForId") == 5


async def test_get_or_create(run: Run) -> None:
    assert await run("getOrCreate") == [2, 5]


async def test_create(run: Run) -> None:
    assert await run("create") == 2


async def test_create_twice(run: Run) -> None:
    result = await run("createTwice")
    assert result["error"] == {
        "group": "actor",
        "code": "duplicate_key",
        "message": f"Actor key 'one' already in use for actor '{result['id']}'",
        "metadata": {"existing_actor_id": result["id"], "key": "one"},
    }


async def test_resolving_what_does_not_exist(run: Run) -> None:
    error = await run("resolveMissing")
    assert (error["group"], error["code"]) == ("actor", "not_found")


async def test_calling_without_a_connection(run: Run) -> None:
    assert await run("call") == [1, 3]


async def test_two_handles_reach_one_actor(run: Run) -> None:
    assert await run("twoHandles") == [1, 3, 6]


async def test_an_id_stays(run: Run) -> None:
    ids = await run("resolve")
    assert len(set(ids)) == 1
    assert ids[0]


async def test_hooks_of_creation(run: Run) -> None:
    created = ["create_state", "on_create", "on_wake"]
    assert await run("creation") == [*created, "on_before_connect", "on_connect call"]


@pytest.mark.parametrize("handles", [1, 2])
async def test_hooks_of_each_call(run: Run, handles: int) -> None:
    """The journal is read in the middle of a call."""
    read = ["on_before_connect", "on_connect call"]
    assert await run("calls", handles) == ["on_disconnect call", *CALL * 3, *read]
