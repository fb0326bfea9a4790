"""Whether a connection may hear an event: ``can_subscribe``, asked outside of every turn.

Only ``True`` lets it. Whatever else the hook does refuses, and the client hears the same as from
``False``: what went wrong is in the log.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from trivet.declare.errors import Error, NotInTurnError
from trivet.logs import Throttled, printable
from trivet.protocol.faults import fault_of
from trivet.runtime.state import only_read
from trivet.runtime.subjects import about_connection
from trivet.runtime.turn import running_turn

if TYPE_CHECKING:
    from trivet.declare.definition import EventBinding
    from trivet.runtime.connection import Connection

__all__ = ["may_subscribe"]

throttled = Throttled(logging.getLogger(__name__))


def may_subscribe(conn: Connection, binding: EventBinding) -> bool:
    """Ask the connection's actor whether it may hear an event."""
    instance = conn.instance
    if "can_subscribe" not in instance.definition.hooks:
        return True
    where, subject = f"{instance.label}.can_subscribe", about_connection(conn)
    try:
        return _answer(conn, binding)
    except Error as error:
        text = printable(str(error))
        throttled.warning(
            "raised", "%s refused by raising %s", printable(where), text, extra=subject
        )
    except Exception as error:  # the connection's firewall
        fault_of(error, where=where, subject=subject)
    return False


def _answer(conn: Connection, binding: EventBinding) -> bool:
    instance = conn.instance
    context = instance.context.copy()
    context.run(running_turn.set, None)  # it is no part of the turn that may be suspended
    with only_read(instance, NotInTurnError):
        answer: object = context.run(instance.actor.can_subscribe, binding.event, conn)
    if not isinstance(answer, bool):
        raise TypeError(f"can_subscribe answers True or False, not {type(answer).__name__}")
    return answer
