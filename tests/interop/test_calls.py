"""Calls, and how they fail, as scenarios of ``calls.mjs``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.actors import SECRET
from tests.interop.node import JavaScript
from trivet.declare.options import Limits

pytestmark = pytest.mark.interop


async def test_get_or_create_get_and_get_for_id(javascript: JavaScript) -> None:
    assert await javascript.run("calls.getOrCreate") == [7, 8, 11, 11]


@pytest.mark.parametrize("encoding", ["bare", "cbor"])
async def test_an_undefined_argument_is_absent(javascript: JavaScript) -> None:
    """Not in JSON, where the client writes null for it."""
    assert await javascript.run("calls.undefinedArgument") == 1


async def test_create(javascript: JavaScript) -> None:
    created = await javascript.run("calls.create")
    assert created["sum"] == 4
    assert created["again"] == {
        "group": "actor",
        "code": "duplicate_key",
        "message": f"Actor key 'new' already in use for actor '{created['id']}'",
        "metadata": {"existing_actor_id": created["id"], "key": "new"},
    }


async def test_keys(javascript: JavaScript) -> None:
    keys = [[], ["a"], ["a/b c", "ü\\"], ["?&+%", "#"]]
    assert await javascript.run("calls.places", keys) == keys


async def test_actors_that_do_not_exist(javascript: JavaScript) -> None:
    actor, name = await javascript.run("calls.missing")
    assert reason(actor) == "actor.not_found"
    assert reason(name) == "guard.unknown_actor_name"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["bare"])
async def test_a_key_without_an_actor(javascript: JavaScript) -> None:
    error = await javascript.run("calls.missingKey")
    assert reason(error) == "actor.not_found"
    assert error["metadata"] == {"name": "counter", "key": ["nobody"]}


async def test_an_error_that_an_action_passes_on(javascript: JavaScript) -> None:
    result = await javascript.run("calls.passedOn")
    assert reason(result["called"]) == "actor.call_failed"
    assert result["called"]["metadata"] == {"group": "actor", "code": "not_found"}
    assert reason(result["connected"]) == "actor.not_found"
    assert "secret" not in json.dumps(result)
    assert result["sum"] == 2


async def test_errors_of_actions(javascript: JavaScript) -> None:
    failures = await javascript.run("calls.failures")
    for errors in (failures["called"], failures["connected"]):
        assert errors["own"] == {
            "group": "user",
            "code": "tired",
            "message": "No, thank you",
            "metadata": {"until": "noon", "deep": [1, {"x": None}]},
        }
        assert reason(errors["bare"]) == "user.plain"
        assert errors["bare"].get("metadata") is None
        assert reason(errors["broken"]) == "rivetkit.internal_error"
        assert reason(errors["unknown"]) == "actor.action_not_found"
        assert reason(errors["arguments"]) == "actor.validation_error"
        paths = errors["arguments"]["metadata"]["paths"]
        assert paths == ["invalid type, expected int, got str @ $.number"]
    assert SECRET not in json.dumps(failures)
    assert failures["status"] == "connected"


async def test_a_call_brings_params(javascript: JavaScript) -> None:
    results = await javascript.run("calls.params")
    assert results["ann"] == {"name": "ann", "visit": 1}
    assert results["bob"] == {
        "group": "user",
        "code": "banned",
        "message": "You are banned",
        "metadata": {"name": "bob"},
    }
    assert reason(results["broken"]) == "rivetkit.internal_error"
    assert SECRET not in json.dumps(results)
    for name in ("wrong", "absent"):
        assert reason(results[name]) == "actor.validation_error"


async def test_messages_that_are_too_long(javascript: JavaScript) -> None:
    incoming, outgoing = Limits().message_in, Limits().message_out
    sent, request, received, result = await javascript.run("calls.tooLong", incoming, outgoing)
    assert (sent, received) == (incoming - 100, outgoing - 100)
    assert reason(request) == "message.incoming_too_long"
    assert request["metadata"]["limit"] == incoming
    assert reason(result) == "message.outgoing_too_long"
    assert result["metadata"]["limit"] == outgoing


def reason(error: dict[str, Any]) -> str:
    return f"{error.get('group')}.{error.get('code')}"
