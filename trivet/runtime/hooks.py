"""The connection hooks: in which order they run, on whose turn, and for how long.

``on_before_connect`` and ``create_conn_state`` run without a turn, on the connection's own task;
``on_connect`` and ``on_disconnect`` take one. Each has its own deadline, which starts with the
hook and never in the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import trio

from trivet.declare.errors import ActionError, ConnectionClosed
from trivet.declare.request import running_request
from trivet.lifecycle.connection import ConnectionEvent, ConnectionState
from trivet.logs import Throttled
from trivet.protocol.faults import fault_of
from trivet.runtime.results import copied
from trivet.runtime.state_watch import look_at_end, one_segment
from trivet.runtime.subjects import about_connection
from trivet.runtime.turn import Turn, running_turn
from trivet.runtime.user_code import user_code

if TYPE_CHECKING:
    from trivet.runtime.call import Call
    from trivet.runtime.connection import Connection

__all__ = [
    "check",
    "enter_alone",
    "enter_beside",
    "enter_call",
    "late",
    "leave",
    "leave_at_start",
    "open_connection",
]

throttled = Throttled(logging.getLogger(__name__))


def late(hook: str, seconds: float) -> ActionError:
    """Make the error of a hook that took too long."""
    return ActionError(
        f"{hook} took longer than {seconds:g} s",
        group="actor",
        code="callback_timed_out",
        metadata={"hook": hook, "limit": seconds},
    )


async def open_connection(conn: Connection, params: Any) -> None:
    """Bring a connection from the client's knock to Init, as the task of that connection.

    Args:
        conn: The connection, new, with a link.
        params: What the client sent, checked.
    """
    assert conn.scope is not None
    try:
        with conn.scope:
            await check(conn, params)
            await _connect(conn)
    except Exception as error:  # the connection's firewall
        if conn.scope.cancel_called:
            fault_of(error, where=f"{conn.label} while it was cut", subject=about_connection(conn))
        else:
            conn.refuse(error, "was refused")
    finally:
        conn.instance.reception.opening_ended(conn)


async def check(conn: Connection, params: Any) -> None:
    """Run the preflight hooks and make the connection visible."""
    conn.step(ConnectionEvent.CHECK)
    await trio.lowlevel.checkpoint_if_cancelled()  # it may have left before this task began
    instance = conn.instance
    definition, actor = instance.definition, instance.actor
    running_turn.set(None)
    if "on_before_connect" in definition.hooks:
        await _with_request(conn, "on_before_connect", actor.on_before_connect(params))
    if "create_conn_state" in definition.hooks:
        made = await _with_request(conn, "create_conn_state", actor.create_conn_state(params))
        assert definition.conn_state is not None
        conn.set_state(copied(definition.conn_state.copy, made, "create_conn_state"))
    else:
        conn.set_state(definition.default_conn_state())
    await trio.lowlevel.checkpoint_if_cancelled()  # a client that left meanwhile stays invisible
    instance.reception.show(conn)


async def _connect(conn: Connection) -> None:
    if "on_connect" in conn.instance.definition.hooks:
        turn = Turn(conn.instance, "on_connect", hook_of=conn)
        await conn.instance.mailbox.take(turn)
        try:
            running_turn.set(turn)
            if conn.instance.journal is not None:
                conn.instance.journal.enter(conn)
            with one_segment(conn.instance, conn.label):
                await _on_connect(conn)
            _open(conn)  # still inside the turn: Init rests on its changes and on nothing else
        finally:
            conn.instance.turn_ended(turn)
    else:
        _open(conn)
    if conn.inbox is not None and conn.phase is ConnectionState.OPEN:
        conn.inbox.pump()


def _open(conn: Connection) -> None:
    if conn.phase is ConnectionState.CONNECTING:
        conn.open()


async def _on_connect(conn: Connection) -> None:
    await _with_request(conn, "on_connect", conn.instance.actor.on_connect(conn))


async def leave(conn: Connection, turn: Turn) -> None:
    """Run ``on_disconnect`` in a turn that waits already, or has been granted."""
    try:
        if not turn.active:
            await turn.wait_granted()
        try:
            running_turn.set(turn)
            await _on_disconnect(conn)
            if turn.lender is None:
                look_at_end(conn.instance, conn.label)
        finally:
            conn.instance.turn_ended(turn)
    finally:
        conn.instance.reception.has_left(conn)


async def leave_at_start(conn: Connection) -> None:
    """Run the ``on_disconnect`` that an earlier process owed, inside the turn of the start."""
    try:
        await _on_disconnect(conn)
    finally:
        conn.step(ConnectionEvent.LEFT)
        conn.ended.set()


async def _on_disconnect(conn: Connection) -> None:
    journal = conn.instance.journal
    conn.step(ConnectionEvent.LEAVE)
    conn.cut_at = trio.current_time() + conn.instance.limits.hook_time
    if journal is not None:
        conn.instance.gate.end_segment()  # what its lender, or the hook before it, has done is theirs
        journal.begin_leaving(conn)
    try:
        await _within_limit(conn, "on_disconnect", conn.instance.actor.on_disconnect(conn))
    except Exception as error:
        conn.instance.runtime.observer.count("hook_failed")
        throttled.error(
            "on_disconnect",
            "%s: on_disconnect failed",
            conn.label,
            extra=about_connection(conn),
            error=error,
        )
    if journal is not None:
        journal.strike_out(conn)


async def enter_call(call: Turn, conn: Connection) -> None:
    """Run ``on_connect`` of a stateless call, inside the call's own turn.

    Raises:
        ConnectionClosed: If somebody disconnected it meanwhile.
    """
    definition = conn.instance.definition
    hooked = "on_connect" in definition.hooks and definition.runs_call_hooks
    if hooked and conn.phase is ConnectionState.CONNECTING:
        call.hook_of = conn
        try:
            await _on_connect(conn)
        except Exception:
            if conn.is_standing:
                conn.close("hook", 1000, "")
            raise
        finally:
            call.hook_of = None
    if conn.phase is not ConnectionState.CONNECTING:
        raise ConnectionClosed
    conn.step(ConnectionEvent.OPEN)


async def enter_beside(call: Call, conn: Connection) -> None:
    """Run ``on_connect`` of a stateless call of a concurrent action, in a turn of its own.

    Raises:
        ConnectionClosed: If somebody disconnected it meanwhile.
    """
    instance = conn.instance
    if "on_connect" in instance.definition.hooks:
        turn = Turn(instance, "on_connect", hook_of=conn)
        await instance.mailbox.take(turn)
        token = running_turn.set(turn)
        try:
            with one_segment(instance, conn.label):
                await enter_call(call, conn)
        finally:
            running_turn.reset(token)
            instance.turn_ended(turn)
            call.entered()
    else:
        await enter_call(call, conn)


async def enter_alone(conn: Connection) -> None:
    """Run ``on_connect`` of a short connection by which no call comes, in a turn of its own.

    Raises:
        ConnectionClosed: If somebody disconnected it meanwhile.
    """
    instance = conn.instance
    turn = Turn(instance, "on_connect", hook_of=conn)
    if "on_connect" in instance.definition.hooks:
        await instance.mailbox.take(turn)
        running_turn.set(turn)
        try:
            with one_segment(instance, conn.label):
                await enter_call(turn, conn)
        finally:
            instance.turn_ended(turn)
    else:
        await enter_call(turn, conn)


async def _with_request(conn: Connection, hook: str, running: Awaitable[Any]) -> Any:
    """Run a connect hook: what the client sent is there while it runs, and not afterwards."""
    token = running_request.set(conn.request)
    try:
        return await _within_limit(conn, hook, running)
    finally:
        running_request.reset(token)


async def _within_limit(conn: Connection, hook: str, running: Awaitable[Any]) -> Any:
    seconds = conn.instance.limits.hook_time
    with trio.move_on_after(seconds):
        return await user_code(conn.instance.runtime, running)
    raise late(hook, seconds)
