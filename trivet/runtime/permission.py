"""Permission: what a connection may do, as the actor's plain hooks say, outside of every turn.

Only ``True`` lets it. Whatever else a hook does refuses, and the client hears the same as from
``False``: what went wrong is in the log.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Literal

from trivet.declare.errors import Error, NotInTurnError
from trivet.logs import Throttled, printable
from trivet.protocol.faults import fault_of
from trivet.runtime.state import only_read
from trivet.runtime.subjects import about_connection
from trivet.runtime.turn import running_turn
from trivet.runtime.user_code import call_user_code

if TYPE_CHECKING:
    from trivet.declare.event import Event
    from trivet.declare.queue import Queue
    from trivet.runtime.connection import Connection

__all__ = ["may_publish", "may_subscribe"]

throttled = Throttled(logging.getLogger(__name__))

Hook = Literal["can_publish", "can_subscribe"]


def may_subscribe(conn: Connection, event: Event[object]) -> bool:
    """Ask the connection's actor whether it may hear an event."""
    return _may(conn, "can_subscribe", event)


def may_publish(conn: Connection, queue: Queue[object, object]) -> bool:
    """Ask the connection's actor whether it may put messages into a queue."""
    return _may(conn, "can_publish", queue)


def _may(conn: Connection, hook: Hook, what: object) -> bool:
    instance = conn.instance
    if hook not in instance.definition.hooks:
        return True
    where, subject = f"{instance.label}.{hook}", about_connection(conn)
    try:
        return _answer(conn, hook, what)
    except Error as error:
        text = printable(str(error))
        throttled.warning(
            "raised", "%s refused by raising %s", printable(where), text, extra=subject
        )
    except Exception as error:  # the connection's firewall
        fault_of(error, where=where, subject=subject)
    return False


def _answer(conn: Connection, hook: Hook, what: object) -> bool:
    instance = conn.instance
    ask = instance.actor.can_subscribe if hook == "can_subscribe" else instance.actor.can_publish
    context = instance.context.copy()
    context.run(running_turn.set, None)  # it is no part of the turn that may be suspended
    with only_read(instance, NotInTurnError):
        answer: object = call_user_code(instance.runtime, partial(context.run, ask, what, conn))
    if not isinstance(answer, bool):
        raise TypeError(f"{hook} answers True or False, not {type(answer).__name__}")
    return answer
