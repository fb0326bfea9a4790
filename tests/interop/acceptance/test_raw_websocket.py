"""Raw WebSockets: messages of both sides, as they are."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop

WELCOME = {"path": "/", "query": "", "name": "nobody", "kind": "websocket", "known": True}


async def test_connecting(run: Run) -> None:
    assert await run("connect") == {"state": 1, "welcome": WELCOME}


async def test_an_echo(run: Run) -> None:
    texts = ["hello", "", "ü 😀", "x" * 10_000]
    assert await run("echo", texts) == texts


async def test_ping_and_pong_of_the_application(run: Run) -> None:
    assert await run("ping") == "pong"


async def test_counting_over_several_sockets(run: Run) -> None:
    assert await run("stats") == {
        "during": {"opened": 2, "closed": 0, "messages": 3},
        "after": {"opened": 2, "closed": 1, "messages": 4},
    }


async def test_binary_messages(run: Run) -> None:
    assert await run("binary") == {"binary": True, "bytes": [0, 1, 254, 255]}


async def test_a_path(run: Run) -> None:
    assert await run("welcome", "rooms/north") == {**WELCOME, "path": "/rooms/north"}


async def test_closing_by_either_side(run: Run) -> None:
    assert await run("closedByClient") == {
        "closed": {"code": 1000, "reason": "done"},
        "stats": {"opened": 1, "closed": 1, "messages": 0},
    }
    assert await run("closedByActor") == {
        "closed": {"code": 4000, "reason": "as you wish"},
        "stats": {"opened": 2, "closed": 2, "messages": 1},
    }


async def test_a_hook_that_awaits_before_it_answers(run: Run) -> None:
    assert await run("welcome", "slow") == {**WELCOME, "path": "/slow"}


async def test_the_connection_behind_a_socket(run: Run) -> None:
    assert await run("welcome", "", "ann") == {**WELCOME, "name": "ann"}


async def test_sleep_closes_a_socket_that_does_not_hibernate(run: Run) -> None:
    result = await run("asleep")
    assert result["closed"]["code"] == 1012
    assert result["stats"] == {"opened": 1, "closed": 1, "messages": 0}


async def test_one_open_and_one_close(run: Run) -> None:
    assert await run("events") == {"before": ["open"], "after": ["open", "close"]}


async def test_a_query_behind_a_path(run: Run) -> None:
    expected = {**WELCOME, "path": "/rooms", "query": "a=1&b=%C3%BC"}
    assert await run("welcome", "rooms?a=1&b=%C3%BC") == expected


async def test_a_query_without_a_path(run: Run) -> None:
    assert await run("welcome", "?a=1") == {**WELCOME, "query": "a=1"}


async def test_messages_keep_their_order(run: Run) -> None:
    assert await run("order", 200)
