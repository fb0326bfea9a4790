"""Permission: what the actor's plain hooks say to what a client wants, ``can_…``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trivet.declare.errors import NotInTurnError
from trivet.runtime.state import only_read
from trivet.runtime.turn import running_turn

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection

__all__ = ["is_permitted"]


def is_permitted(
    conn: Connection, hook: Literal["can_subscribe", "can_publish"], what: object
) -> bool:
    """Ask a hook of an actor about one of its connections; without the hook everything is fine.

    Args:
        conn: The connection.
        hook: The name of the hook.
        what: The event or queue that its client wants.

    Raises:
        Exception: Whatever the hook raises, or that it does not answer ``True`` or ``False``.
    """
    instance = conn.instance
    if hook not in instance.definition.hooks:
        return True
    ask = instance.actor.can_subscribe if hook == "can_subscribe" else instance.actor.can_publish
    context = instance.context.copy()
    context.run(running_turn.set, None)  # it is no part of the turn that may be suspended
    with only_read(instance, NotInTurnError):
        answer: object = context.run(ask, what, conn)
    if not isinstance(answer, bool):
        raise TypeError(f"{hook} answers True or False, not {type(answer).__name__}")
    return answer
