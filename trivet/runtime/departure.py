"""Departure: how the connections of an instance leave when that ends.

Rules this file keeps:

1. What sleeps, or has crashed, leaves connections that can wait to the next instance, and closes
   the others; at the end of the runtime all are closed. Those of an actor that goes to sleep stay
   visible until the very end, and may leave until then.
2. A client that was never told that its connection is open gets a new one.
3. A destroyed actor's connections leave while their links still stand; those close when the actor
   is gone, behind what it has said last.
4. However it ends, each ``on_disconnect`` has its time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from trivet.declare.interfaces import CloseCause
from trivet.lifecycle.actor import ActorEvent
from trivet.lifecycle.connection import ConnectionState
from trivet.protocol.close import CloseCode
from trivet.runtime.cleanup import bounded_cleanup

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.inbox import Inbox
    from trivet.runtime.instance import Instance

__all__ = ["GONE", "close_links", "depart", "leaving", "park_the_rest", "wait_left"]

GONE: Final = "actor.destroyed"
"""Trivet's client stays away then; others come back, and find what is there."""


async def depart(instance: Instance) -> None:
    """Have the connections leave that cannot wait, and wait until they have."""
    match instance.ending:
        case ActorEvent.DESTROY:
            for conn in _open(instance):
                conn.depart("destroy")
        case ActorEvent.CRASH:
            _close_others(instance)
            park_the_rest(instance)
        case _:
            _close_others(instance)
    await _wait_closed(leaving(instance), instance.limits.close_time)
    await wait_left(instance)


async def wait_left(instance: Instance) -> None:
    """Wait until the connections that leave have left; once for each of them."""
    # A crash has no grace, but no hook may be left out for that: one after the other takes its time.
    hook_time = instance.limits.hook_time
    after_crash = hook_time * len(leaving(instance)) if instance.broken else hook_time
    with bounded_cleanup(max(instance.grace_left, after_crash)) as scope:
        while gone := leaving(instance):
            for conn in gone:
                await conn.ended.wait()
    if scope.cancelled_caught:
        for conn in leaving(instance):
            conn.is_late = True


def leaving(instance: Instance) -> list[Connection]:
    """Return the connections that are neither open nor over, and still have time to leave."""
    return [
        conn
        for conn in instance.connections
        if conn.phase is not ConnectionState.OPEN and not conn.is_late
    ]


def park_the_rest(instance: Instance) -> None:
    """Leave what is still open to the next instance."""
    for conn in _open(instance):
        instance.reception.park(conn)


async def close_links(instance: Instance) -> None:
    """Close what a destroyed actor has left open."""
    inboxes = instance.reception.left_open
    for inbox in inboxes:
        inbox.link.close(
            CloseCode.NORMAL if inbox.kind == "websocket" else CloseCode.DESTROYED, GONE
        )
    await _wait_links(inboxes, instance.limits.close_time)


def _open(instance: Instance) -> list[Connection]:
    return [conn for conn in instance.connections if conn.phase is ConnectionState.OPEN]


def _close_others(instance: Instance) -> None:
    """Close what cannot wait for the next instance, and make the others ready for it."""
    for conn in _open(instance):
        if not _can_wait(conn):
            _close(conn)
        elif conn.greeted:
            conn.hibernate()
        else:
            conn.reopen()


def _can_wait(conn: Connection) -> bool:
    return conn.hibernates and conn.instance.ending is not ActorEvent.STOP


def _close(conn: Connection) -> None:
    if conn.inbox is not None or conn.kind == "request":
        cause: CloseCause = "crash" if conn.instance.broken else "stop"
        conn.close(cause, CloseCode.SERVICE_RESTART, "")


async def _wait_closed(connections: Iterable[Connection], seconds: float) -> None:
    """Wait until the links of leaving connections are closed; others keep theirs."""
    inboxes = [
        conn.inbox
        for conn in connections
        if conn.inbox is not None and conn.inbox.connection is conn
        if conn.close_cause != "destroy"  # the last to close
    ]
    await _wait_links(inboxes, seconds)


async def _wait_links(inboxes: Iterable[Inbox], seconds: float) -> None:
    with bounded_cleanup(seconds):
        for inbox in inboxes:
            await inbox.closed.wait()
    for inbox in inboxes:
        if not inbox.closed.is_set():
            inbox.link.abort()
