"""Who may do what: hooks that let clients through, or do not."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run

pytestmark = pytest.mark.interop


async def test_without_a_hook_every_action_can_be_called(run: Run) -> None:
    assert await run("noHook") == ["pong", "let in"]


async def test_who_publishes_has_an_id(run: Run) -> None:
    [asker] = await run("publisher")
    assert asker


async def test_who_may_publish_is_let_in_or_refused(run: Run) -> None:
    answer = await run("published")
    assert answer["refused"] == "auth.forbidden"
    assert answer["ignored"]["status"] == "completed"
    assert answer["posted"] == ["from a guest", "from a member"]


async def test_an_actor_without_queues_ignores_messages(run: Run) -> None:
    assert (await run("noQueues"))["status"] == "completed"


async def test_who_may_subscribe_is_let_in_or_refused(run: Run) -> None:
    assert await run("subscribed") == ["psst"]
    assert await run("notSubscribed") == {"reason": "auth.forbidden", "heard": []}


async def test_an_event_that_is_not_declared_hurts_nobody(run: Run) -> None:
    """Nothing can be broadcast under its name, for the actor's code names its events."""
    assert await run("undeclared") == {"heard": ["welcome"], "seen": ["connected"]}


async def test_requests_are_let_in_or_refused(run: Run) -> None:
    assert await run("requests", False) == [200, "let in"]
    assert await run("requests", True) == [403, "forbidden"]


async def test_sockets_are_let_in_or_refused(run: Run) -> None:
    let_in, refused = await run("sockets", False), await run("sockets", True)
    assert let_in == {"heard": ["let in"], "code": 1000, "reason": ""}
    assert refused == {"heard": [], "code": 1011, "reason": "auth.forbidden"}
