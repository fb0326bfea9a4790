"""Hooks of connections: refusing clients, and the request behind them."""

from __future__ import annotations

import json

import pytest

from tests.interop.acceptance.conftest import Run
from tests.interop.acceptance.hooks import SECRET

pytestmark = pytest.mark.interop


async def test_a_user_error_refuses_a_client(run: Run) -> None:
    result = await run("refused", "user")
    refusal = {
        "group": "user",
        "code": "refused",
        "message": "Not today",
        "metadata": {"until": "tomorrow"},
    }
    assert result == {"connected": refusal, "called": refusal, "seen": ["user.refused", "idle"]}


async def test_a_hook_that_passes_lets_a_client_in(run: Run) -> None:
    assert await run("letIn") == ["welcome", "connected", "welcome"]


async def test_another_exception_refuses_and_tells_nothing(run: Run) -> None:
    result = await run("refused", "other")
    for error in (result["connected"], result["called"]):
        assert (error["group"], error["code"]) == ("rivetkit", "internal_error")
        assert error["message"] == "An internal error occurred"
    assert result["seen"] == ["rivetkit.internal_error", "idle"]
    assert SECRET not in json.dumps(result)


async def test_an_actor_that_failed_for_one_lets_in_another(run: Run) -> None:
    assert await run("letInAfterErrors") == ["welcome", "connected"]


async def test_a_hook_for_changes_may_write_attributes(run: Run) -> None:
    assert await run("changes", [5]) == {"calls": [None], "notes": [5], "state": 5}


async def test_a_hook_for_changes_runs_for_each(run: Run) -> None:
    assert (await run("changes", [1, 2, 3]))["notes"] == [1, 2, 3]


async def test_a_hook_for_changes_does_not_run_for_readers(run: Run) -> None:
    assert await run("readings") == [0, 0, []]


async def test_a_hook_for_changes_must_not_change(run: Run) -> None:
    """The call fails; what the hook did is undone."""
    assert await run("changes", [1, 13]) == {
        "calls": [None, "actor.state_mutation_reentrant"],
        "notes": [1, 13],
        "state": 13,
    }


async def test_both_hooks_see_the_request(run: Run) -> None:
    before, create = (await run("request"))["connected"]
    assert before == create
    assert before["intent"] == "connect"


async def test_no_request_outside_of_the_hooks(run: Run) -> None:
    assert await run("noRequest") == "none"


async def test_method_and_headers_of_the_request(run: Run) -> None:
    result = await run("request")
    for seen in (*result["connected"], *result["called"]):
        assert seen["agent"] != ""
    assert [result[way][0]["method"] for way in ("connected", "called")] == ["GET", "POST"]


async def test_a_call_alone_runs_the_hook_with_its_request(run: Run) -> None:
    before, create = (await run("request"))["called"]
    assert before == create
    assert (before["intent"], before["path"].endswith("/action/seen")) == ("call", True)
