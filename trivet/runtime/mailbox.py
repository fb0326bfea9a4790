"""The mailbox: turns of one actor, one at a time, first come first served.

Rules this file keeps:

1. One holder. A free mailbox has an empty queue, so whoever finds it free may enter at once, on
   its own task: that is how a synchronous action runs inline.
2. Requests are bounded, hooks and the actor's own turns are not: they are never refused.
3. Ending a turn hands the actor to the next in the same breath; nobody can slip in between.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import trio

from trivet.declare.errors import ActionError
from trivet.runtime.turn import Turn

if TYPE_CHECKING:
    from trivet.runtime.gate import Gate

__all__ = ["Mailbox", "overloaded"]


def overloaded(limit: int) -> ActionError:
    """Make the error of a request that found the mailbox full, or waited in it too long."""
    return ActionError(
        "The actor has more requests waiting than it accepts",
        group="actor",
        code="overloaded",
        metadata={"limit": limit},
    )


class Mailbox:
    """The turns of one actor.

    Attributes:
        holder: The turn that holds the actor, not counting those that borrow from it.
        limit: How many requests may wait.
        requests: How many requests wait, or run beside the turns.
        beside: How many concurrent actions run.
        changing: How many of them may have the state in hand, and change it at any time.
        queue: The turns that wait, ``None`` before the first.
        gate: Where the segments of its turns end, if the store is to hear of them.
        idle_since: Since when nobody has held it, and nothing else of the actor has ended.
    """

    __slots__ = (
        "beside",
        "changing",
        "gate",
        "holder",
        "idle_since",
        "limit",
        "queue",
        "requests",
    )

    def __init__(self, limit: int) -> None:
        self.holder: Turn | None = None
        self.limit = limit
        self.requests = 0
        self.beside = 0
        self.changing = 0
        self.queue: deque[Turn] | None = None
        self.gate: Gate | None = None
        self.idle_since = 0.0

    def enter(self, turn: Turn) -> None:
        """Take a free mailbox."""
        self.holder = turn
        turn.active = True

    def put(self, turn: Turn) -> None:
        """Queue a turn; it is granted at once if the mailbox is free.

        Raises:
            ActionError: ``actor.overloaded`` if it is a request and the bound is reached.
        """
        if self.holder is None:
            self.holder = turn
            turn.grant()
            return
        if turn.is_request:
            self.admit()
        if self.queue is None:
            self.queue = deque()
        turn.since = trio.current_time()
        self.queue.append(turn)

    def put_first(self, turn: Turn) -> None:
        """Queue a turn of the actor itself before all others."""
        if self.holder is None:
            self.holder = turn
            turn.grant()
            return
        if self.queue is None:
            self.queue = deque()
        self.queue.appendleft(turn)

    def begin_beside(self, *, changes: bool) -> None:
        """Let a concurrent action run.

        Raises:
            ActionError: ``actor.overloaded`` if the bound is reached.
        """
        self.admit()
        self.beside += 1
        self.changing += changes
        if self.gate is not None:
            self.gate.begin_beside()

    def end_beside(self, *, changes: bool) -> None:
        """End a concurrent action."""
        self.requests -= 1
        self.beside -= 1
        self.changing -= changes
        self.idle_since = trio.current_time()
        if self.gate is not None:
            self.gate.end_beside()

    def admit(self) -> None:
        """Count a request that has to wait, or will run beside the turns.

        Raises:
            ActionError: ``actor.overloaded`` if the bound is reached.
        """
        if self.requests >= self.limit:
            raise overloaded(self.limit)
        self.requests += 1

    async def take(self, turn: Turn) -> None:
        """Wait for a turn in the current task; a cancelled wait leaves no trace."""
        self.put(turn)
        if not turn.active:
            await turn.wait_granted()

    def end(self, turn: Turn) -> None:
        """End a turn and hand the actor on."""
        turn.active = False
        if turn.borrower is not None:
            if self.gate is not None:
                self.gate.advance()  # what it has said need not wait for the hook
            return
        lender = turn.lender
        if lender is None:
            self.advance()
            return
        turn.end_loan()
        if lender.borrower is None and not lender.active:
            self.end(lender)

    def withdraw(self, turn: Turn) -> bool:
        """Take a turn back that was not granted yet; tell whether it was waiting."""
        waiting = self.queue if turn.lender is None else turn.lender.borrowers
        if waiting is None or turn not in waiting:
            return False
        waiting.remove(turn)
        if turn.is_request and turn.lender is None:
            self.requests -= 1
        turn.lender = None
        return True

    def pull_forward(self, turn: Turn, lender: Turn) -> None:
        """Let a waiting hook borrow the running turn instead of waiting for its own.

        If it waits to borrow from a turn that this one lends to, it stays: that turn would wait
        for it in vain.
        """
        is_further_out = turn.lender is None or turn.lender in lender.chain()
        if is_further_out and self.withdraw(turn):
            lender.lend(turn)

    def put_back(self, turn: Turn) -> None:
        """Let a hook that waits to borrow wait for a turn of its own: its lender goes on."""
        if turn.lender is not None and self.withdraw(turn):
            self.put(turn)

    def waiting(self) -> Iterator[Turn]:
        """Iterate over the turns that wait, first come first."""
        return iter(tuple(self.queue or ()))

    def advance(self) -> None:
        """Hand the actor to the next turn, if one waits."""
        if self.gate is not None:
            self.gate.turn_over()  # the turn holds the actor still: nobody can slip in
        queue = self.queue
        turn = self.holder = queue.popleft() if queue else None
        if turn is not None:
            if turn.is_request:
                self.requests -= 1
            turn.since = math.inf  # its wait is over, and only who runs it knows when it begins
            turn.grant()
        else:
            self.idle_since = trio.current_time()
