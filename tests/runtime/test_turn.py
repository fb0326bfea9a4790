"""Lending: a turn that waits for a connection's end lets that connection's hook run inside it."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from tests.runtime.fakes import active, mailbox_with, turns
from trivet.runtime.turn import Turn, current_turn, running_turn, turn_of


async def test_a_hook_borrows_the_turn_at_once() -> None:
    mailbox, instance = mailbox_with()
    lender, hook = turns(instance, "ab")
    mailbox.put(lender)
    lender.lend(hook)
    assert active(lender, hook) == "ab"
    assert mailbox.holder is lender
    mailbox.end(hook)
    assert active(lender, hook) == "a"
    mailbox.end(lender)
    assert mailbox.holder is None


async def test_hooks_borrow_one_at_a_time_in_the_order_they_asked() -> None:
    mailbox, instance = mailbox_with()
    lender, *hooks = turns(instance, "abcd")
    mailbox.put(lender)
    for hook in hooks:
        lender.lend(hook)
    for hook in hooks:
        assert active(*hooks) == hook.label
        mailbox.end(hook)
    assert lender.borrower is None
    assert lender.active


async def test_a_borrowed_turn_lends_itself_on() -> None:
    mailbox, instance = mailbox_with()
    lender, outer, inner, behind = turns(instance, "abcd")
    mailbox.put(lender)
    mailbox.put(behind)
    lender.lend(outer)
    outer.lend(inner)
    assert inner.chain() == [inner, outer, lender]
    mailbox.end(outer)  # its body is over, but not what runs inside
    assert active(inner, behind) == "c"
    mailbox.end(lender)
    assert active(inner, behind) == "c"
    mailbox.end(inner)
    assert active(inner, behind) == "d"
    assert mailbox.holder is behind


async def test_a_lender_that_ends_first_holds_the_actor_until_the_last_hook_has_ended() -> None:
    mailbox, instance = mailbox_with()
    lender, first, second, behind = turns(instance, "abcd")
    mailbox.put(lender)
    mailbox.put(behind)
    lender.lend(first)
    lender.lend(second)
    mailbox.end(lender)
    assert active(lender, first, second, behind) == "b"
    mailbox.end(first)
    assert active(lender, first, second, behind) == "c"
    mailbox.end(second)
    assert active(lender, first, second, behind) == "d"


async def test_a_queued_hook_is_pulled_forward_past_other_turns() -> None:
    mailbox, instance = mailbox_with()
    lender, behind, hook = turns(instance, "abc")
    for turn in (lender, behind, hook):
        mailbox.put(turn)
    mailbox.pull_forward(hook, lender)
    assert hook.active
    assert list(mailbox.waiting()) == [behind]
    mailbox.end(hook)
    mailbox.end(lender)
    assert behind.active


async def test_a_hook_that_has_begun_is_not_pulled() -> None:
    mailbox, instance = mailbox_with()
    lender, hook = turns(instance, "ab")
    mailbox.put(lender)
    lender.lend(hook)
    mailbox.pull_forward(hook, lender)
    assert not lender.borrowers
    mailbox.end(hook)
    assert lender.borrower is None


async def test_a_hook_that_waits_to_borrow_is_pulled_inwards_and_never_back_out() -> None:
    """An inner turn that waits for it would wait for itself otherwise."""
    mailbox, instance = mailbox_with()
    lender, inner, hook = turns(instance, "abc")
    mailbox.put(lender)
    lender.lend(inner)
    lender.lend(hook)
    assert active(hook) == ""
    mailbox.pull_forward(hook, inner)
    assert active(hook) == "c"
    assert hook.lender is inner
    later = Turn(instance, "d")
    inner.lend(later)
    mailbox.pull_forward(later, lender)
    assert later.lender is inner
    mailbox.end(hook)
    assert later.active
    mailbox.end(later)
    mailbox.end(inner)
    mailbox.end(lender)
    assert mailbox.holder is None


async def test_a_hook_that_is_cancelled_while_it_waits_to_borrow_is_withdrawn() -> None:
    mailbox, instance = mailbox_with()
    lender, first, second = turns(instance, "abc")
    mailbox.put(lender)
    lender.lend(first)
    lender.lend(second)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(second.wait_granted)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    mailbox.end(first)
    assert not second.active
    assert lender.borrower is None


async def test_a_hook_goes_back_into_the_queue_when_its_lender_no_longer_waits() -> None:
    mailbox, instance = mailbox_with()
    lender, first, second, behind = turns(instance, "abcd")
    mailbox.put(lender)
    mailbox.put(behind)
    lender.lend(first)
    lender.lend(second)
    mailbox.put_back(second)
    mailbox.put_back(first)  # it has begun: nothing happens
    mailbox.end(first)
    assert not second.active
    assert list(mailbox.waiting()) == [behind, second]


async def test_the_current_turn_is_active_or_none() -> None:
    mailbox, instance = mailbox_with()
    _, elsewhere = mailbox_with()
    turn = Turn(instance, "a")
    token = running_turn.set(turn)
    try:
        assert current_turn() is None
        mailbox.put(turn)
        assert current_turn() is turn
        assert turn_of(instance) is turn
        assert turn_of(elsewhere) is None
        mailbox.end(turn)
        assert current_turn() is None
        assert turn_of(instance) is None
    finally:
        running_turn.reset(token)
    assert current_turn() is None
