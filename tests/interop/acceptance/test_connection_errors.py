"""Errors over a connection keep all that they say, and concern nobody else."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop


async def test_a_refusal_keeps_its_group_and_code(run: Run) -> None:
    assert await run("refused", "create_conn_state") == {
        "call": {
            "group": "gate",
            "code": "closed",
            "message": "The gate is closed",
            "metadata": {"place": "create_conn_state"},
        },
        "seen": ["gate.closed", "idle"],
    }


async def test_who_is_let_in_sees_no_error(run: Run) -> None:
    assert await run("letIn") == {"call": [], "seen": ["connected"]}


async def test_metadata_of_an_action_that_fails(run: Run) -> None:
    metadata = {"list": [1, {"deep": None}], "text": "ü", "number": 2.5, "flag": True}
    assert await run("metadata", metadata) == {
        "error": {
            "group": "user",
            "code": "detailed",
            "message": "This one is detailed",
            "metadata": metadata,
        },
        "status": "connected",
    }


async def test_who_was_refused_does_not_disconnect(run: Run) -> None:
    expected = {"between": [], "after": ["nowhere"], "status": "connected"}
    assert await run("noFarewell") == expected
