"""Connections that stay while their actor sleeps."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop


async def test_a_call_wakes_the_actor(run: Run) -> None:
    assert await run("calls") == {
        "before": "pong ann",
        "after": "pong ann",
        "nights": {"woken": 2, "slept": 1, "came": 1, "left": []},
    }


async def test_the_state_of_a_connection_stays(run: Run) -> None:
    assert await run("states") == {
        "name": "pong bob",
        "same": True,
        "nights": {"woken": 2, "slept": 1, "came": 1, "left": []},
    }


async def test_the_client_notices_nothing(run: Run) -> None:
    """Two sleeps in a row; what is said as the actor wakes reaches its subscribers."""
    assert await run("events") == {"opened": 1, "seen": ["connected"], "rang": [2, 3]}


async def test_leaving_while_it_sleeps(run: Run) -> None:
    assert await run("left") == {"left": [["bob", 2]], "ids": 1}


@pytest.mark.parametrize("delay", [0, 100, 400])
async def test_what_is_sent_while_it_falls_asleep(run: Run, delay: int) -> None:
    assert await run("meanwhile", delay) == {"woken": 2, "slept": 1}


async def test_messages_that_were_not_handled_are_so_after_the_wake(run: Run) -> None:
    words = ["one", "sleep", "three", "four"]
    assert await run("sockets", words) == {
        "answers": [
            {"number": number, "restored": number > 2} for number in range(1, len(words) + 1)
        ],
        "notes": [f"{number} {word}" for number, word in enumerate(words, 1)],
    }
