"""Callers that are gone: what becomes of the calls of a connection that has ended.

An action is not cut because its client has left: only its reply is dropped. One with
``cancel_with_caller`` is, and those of them that still wait do not begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trivet.runtime.call import Call
from trivet.runtime.cut_errors import restarting
from trivet.runtime.turn import action_of, turn_of

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection

__all__ = ["client_left"]


def client_left(conn: Connection) -> None:
    """Cut what a client has called that ends with its caller.

    A call that has itself ended the connection goes on.
    """
    instance = conn.instance
    turn, action = turn_of(instance), action_of(instance)
    own = [action, *(turn.chain() if turn is not None else ())]
    calls = (instance.mailbox.holder, *instance.own_tasks.calls, *instance.mailbox.waiting())
    for call in calls:
        if not isinstance(call, Call) or call.conn is not conn or call in own:
            continue
        if call.method.cancel_with_caller and call.caller_left():
            call.failed(restarting())
            instance.reception.call_dropped(conn)
