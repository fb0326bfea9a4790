"""Awaiting the end of a connection: ``await conn.disconnect()``.

Rules this file keeps:

1. On return the link has closed, and ``on_disconnect`` has ended or been cut. The first takes
   ``close_time`` at most, then the link is aborted; the second ``hook_time``.
2. A turn lends itself to the hook, which so begins at once. While it runs the lender does not,
   cancelled or not: that is at most the hook's own deadline, and that of each hook which borrows
   from it in turn, for they have their time, too.
3. If another turn still holds the actor when the time is over, the hook stays in the queue.
4. A hook of the connection itself would wait for its own end: it is refused.
5. Whoever still holds a connection whose instance has left its link to the next one, parked or in
   the middle of its opening, reaches the client all the same; and so does who holds one of an actor
   that is being destroyed, whose link would stand until that is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from trivet.declare.errors import WouldDeadlockError
from trivet.lifecycle.connection import ConnectionState
from trivet.runtime.atomic import refuse_in_atomic_turn
from trivet.runtime.cleanup import bounded_cleanup
from trivet.runtime.state_watch import watch_state
from trivet.runtime.turn import Turn, current_turn

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.inbox import Inbox

__all__ = ["disconnect", "lender_of", "wait_closed"]

KICKED = 1000
STAY_AWAY = 4001

PATIENCE = 0.1
"""How much longer than promised to wait for a hook that is just about to be cut: it may have begun
a moment after its link had closed."""

ENDED = frozenset({ConnectionState.CLOSED, ConnectionState.REFUSED, ConnectionState.OWED})


async def disconnect(conn: Connection, reason: str, *, reconnect: bool) -> None:
    """Close a connection, if nobody has yet, and return when it is closed.

    Args:
        conn: The connection.
        reason: Told to the client.
        reconnect: Whether the client may come back.

    Raises:
        WouldDeadlockError: Inside this connection's own connect or disconnect hook.
        AtomicTurnError: In an atomic turn that has changed anything.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    if conn.phase in ENDED and not _is_left_open(conn):
        return
    turn = current_turn()
    if turn is not None and any(link.hook_of is conn for link in turn.chain()):
        raise WouldDeadlockError
    refuse_in_atomic_turn(conn.instance)
    if conn.inbox is not None and conn.inbox.connection is not conn:
        await _disconnect_link(conn.inbox, conn.instance.limits.close_time, reason, reconnect)
        if conn.phase is ConnectionState.PARKED:
            return
    if conn.is_standing:
        conn.close("kick", _code(reconnect), reason)
        if turn is not None and turn.instance is conn.instance:
            watch_state(conn.instance)
        conn.instance.gate.end_segment()  # the goodbye leaves behind what the turn has done so far
    elif _is_left_open(conn):
        conn.close_link(_code(reconnect), reason)
    if turn is None or turn.instance is not conn.instance or conn.phase in ENDED:
        await _wait_ended(conn)
    else:
        await _lend(turn, conn)


def lender_of(conn: Connection) -> Turn | None:
    """Return the running turn that waits for a connection's end: of several the innermost.

    Those further out lend to it, and wait for it anyway.
    """
    waiting = [turn for turn in conn.lenders if turn.active]
    return max(waiting, key=lambda turn: len(turn.chain()), default=None)


def _is_left_open(conn: Connection) -> bool:
    """Whether a connection has left an actor that is being destroyed, and its link stands still."""
    inbox = conn.inbox
    return conn.close_cause == "destroy" and inbox is not None and not inbox.closed.is_set()


def _code(reconnect: bool) -> int:
    return KICKED if reconnect else STAY_AWAY


async def _disconnect_link(inbox: Inbox, seconds: float, reason: str, reconnect: bool) -> None:
    """Close the link; the hook runs in the next instance, where the connection goes on or ends."""
    if inbox.connection is not None:
        await disconnect(inbox.connection, reason, reconnect=reconnect)
    else:
        inbox.close_parked("kick", _code(reconnect), reason)
        await wait_closed(inbox, seconds)


async def _lend(lender: Turn, conn: Connection) -> None:
    conn.lenders.append(lender)
    if conn.leaving is not None:
        lender.instance.mailbox.pull_forward(conn.leaving, lender)
    try:
        await _wait_ended(conn)
    finally:
        conn.lenders.remove(lender)
        # The lender does not run beside the hook; one that cannot be cut is not waited for.
        while (seconds := _time_left(lender, conn)) > 0:
            with bounded_cleanup(seconds):
                await conn.ended.wait()
        _end_loan(lender, conn)
        atomic = conn.instance.gate.atomic
        if atomic is not None:
            atomic.begin_anew()  # what the hook has done is done


def _time_left(lender: Turn, conn: Connection) -> float:
    """How many seconds a hook that runs on a loan, and those that borrow from it, may still take."""
    hook, now = conn.leaving, trio.current_time()
    if hook is None or hook.lender is not lender or not hook.active or conn.ended.is_set():
        return 0
    latest = now
    borrower: Turn | None = hook
    while borrower is not None and borrower.hook_of is not None:
        # One that was granted just now, and whose task has not run yet, will begin in a moment.
        cut_at = min(borrower.hook_of.cut_at, now + conn.instance.limits.hook_time)
        latest, borrower = max(latest, cut_at + PATIENCE), borrower.borrower
    return latest - now


def _end_loan(lender: Turn, conn: Connection) -> None:
    """Let a hook that has not begun, because others borrow before it, wait for its own turn."""
    hook = conn.leaving
    if hook is None or hook.lender is not lender or hook.active:
        return
    if lender not in conn.lenders:
        lender.instance.mailbox.put_back(hook)


async def _wait_ended(conn: Connection) -> None:
    limits = conn.instance.limits
    if conn.inbox is not None:
        await wait_closed(conn.inbox, limits.close_time)
    with trio.move_on_after(limits.hook_time):
        await conn.ended.wait()
    if conn.cut_at <= trio.current_time() + PATIENCE:
        with trio.move_on_after(PATIENCE):
            await conn.ended.wait()


async def wait_closed(inbox: Inbox, seconds: float) -> None:
    """Wait until a link that is closing has closed; after so many seconds it is aborted."""
    with trio.move_on_after(seconds):
        await inbox.closed.wait()
    if not inbox.closed.is_set():
        inbox.link.abort()
        await inbox.closed.wait()
