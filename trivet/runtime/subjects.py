"""Who a log record is about: the fields of an actor and of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trivet.logs import about

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.instance import Instance

__all__ = ["about_connection", "about_instance"]


def about_instance(instance: Instance) -> dict[str, str]:
    """Return the fields of a record about an actor, for ``extra=``."""
    return about(
        actor=instance.definition.name, key=instance.key, actor_id=instance.actor_id or None
    )


def about_connection(conn: Connection) -> dict[str, str]:
    """Return the fields of a record about a connection, its actor's among them."""
    return about_instance(conn.instance) | about(conn=conn.id)
