"""Replies: how the result of a call gets to the client of a connection, through the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trivet.declare.errors import Error
from trivet.lifecycle.connection import ConnectionState
from trivet.protocol.faults import Fault, fault_of
from trivet.runtime.cut_errors import restarting
from trivet.runtime.results import misfit

if TYPE_CHECKING:
    from trivet.declare.definition import Method
    from trivet.ports.link import Frame
    from trivet.runtime.connection import Connection

__all__ = ["reply", "reply_failure"]


def reply(conn: Connection, call_id: int, method: Method, value: Any) -> None:
    """Send an action's result, or drop it if the connection is gone."""
    if conn.inbox is None or conn.phase is not ConnectionState.OPEN:
        _reply_late(conn, call_id)
        return
    try:
        frame = conn.inbox.link.encoder.reply(call_id, method.binder.result, value)
    except Error as error:
        where = f"{conn.instance.label}.{method.name}"
        problem = error if error.group == "message" else misfit(error, where)
        reply_failure(conn, call_id, fault_of(problem, where=where))
        return
    _push(conn, call_id, frame)


def reply_failure(conn: Connection, call_id: int, fault: Fault) -> None:
    """Send an action's error, or drop it if the connection is gone."""
    if conn.inbox is None or conn.phase is not ConnectionState.OPEN:
        _reply_late(conn, call_id)
        return
    _push(conn, call_id, conn.inbox.link.encoder.failure(call_id, fault))


def _reply_late(conn: Connection, call_id: int) -> None:
    """Answer a call that resisted when it was cut: what came of it, nobody will know."""
    if conn.inbox is not None and conn.phase is ConnectionState.PARKED:
        fault = fault_of(restarting(), where=conn.label)
        conn.inbox.link.push(conn.inbox.link.encoder.failure(call_id, fault))
    else:
        conn.instance.runtime.observer.count("reply_dropped")


def _push(conn: Connection, call_id: int, frame: Frame) -> None:
    assert conn.inbox is not None
    gate, link, encoder = conn.instance.gate, conn.inbox.link, conn.inbox.link.encoder
    if gate.is_open:
        link.push(frame)
    else:
        gate.emit(
            lambda: conn.abandoned or link.push(frame),
            lambda error: link.push(encoder.failure(call_id, fault_of(error, where=conn.label))),
        )
