"""Connections as their actor sees them: state, ids, who is there, and sending to one."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop


async def test_reading_the_state(run: Run) -> None:
    assert await run("state") == {"name": "nobody", "count": 0}


async def test_params_make_the_state(run: Run) -> None:
    assert await run("stateFromParams") == {"name": "ann", "count": 0}


async def test_each_connection_has_its_own_state(run: Run) -> None:
    assert await run("ownStates") == [6, 1]


async def test_hooks_count_in_the_actors_state(run: Run) -> None:
    assert await run("counted") == {
        "before": {"came": 1, "left": 0},
        "during": {"came": 2, "left": 0},
        "after": {"came": 2, "left": 1},
    }


async def test_ids_tell_connections_apart(run: Run) -> None:
    result = await run("ids")
    assert len(set(result["own"])) == 2
    assert result["own"] == result["known"] == result["all"]


@pytest.mark.parametrize("hook", ["create_conn_state", "on_before_connect"])
async def test_nobody_is_seen_before_both_hooks_are_done(run: Run, hook: str) -> None:
    assert await run("hidden", hook) == {
        "meanwhile": ["ann"],
        "greeting": "bob, visible: True",
        "later": ["ann", "bob"],
    }


async def test_what_on_connect_sends_arrives(run: Run) -> None:
    assert await run("greetings") == ["ann, visible: True", "once more"]


async def test_who_leaves_is_gone(run: Run) -> None:
    assert await run("leaving") == {"before": True, "gone": True, "after": False, "left": 1}


async def test_writing_the_state(run: Run) -> None:
    assert await run("writing") == [1, 11, {"name": "ann", "count": 11}]


async def test_sending_to_one(run: Run) -> None:
    assert await run("toOne") == {"sent": [True, False], "heard": ["bob: psst"]}
