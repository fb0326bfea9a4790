"""Turns: who may change an actor's state right now.

Rules this file keeps:

1. A turn is *active* from the moment it holds its actor until it ends. ``self.conn`` and state
   assignments are valid in tasks whose context names an active turn of that actor; while an
   *inline* turn holds it, no other code can run, and the context is not asked.
2. A turn that waits for the end of a connection *lends* itself to that connection's hook. Hooks
   borrow one at a time, in the order they asked; a borrowed turn may lend itself on.
3. A turn has ended for its actor only when nobody borrows from it any more.
4. A concurrent action is no turn. It has a place of its own in the context, so that it may take one.
5. A chain is followed along those who still wait: whoever has given up is no link of it any more.
"""

from __future__ import annotations

import math
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.instance import Instance
    from trivet.runtime.waits import Wait

__all__ = [
    "Turn",
    "action_of",
    "current_action",
    "current_turn",
    "link_of",
    "running_action",
    "running_turn",
    "turn_of",
]

running_turn: ContextVar[Turn | None] = ContextVar("trivet.turn", default=None)
"""The turn that the current task works for; it may have ended since."""


running_action: ContextVar[Turn | None] = ContextVar("trivet.action", default=None)
"""The concurrent action that the current task works for; it may have returned since."""


def current_turn() -> Turn | None:
    """Return the active turn of the current task, of whatever actor."""
    turn = running_turn.get()
    return turn if turn is not None and turn.active else None


def turn_of(instance: Instance) -> Turn | None:
    """Return the active turn of an actor for which the current code works."""
    turn = instance.mailbox.holder
    if turn is not None and not turn.is_inline:
        turn = running_turn.get()
        if turn is not None and not (turn.active and turn.instance is instance):
            return None
    return turn


def action_of(instance: Instance) -> Turn | None:
    """Return the concurrent action of an actor for which the current code works."""
    call = running_action.get()
    return call if call is not None and call.active and call.instance is instance else None


def link_of(turn: Turn | None, instance: Instance) -> Turn | None:
    """Return the innermost turn of an actor in the chain of calls that a turn is part of."""
    while turn is not None and not (turn.active and turn.instance is instance):
        turn = turn.caller or turn.lender
    return turn


def current_action() -> Turn | None:
    """Return the concurrent action of the current task, of whatever actor, while it runs."""
    call = running_action.get()
    return call if call is not None and call.active else None


class Turn:
    """One turn of an actor: waiting in its mailbox, active, or ended.

    Attributes:
        instance: Whose turn it is.
        label: What it does, for logs and errors.
        conn: The connection whose call it is, if any.
        hook_of: The connection whose hook it runs, if any.
        active: Whether it holds the actor now.
        has_lent: Whether a hook has ever run inside it.
        waits_for: What tasks of this turn wait for.
        lender: The turn it borrows from, if any.
        since: When it began, or while it waits in the mailbox, when it was put there.
        caller: The turn that waits for it, if one does.
    """

    is_request = False
    """Whether the mailbox may refuse it."""

    is_inline = False
    """Whether it runs without suspending, so that all code that runs now belongs to it."""

    is_indivisible = False
    """Whether what it changes is stored as a whole, or not at all."""

    is_own = False
    """Whether a task without a turn has taken it, for some of its steps."""

    leaves_open = False
    """Whether the short connection that it came by goes on when it is over."""

    is_over = False
    """Whether all that is left of it is to hand the actor on."""

    # A turn is made for every call: what few of them need is set on those only.
    conn: Connection | None = None
    hook_of: Connection | None = None
    active = False
    has_lent = False
    waits_for: list[Wait] | None = None
    lender: Turn | None = None
    since = math.inf
    caller: Turn | None = None
    borrower: Turn | None = None
    borrowers: deque[Turn] | None = None
    _task: trio.lowlevel.Task | None = None

    def __init__(self, instance: Instance, label: str, hook_of: Connection | None = None) -> None:
        self.instance = instance
        self.label = label
        self.hook_of = hook_of

    @property
    def may_suspend(self) -> bool:
        """Whether anything else may run while it holds its actor."""
        return True

    def grant(self) -> None:
        """Become active and wake the task that waits for this."""
        self.since = trio.current_time()
        self.begin()
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)

    def begin(self) -> None:
        """Become active: unless it borrows, what was changed before is another segment."""
        self.active = True
        gate = self.instance.mailbox.gate
        if gate is not None and self.lender is None:
            gate.begin_turn(self)

    async def wait_granted(self) -> None:
        """Wait until the turn is granted; a cancelled wait withdraws it."""
        self._task = trio.lowlevel.current_task()

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._task = None
            self.instance.mailbox.withdraw(self)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def lend(self, turn: Turn) -> None:
        """Let a hook run inside this turn: at once, or after the hooks that asked before."""
        turn.lender = self
        self.has_lent = True
        if self.borrower is None:
            self.borrower = turn
            turn.grant()
        else:
            if self.borrowers is None:
                self.borrowers = deque()
            self.borrowers.append(turn)

    def end_loan(self) -> None:
        """Give a borrowed turn back: to the next hook that asked, else to the lender."""
        lender = self.lender
        assert lender is not None
        lender.borrower = lender.borrowers.popleft() if lender.borrowers else None
        if lender.borrower is not None:
            lender.borrower.grant()

    def chain(self) -> list[Turn]:
        """Return this turn and every turn it borrows from, outwards."""
        turns: list[Turn] = [self]
        while (lender := turns[-1].lender) is not None:
            turns.append(lender)
        return turns

    def __repr__(self) -> str:
        return f"<turn {self.label} of {self.instance.label}>"
