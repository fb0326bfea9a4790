"""Connections as their clients see them: status, callbacks, events, params and sizes."""

from __future__ import annotations

import pytest

from tests.interop.acceptance.conftest import Run
from trivet.declare.options import Limits

pytestmark = pytest.mark.interop

INCOMING = Limits().message_in
OUTGOING = Limits().message_out


async def test_status_before_and_after_the_first_call(run: Run) -> None:
    """The client sets out at once, so nobody ever sees it idle."""
    expected = {"before": "connecting", "count": 1, "after": "connected"}
    assert await run("statusFromTheStart") == expected


async def test_status_changes_are_told(run: Run) -> None:
    assert await run("statusChanges") == ["connecting", "connected", "idle"]


async def test_status_changes_are_told_until_one_unsubscribes(run: Run) -> None:
    expected = {"kept": ["connected", "idle"], "stopped": ["connected"]}
    assert await run("statusUnsubscribed") == expected


async def test_status_after_a_call(run: Run) -> None:
    assert await run("statusAfterAction") == "connected"


async def test_opening_is_told(run: Run) -> None:
    assert await run("onOpen", 1) == [[], [1]]


async def test_closing_is_told(run: Run) -> None:
    assert await run("onClose", 1) == [[], [1]]


async def test_opening_is_told_to_all_who_ask(run: Run) -> None:
    assert await run("onOpen", 3) == [[], [1, 2, 3]]


async def test_closing_is_told_to_all_who_ask(run: Run) -> None:
    assert await run("onClose", 3) == [[], [1, 2, 3]]


async def test_opening_is_not_told_to_who_unsubscribed(run: Run) -> None:
    assert await run("onOpenTakenBack") == ["kept"]


async def test_closing_is_not_told_to_who_unsubscribed(run: Run) -> None:
    assert await run("onCloseTakenBack") == ["kept"]


async def test_connecting_to_an_actor_that_exists(run: Run) -> None:
    assert await run("throughGet") == 2


async def test_connecting_by_id(run: Run) -> None:
    assert await run("throughId") == 5


async def test_connecting_creates(run: Run) -> None:
    assert await run("throughGetOrCreate") == 2


async def test_the_id_of_the_actor(run: Run) -> None:
    result = await run("actorId")
    assert (result["before"], result["same"]) == (None, True)
    assert result["length"] > 0


async def test_connecting_to_an_actor_just_created(run: Run) -> None:
    assert await run("throughCreate") == 2


async def test_replies_and_events_share_a_connection(run: Run) -> None:
    assert await run("repliesAndEvents") == ["event 1", "reply 1", "event 3", "reply 3"]


async def test_broadcasts_arrive_in_order(run: Run) -> None:
    assert await run("broadcasts") == [["first", 1], ["second", 3]]


async def test_an_event_listened_to_once(run: Run) -> None:
    assert await run("once") == [1]


async def test_an_event_not_listened_to_any_more(run: Run) -> None:
    assert await run("unsubscribed") == [1]


async def test_params_tell_connections_apart(run: Run) -> None:
    assert await run("params") == {"own": ["ann", "bob"], "all": ["ann", "bob"]}


async def test_params_are_made_for_each_connection(run: Run) -> None:
    assert await run("freshParams") == {"asked": 2, "names": ["visit 1", "visit 2"]}


async def test_params_that_could_not_be_made(run: Run) -> None:
    """The call that waited fails, and the client tries again by itself."""
    result = await run("failingParams")
    early = result.pop("early")
    assert (early["group"], early["code"]) == ("client", "get_params_failed")
    assert result == {
        "asked": 2,
        "name": "ann",
        "count": 0,
        "seen": ["client.get_params_failed", "connected"],
    }


async def test_hooks_run_once_for_a_connection(run: Run) -> None:
    assert await run("hooks") == [
        "on_before_connect witness",
        "on_connect witness",
        "on_before_connect visitor",
        "on_connect visitor",
        "on_disconnect visitor",
    ]


async def test_is_connected_from_open_to_close(run: Run) -> None:
    assert await run("isConnected") == [False, True, False]


async def test_ready_when_it_is_open(run: Run) -> None:
    assert await run("ready") == {"opened": True, "status": "connected", "id": "string"}


async def test_a_large_request(run: Run) -> None:
    assert await run("largeRequest", INCOMING - 100) == INCOMING - 100


async def test_a_request_that_is_too_large(run: Run) -> None:
    """It is the server who refuses it, by closing; the client comes back."""
    result = await run("tooLargeRequest", INCOMING)
    assert result["request"]["code"] == "incoming_too_long"
    lost = ["disconnected", "message.incoming_too_long", "connecting", "connected"]
    assert result["seen"] == ["connected", *lost]
    assert result["later"] == 1


async def test_a_large_reply(run: Run) -> None:
    assert await run("largeReply", OUTGOING - 100) == OUTGOING - 100


async def test_a_reply_that_is_too_large(run: Run) -> None:
    """It fails its call alone."""
    result = await run("tooLargeReply", OUTGOING)
    reply = result.pop("reply")
    assert (reply["group"], reply["code"]) == ("message", "outgoing_too_long")
    assert result == {"seen": ["connected"], "later": 1}
