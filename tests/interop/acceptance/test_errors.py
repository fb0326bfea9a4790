"""Errors of actions: what clients learn of them, and what goes on afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.acceptance.conftest import Run
from tests.interop.acceptance.errors import SECRET

pytestmark = pytest.mark.interop


def without_metadata(error: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in error.items() if name != "metadata"}


async def test_an_error_with_a_text(run: Run) -> None:
    for error in await run("simple"):
        expected = {"group": "user", "code": "user_error", "message": "Simple as that"}
        assert without_metadata(error) == expected
        assert error.get("metadata") is None


async def test_an_error_with_code_and_metadata(run: Run) -> None:
    metadata = {"field": "name", "limits": [1, 20], "deep": {"empty": None}}
    error = {
        "group": "user",
        "code": "detailed",
        "message": "Not so simple",
        "metadata": metadata,
    }
    assert await run("detailed", metadata) == [error, error]


async def test_another_exception_tells_nothing(run: Run) -> None:
    errors = await run("internal")
    assert [without_metadata(error) for error in errors] == [
        {
            "group": "rivetkit",
            "code": "internal_error",
            "message": "An internal error occurred",
        }
    ] * 2
    assert SECRET not in json.dumps(errors)


async def test_a_timeout_of_the_class(run: Run) -> None:
    result = await run("timedOut")
    refused = result["refused"]
    assert (refused["group"], refused["code"]) == ("actor", "action_timed_out")
    assert result["later"] == "still here"


async def test_an_action_in_time(run: Run) -> None:
    assert await run("inTime") == "in time"


async def test_each_class_has_its_own_timeout(run: Run) -> None:
    result = await run("twoTimeouts")
    assert result["cut"]["code"] == "action_timed_out"
    # What it tells is how the other ended.
    assert result["kept"] == "action_timed_out"


async def test_an_actor_goes_on_after_errors(run: Run) -> None:
    assert await run("afterErrors") == [1, 2, 3]
