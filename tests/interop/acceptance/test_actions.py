"""Actions: how long they may take, how they may be written, and how much they may carry."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.acceptance.conftest import Run
from trivet.declare.options import Limits

pytestmark = pytest.mark.interop

INCOMING = Limits().message_in
OUTGOING = Limits().message_out


def reason(error: dict[str, Any]) -> str:
    return f"{error['group']}.{error['code']}"


async def test_an_action_that_takes_too_long(run: Run) -> None:
    errors = await run("tooSlow")
    assert [reason(error) for error in errors] == ["actor.action_timed_out"] * 2


async def test_an_action_under_the_default_timeout(run: Run) -> None:
    assert await run("inTime") == [["x"], ["x", "x"]]


async def test_an_action_that_does_not_await_is_not_cut(run: Run) -> None:
    assert await run("computing") == ["computed", "computed"]


async def test_timeouts_belong_to_classes_and_actions(run: Run) -> None:
    result = await run("ownTimeouts")
    assert [reason(error) for error in result["cut"]] == ["actor.action_timed_out"] * 2
    assert result["kept"] == "action_timed_out"  # of the other


async def test_names_with_dots_are_nested(run: Run) -> None:
    assert await run("nested") == [["short", "long", 2], ["short", "long", 4]]


async def test_a_plain_method(run: Run) -> None:
    assert await run("synchronous") == [["x"], ["x", "x"]]


async def test_an_async_method(run: Run) -> None:
    assert await run("inTime") == [["x"], ["x", "x"]]


async def test_what_another_coroutine_returns_or_raises(run: Run) -> None:
    called, connected = await run("delegated")
    assert (called[0], connected[0]) == (["x"], ["x", "x"])
    assert [reason(called[1]), reason(connected[1])] == ["user.empty"] * 2


async def test_two_actions_at_a_time(run: Run) -> None:
    assert await run("concurrent") == [["waited", "finished"]] * 2


async def test_a_large_request(run: Run) -> None:
    assert await run("largeRequest", INCOMING - 100) == INCOMING - 100


async def test_a_request_that_is_too_large(run: Run) -> None:
    result = await run("tooLargeRequest", INCOMING)
    assert reason(result["refused"]) == "message.incoming_too_long"
    assert result["later"] == 1


async def test_a_large_reply(run: Run) -> None:
    assert await run("largeReply", OUTGOING - 100) == OUTGOING - 100


async def test_a_reply_that_is_too_large(run: Run) -> None:
    result = await run("tooLargeReply", OUTGOING)
    assert reason(result["refused"]) == "message.outgoing_too_long"
    assert result["later"] == "x"
