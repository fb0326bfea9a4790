"""The calls of a connection: in order, never twice, bounded, withdrawn."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.client.scripted import Asked, Attempt, Room, ScriptedDialer, connected
from trivet.declare.errors import ConnectionLost, UserError


def texts(attempt: Attempt) -> list[str]:
    return [text for _, text in attempt.calls]


async def test_answers_reach_whoever_asked_in_any_order() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        first, second = Asked(nursery, conn, "one"), Asked(nursery, conn, "two")
        await wait_all_tasks_blocked()
        ids = {text: call_id for call_id, text in attempt.calls}
        attempt.reply(ids["two"], 2)
        attempt.receiver.failed(ids["one"], UserError("no"))
        await wait_all_tasks_blocked()
        assert second.outcome == 2
        assert isinstance(first.outcome, UserError)


async def test_by_name_values_travel_as_they_are() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        results: list[object] = []

        async def body() -> None:
            results.append(await conn.call_by_name("anything", 1, {"a": [None]}))

        nursery.start_soon(body)
        await wait_all_tasks_blocked()
        assert attempt.log == [("call", 0, [1, {"a": [None]}])]
        attempt.reply(0, {"b": 2})
        await wait_all_tasks_blocked()
        assert results == [{"b": 2}]


async def test_a_result_of_another_type_says_so() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        asked = Asked(nursery, conn, "hi")
        await wait_all_tasks_blocked()
        attempt.reply(0, "three")
        await wait_all_tasks_blocked()
        assert (asked.outcome.group, asked.outcome.code) == ("client", "unexpected_value")


async def test_calls_made_offline_follow_the_subscriptions_in_order(
    autojump_clock: MockClock,
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        conn.events(Room.said)
        attempt.end()
        await wait_all_tasks_blocked()
        conn.events(Room.moved)
        for text in ("one", "two", "three"):
            Asked(nursery, conn, text)
            await wait_all_tasks_blocked()
        second = await dialer.opened(1)
        assert second.log == [
            ("on", "said"),
            ("on", "moved"),
            ("call", 0, ["one"]),
            ("call", 1, ["two"]),
            ("call", 2, ["three"]),
        ]


async def test_ids_go_on_over_sessions(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        Asked(nursery, conn, "one")
        await wait_all_tasks_blocked()
        attempt.end()
        second = await dialer.opened(1)
        Asked(nursery, conn, "two")
        await wait_all_tasks_blocked()
        assert [call_id for call_id, _ in second.calls] == [1]


async def test_the_offline_queue_holds_256_calls(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        attempt.end()
        await wait_all_tasks_blocked()
        asked = [Asked(nursery, conn, str(number)) for number in range(256)]
        await wait_all_tasks_blocked()
        with pytest.raises(ConnectionLost, match="too many"):
            await conn.call(Room.say, "one more")
        await dialer.opened(1)
        assert all(one.outcome is None for one in asked)
        assert len(dialer.attempts[1].calls) == 256


async def test_the_offline_queue_holds_a_mebibyte(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        attempt.end()
        await wait_all_tasks_blocked()
        Asked(nursery, conn, "x" * 600_000)
        await wait_all_tasks_blocked()
        with pytest.raises(ConnectionLost):
            await conn.call(Room.say, "x" * 600_000)
        Asked(nursery, conn, "x" * 400_000)
        await wait_all_tasks_blocked()
        second = await dialer.opened(1)
        # Each alone is more than a server's inbox takes: they go one after the other.
        assert [len(text) for text in texts(second)] == [600_000]
        second.reply(0, 1)
        assert [len(text) for text in texts(second)] == [600_000, 400_000]


async def test_a_withdrawn_call_makes_room(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        attempt.end()
        await wait_all_tasks_blocked()
        asked = [Asked(nursery, conn, "x" * 4000) for _ in range(256)]
        await wait_all_tasks_blocked()
        asked[7].scope.cancel()
        await wait_all_tasks_blocked()
        last = Asked(nursery, conn, "the last")
        await wait_all_tasks_blocked()
        assert last.outcome is None


async def test_what_waits_its_turn_at_a_loss_is_sent_later(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        asked = [Asked(nursery, conn, "x") for _ in range(768 + 256 + 10)]
        await wait_all_tasks_blocked()
        assert len(attempt.calls) == 768
        attempt.end()
        await wait_all_tasks_blocked()
        failed = [one for one in asked if isinstance(one.outcome, ConnectionLost)]
        assert len(failed) == 768 + 10
        second = await dialer.opened(1)
        assert len(second.calls) == 256


async def test_no_more_than_an_inbox_holds_is_on_its_way() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        for _ in range(780):
            Asked(nursery, conn, "x")
        await wait_all_tasks_blocked()
        assert len(attempt.calls) == 768
        attempt.reply(3, 1)
        attempt.reply(9, 1)
        assert len(attempt.calls) == 770


async def test_a_cancelled_call_that_was_not_sent_is_withdrawn(
    autojump_clock: MockClock,
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        attempt.end()
        await wait_all_tasks_blocked()
        asked = [Asked(nursery, conn, text) for text in ("one", "two", "three")]
        await wait_all_tasks_blocked()
        asked[1].scope.cancel()
        await wait_all_tasks_blocked()
        second = await dialer.opened(1)
        assert sorted(texts(second)) == ["one", "three"]


async def test_the_late_answer_to_a_cancelled_call_is_dropped() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        cancelled = Asked(nursery, conn, "one")
        await wait_all_tasks_blocked()
        cancelled.scope.cancel()
        other = Asked(nursery, conn, "two")
        await wait_all_tasks_blocked()
        attempt.reply(0, 3)
        attempt.reply(1, 4)
        attempt.reply(1, 5)
        attempt.reply(77, 6)
        await wait_all_tasks_blocked()
        assert cancelled.outcome is None
        assert other.outcome == 4


async def test_a_cancelled_caller_sends_nothing() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, _):
        with trio.CancelScope() as scope:
            scope.cancel()
            await conn.call(Room.say, "hi")
        assert scope.cancelled_caught
        assert attempt.log == []


async def test_a_call_that_cannot_be_sent_uses_up_no_id() -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        send = attempt.call

        def refuse(call_id: int, name: str, arguments: object, deadline: float, /) -> int | None:
            if arguments == ["bad"]:
                raise UserError("not encodable")
            return send(call_id, name, arguments, deadline)

        attempt.call = refuse  # type: ignore[method-assign]  # the test plays the session
        with pytest.raises(UserError):
            await conn.call(Room.say, "bad")
        Asked(nursery, conn, "good")
        await wait_all_tasks_blocked()
        assert attempt.calls == [(0, "good")]


async def test_answers_while_sending_lead_no_deeper(autojump_clock: MockClock) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        attempt.end()
        await wait_all_tasks_blocked()
        asked = [Asked(nursery, conn, "x") for _ in range(250)]
        second = await dialer.dialled(1)

        def answer(call_id: int, name: str, arguments: object, deadline: float, /) -> int | None:
            second.reply(call_id, call_id)
            return 1

        second.call = answer  # type: ignore[method-assign]  # the test plays the session
        second.open()
        await wait_all_tasks_blocked()
        assert sorted(one.outcome for one in asked) == list(range(250))


async def test_what_a_session_that_is_over_does_not_take_is_kept(
    autojump_clock: MockClock,
) -> None:
    dialer = ScriptedDialer()
    async with connected(dialer) as (conn, attempt, nursery):
        for number in range(770):
            Asked(nursery, conn, str(number))
        await wait_all_tasks_blocked()
        attempt.over = True
        attempt.reply(0, 1)
        last = Asked(nursery, conn, "last")
        await wait_all_tasks_blocked()
        assert last.outcome is None
        attempt.end()
        second = await dialer.opened(1)
        assert [call_id for call_id, _ in second.calls] == [768, 769, 770]
        assert texts(second)[-1] == "last"
