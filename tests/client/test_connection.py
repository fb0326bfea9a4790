"""The live connection against scripted sessions: opening, losing, coming back, leaving."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.scripted import Asked, Room, ScriptedDialer, connected, lost, passing
from trivet.declare.actor import Actor
from trivet.declare.errors import (
    ConnectionClosed,
    ConnectionLost,
    Error,
    UserError,
    ValidationError,
)
from trivet.declare.event import Event


class Elsewhere(Actor):
    said = Event[str]()


# Losing a session


async def test_a_loss_neither_raises_nor_cancels(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        changes = conn.status_changes()
        attempt.end()
        assert await anext(changes) == "disconnected"
        statuses: list[str] = [conn.status]
        await dialer.opened(1)
        assert await anext(changes) == "connected"
        await trio.sleep(1)
    statuses.append(conn.status)
    assert statuses == ["disconnected", "closed"]
    assert [status async for status in changes] == ["closed"]
    assert [status async for status in conn.status_changes()] == []


async def test_losses_are_retried_with_a_backoff_that_health_resets(
    autojump_clock: MockClock,
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (_, attempt, _):
        for number in range(3):
            attempt.end()
            before = trio.current_time()
            attempt = await dialer.opened(number + 1)
            assert attempt.started_at - before == pytest.approx(0.25 * 2**number)
        await trio.sleep(30)
        attempt.end()
        before = trio.current_time()
        assert (await dialer.opened(4)).started_at - before == pytest.approx(0.25)


async def test_several_restarts_in_a_row_keep_nobody_away(autojump_clock: MockClock) -> None:
    """Each takes four seconds: the connection is back soon after, however many there are."""
    dialer = ScriptedDialer()
    async with connected(dialer) as (_, attempt, _):
        number, away = 0, list[float]()
        for _ in range(5):
            await trio.sleep(20)
            attempt.end()
            since = trio.current_time()
            while True:
                number += 1
                attempt = await dialer.dialled(number)
                if attempt.started_at - since >= 4:
                    break
                attempt.fail(lost())
            attempt.open()
            away.append(attempt.started_at - since)
        assert away == [7.75, 7.5, 7, 6, 4]


async def test_a_server_that_crashes_again_and_again_is_met_by_no_crowd(
    autojump_clock: MockClock,
) -> None:
    """Who is let in and lost at once stays away for twice as long each time, up to the limit."""
    dialer = ScriptedDialer()
    async with connected(dialer) as (_, attempt, _):
        for number in range(10):
            attempt.end()
            since = trio.current_time()
            attempt = await dialer.opened(number + 1)
            assert attempt.started_at - since == min(30, 0.25 * 2**number)


async def test_who_is_kicked_comes_back_at_once(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        for number in range(3):
            asked = Asked(nursery, conn, "hi")
            await wait_all_tasks_blocked()
            before = trio.current_time()
            attempt.end(1000, "Kicked by admin")
            attempt = await dialer.opened(number + 1)
            assert attempt.started_at == before
            assert isinstance(asked.outcome, ConnectionClosed)
            assert asked.outcome.reason == "Kicked by admin"


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1006, "", ConnectionLost),
        (1005, "", ConnectionLost),
        (1012, "", ConnectionLost),
        (1013, "slow_consumer", ConnectionClosed),
        (1011, "message.incoming_too_long", ConnectionClosed),
        (1000, "", ConnectionClosed),
        (4001, "out", ConnectionClosed),
    ],
)
async def test_what_is_on_its_way_fails_with_the_session(
    code: int, reason: str, kind: type[Error], autojump_clock: MockClock
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        first, second = Asked(nursery, conn, "one"), Asked(nursery, conn, "two")
        await wait_all_tasks_blocked()
        attempt.end(code, reason)
        await wait_all_tasks_blocked()
        assert type(first.outcome) is type(second.outcome) is kind
        assert first.outcome is not second.outcome
        if code != 4001:
            await dialer.opened(1)
            await wait_all_tasks_blocked()
            assert dialer.attempts[1].calls == []


async def test_an_error_of_the_connection_itself_fails_no_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        asked = Asked(nursery, conn, "hi")
        await wait_all_tasks_blocked()
        attempt.receiver.failed(None, passing("forbidden", "auth"))
        attempt.reply(0, 2)
        await wait_all_tasks_blocked()
        assert asked.outcome == 2
    assert "auth.forbidden" in caplog.text


# Closed for good


@pytest.mark.parametrize("code", [4001, 4002])
async def test_a_connection_told_to_stay_away_stays_away(
    code: int, autojump_clock: MockClock
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        messages = conn.events(Room.said)
        attempt.receiver.event("said", ["bye"])
        attempt.end(code, "no advertising")
        assert [message async for message in messages] == ["bye"]
        assert conn.status == "closed"
        for _ in range(2):
            with pytest.raises(ConnectionClosed) as caught:
                await conn.call(Room.say, "hi")
            assert caught.value.reason == "no advertising"
        assert [message async for message in conn.events(Room.said)] == []
        await trio.sleep(1000)
    assert len(dialer.attempts) == 1


async def test_a_refusal_on_the_way_back_closes(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        attempt.end()
        second = await dialer.dialled(1)
        waiting = Asked(nursery, conn, "hi")
        await wait_all_tasks_blocked()
        second.refuse(UserError("Token expired", code="expired"))
        await wait_all_tasks_blocked()
        assert conn.status == "closed"
        assert isinstance(waiting.outcome, ConnectionClosed)
        with pytest.raises(ConnectionClosed, match="Token expired") as caught:
            await conn.call(Room.say, "hi")
        assert isinstance(caught.value.__cause__, UserError)


@pytest.mark.parametrize(
    ("group", "code"), [("guard", "unknown_actor_name"), ("actor", "state_incompatible")]
)
async def test_what_a_deploy_has_broken_is_waited_for_and_told(
    group: str, code: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        attempt.end()
        (await dialer.dialled(1)).refuse(passing(code, group))
        await dialer.opened(2)
        assert conn.status == "connected"
    (record,) = [record for record in caplog.records if code in record.message]
    assert record.levelname == "WARNING"


# Params


async def test_params_are_asked_for_anew_for_every_session(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    tokens = iter(["first", "second"])

    async def token() -> str:
        await trio.lowlevel.checkpoint()
        return next(tokens)

    async with connected(dialer, token) as (_, attempt, _):
        attempt.end()
        await dialer.opened(1)
    assert [attempt.params for attempt in dialer.attempts] == ["first", "second"]


async def test_failing_params_are_retried_and_what_waits_is_told(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    dialer = ScriptedDialer()
    answers: list[Exception | str] = ["first", OSError("no token today"), "second"]

    async def token() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with connected(dialer, token) as (conn, attempt, nursery):
        attempt.end()
        await wait_all_tasks_blocked()
        waiting = Asked(nursery, conn, "hi")
        assert (await dialer.opened(1)).params == "second"
        await wait_all_tasks_blocked()
        assert isinstance(waiting.outcome, Error)
        assert (waiting.outcome.group, waiting.outcome.code) == ("client", "get_params_failed")
    assert "no token today" in caplog.text


# What is not the connection's own


async def test_the_id_is_the_targets() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, _, _):
        assert await conn.resolve() == "the id"


async def test_arguments_and_tokens_are_checked_before_anything_is_sent() -> None:
    dialer = ScriptedDialer()
    wrong: Any = 42
    async with connected(dialer) as (conn, attempt, _):
        with pytest.raises(ValidationError):
            await conn.call(Room.say, wrong)
        with pytest.raises(LookupError, match="Room"):
            conn.events(Elsewhere.said)
        assert attempt.log == []
