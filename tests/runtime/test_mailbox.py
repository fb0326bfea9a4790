from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.fakes import active, mailbox_with, turns
from trivet.runtime.turn import Turn


class RequestTurn(Turn):
    is_request = True


async def test_a_free_mailbox_grants_at_once() -> None:
    mailbox, instance = mailbox_with()
    turn = Turn(instance, "a")
    mailbox.put(turn)
    assert active(turn) == "a"
    mailbox.end(turn)
    assert active(turn) == ""
    assert mailbox.holder is None


async def test_turns_come_first_come_first_served() -> None:
    mailbox, instance = mailbox_with()
    queued = turns(instance, "abcd")
    for turn in queued:
        mailbox.put(turn)
    assert list(mailbox.waiting()) == queued[1:]
    for turn, following in zip(queued, [*queued[1:], None], strict=True):
        assert active(*queued) == turn.label
        mailbox.end(turn)
        assert mailbox.holder is following


async def test_requests_are_bounded_and_other_turns_are_not() -> None:
    mailbox, instance = mailbox_with(limit=2)
    first, second, third, refused = turns(instance, "abcd", RequestTurn)
    for turn in (first, second, third):
        mailbox.put(turn)  # one runs, two wait
    with pytest.raises(errors.ActionError) as caught:
        mailbox.put(refused)
    assert (caught.value.code, caught.value.metadata) == ("overloaded", {"limit": 2})
    for turn in turns(instance, "xyz"):
        mailbox.put(turn)
    assert mailbox.requests == 2
    mailbox.end(first)
    mailbox.put(refused)  # there is room again
    assert [turn.label for turn in mailbox.waiting()] == ["c", "x", "y", "z", "d"]


async def test_a_withdrawn_turn_makes_room() -> None:
    mailbox, instance = mailbox_with(limit=1)
    running, waiting, other = turns(instance, "abc", RequestTurn)
    mailbox.put(running)
    mailbox.put(waiting)
    assert mailbox.withdraw(waiting)
    assert not mailbox.withdraw(waiting)
    assert not mailbox.withdraw(running)
    mailbox.put(other)
    mailbox.end(running)
    assert mailbox.holder is other
    assert mailbox.requests == 0


async def test_taking_waits_for_the_turns_before() -> None:
    mailbox, instance = mailbox_with()
    holder, waiting = turns(instance, "ab")
    await mailbox.take(holder)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.take, waiting)
        await wait_all_tasks_blocked()
        assert active(holder, waiting) == "a"
        mailbox.end(holder)
        assert (
            active(holder, waiting) == "b"
        )  # already, before its task has run: nobody slips in between


async def test_a_cancelled_wait_leaves_no_trace() -> None:
    mailbox, instance = mailbox_with()
    holder, leaving, last = turns(instance, "abc")
    await mailbox.take(holder)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailbox.take, leaving)
        await wait_all_tasks_blocked()
        mailbox.put(last)
        nursery.cancel_scope.cancel()
    assert list(mailbox.waiting()) == [last]
    mailbox.end(holder)
    assert mailbox.holder is last


async def test_a_turn_granted_to_a_cancelled_task_is_not_lost() -> None:
    mailbox, instance = mailbox_with()
    holder, granted = turns(instance, "ab")
    await mailbox.take(holder)

    async def take_and_end() -> None:
        await mailbox.take(granted)
        mailbox.end(granted)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_and_end)
        await wait_all_tasks_blocked()
        mailbox.end(holder)
        nursery.cancel_scope.cancel()  # too late to withdraw
    assert mailbox.holder is None
