"""Opening a live connection, and leaving it, against scripted sessions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.scripted import (
    Asked,
    Attempt,
    NoTarget,
    Room,
    ScriptedDialer,
    connected,
    enter,
    lost,
    opening,
    passing,
)
from trivet.client.connection import LiveConnection
from trivet.client.counts import Counts
from trivet.declare.errors import ActionError, ConnectionClosed, UserError, ValidationError
from trivet.declare.handle import Connection


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


async def test_an_earlier_mishap_does_not_hide_a_refusal(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    found: list[Exception | None] = []

    async def body() -> None:
        found.append(await enter(dialer))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        (await dialer.dialled(0)).refuse(passing("starting"))
        (await dialer.dialled(1)).end(1011, "user.denied")
    assert isinstance(found[0], UserError)


async def test_a_session_that_opens_too_late_is_closed_at_once() -> None:
    dialer = ScriptedDialer()
    live = LiveConnection(dialer, NoTarget(), None, Counts())
    attempt = Attempt(live, None)
    live.close()
    attempt.open()
    assert attempt.closing
    assert live.status == "closed"


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
