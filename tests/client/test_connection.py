"""The live connection against scripted sessions: opening, losing, coming back, leaving."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.scripted import Asked, Attempt, Room, ScriptedDialer, connected, lost, opening
from trivet.declare.actor import Actor
from trivet.declare.errors import (
    ActionError,
    ConnectionClosed,
    ConnectionLost,
    Error,
    UserError,
    ValidationError,
)
from trivet.declare.event import Event
from trivet.declare.handle import Connection


class Elsewhere(Actor):
    said = Event[str]()


async def enter(dialer: ScriptedDialer, *, params: object = None) -> Exception | None:
    """Open a connection and leave it; return what that raised."""
    try:
        async with opening(dialer, params):
            return None
    except Exception as error:
        return error


def passing(code: str, group: str = "actor") -> ActionError:
    return ActionError("not now", group=group, code=code)


# Opening


async def test_entering_waits_for_init() -> None:
    dialer = ScriptedDialer()
    entered = trio.Event()

    async def body() -> None:
        async with opening(dialer) as live:
            assert live.status == "connected"
            entered.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        attempt = await dialer.dialled(0)
        await wait_all_tasks_blocked()
        assert not entered.is_set()
        attempt.open()
        await entered.wait()


async def test_network_failures_before_init_are_retried_ever_slower(
    autojump_clock: MockClock,
) -> None:
    dialer = ScriptedDialer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(enter, dialer)
        for number in range(10):
            (await dialer.dialled(number)).fail(lost())
        await dialer.opened(10)
    starts = [attempt.started_at for attempt in dialer.attempts]
    delays = [round(after - before, 6) for before, after in pairwise(starts)]
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_a_refusal_is_raised_where_it_was_opened() -> None:
    dialer = ScriptedDialer()
    refusal = UserError("nope", code="denied", metadata={"why": "bad token"})
    errors: list[Exception | None] = []

    async def body() -> None:
        errors.append(await enter(dialer))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        (await dialer.dialled(0)).refuse(refusal)
    assert errors == [refusal]
    assert len(dialer.attempts) == 1


@pytest.mark.parametrize("code", ["starting", "restarting", "stopping", "unavailable"])
async def test_an_actor_that_is_not_ready_is_no_refusal(
    code: str, autojump_clock: MockClock
) -> None:
    dialer = ScriptedDialer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(enter, dialer)
        (await dialer.dialled(0)).refuse(passing(code))
        (await dialer.dialled(1)).end(1011, f"actor.{code}#ray")
        (await dialer.dialled(2)).refuse(passing("service_unavailable", "guard"))
        await dialer.opened(3)


async def test_a_close_that_states_an_error_is_a_refusal() -> None:
    dialer = ScriptedDialer(creates=False)
    found: list[Exception | None] = []

    async def body() -> None:
        found.append(await enter(dialer))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        (await dialer.dialled(0)).end(1011, "actor.not_found#ray")
    assert isinstance(found[0], ActionError)
    assert (found[0].group, found[0].code) == ("actor", "not_found")


async def test_a_missing_actor_that_would_be_created_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    dialer = ScriptedDialer(creates=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(enter, dialer)
        (await dialer.dialled(0)).refuse(passing("not_found"))
        await dialer.opened(1)


async def test_words_in_a_close_are_no_refusal(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(enter, dialer)
        (await dialer.dialled(0)).end(1011, "Something failed. Sorry about that")
        (await dialer.dialled(1)).end(1000, "user.bye")
        await dialer.opened(2)


@pytest.mark.parametrize("code", [4001, 4002])
async def test_staying_away_before_init_is_raised(code: int) -> None:
    dialer = ScriptedDialer()
    found: list[Exception | None] = []

    async def body() -> None:
        found.append(await enter(dialer))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        (await dialer.dialled(0)).end(code, "not you")
    assert isinstance(found[0], ConnectionClosed)
    assert found[0].reason == "not you"


async def test_params_that_do_not_fit_are_raised() -> None:
    class Strict(ScriptedDialer):
        async def run(self, params: Any, receiver: Any, /) -> Any:
            self.values.params(params)
            return await super().run(params, receiver)

    assert isinstance(await enter(Strict(), params=42), ValidationError)


async def test_opening_can_be_given_up() -> None:
    dialer = ScriptedDialer()
    with trio.move_on_after(0):
        await enter(dialer)
    assert dialer.running == 0


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


# Leaving


async def test_leaving_says_goodbye_and_fails_what_is_on_its_way() -> None:
    dialer = ScriptedDialer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dialer.opened)
        async with opening(dialer) as live:
            conn = Connection[Room](live)
            asked = Asked(nursery, conn, "hi")
            await wait_all_tasks_blocked()
        assert dialer.attempts[0].closing
        assert dialer.running == 0
    assert isinstance(asked.outcome, ConnectionClosed)
    with pytest.raises(ConnectionClosed):
        await conn.call(Room.say, "hi")


async def test_a_cancelled_body_says_goodbye_too() -> None:
    dialer = ScriptedDialer()
    ended: list[str] = []

    async def end_later(attempt: Attempt) -> None:
        await wait_all_tasks_blocked()
        assert attempt.closing
        ended.append("the goodbye took a while, and nothing of it was cut")
        attempt.end(1000)

    async with trio.open_nursery() as outside:
        with trio.CancelScope() as scope:
            async with connected(dialer) as (_, attempt, _):
                attempt.polite = False
                outside.start_soon(end_later, attempt)
                scope.cancel()
                await trio.sleep_forever()
        assert ended
        assert dialer.running == 0


async def test_a_goodbye_that_never_ends_is_cut(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (_, attempt, _):
        attempt.polite = False
        left = trio.current_time()
    assert trio.current_time() - left == pytest.approx(5)
    assert dialer.running == 0


async def test_leaving_while_it_waits_to_dial_again(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (_, attempt, _):
        attempt.end()
        await wait_all_tasks_blocked()
        left = trio.current_time()
    assert trio.current_time() == left
    assert len(dialer.attempts) == 1


async def test_errors_of_the_body_come_out_as_they_were() -> None:
    error = ValueError("mine")
    dialer = ScriptedDialer()
    entering = opening(dialer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dialer.opened)
        with pytest.raises(ValueError, match="mine") as caught:
            async with entering:
                raise error
    assert caught.value is error


async def test_a_deadline_of_the_body_ends_as_a_deadline(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    with pytest.raises(trio.TooSlowError):
        with trio.fail_after(1):
            await enter(dialer)
    assert dialer.running == 0


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
