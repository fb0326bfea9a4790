"""Leftovers: what becomes of the messages of an actor when a life of it has ended.

They stay in the store. If its ``run`` was there to receive them, or somebody waits for one, they
are requests that wait, and begin the next life; else the next request does. After a crash the
supervisor does that, in its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trivet.declare.errors import Error
from trivet.declare.handle import Address
from trivet.lifecycle.actor import ActorEvent
from trivet.protocol.faults import fault_of
from trivet.runtime.completions import destroyed
from trivet.runtime.cut_errors import restarting
from trivet.runtime.subjects import about_instance

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["messages_left"]


def messages_left(instance: Instance) -> None:
    """Look at what is left in the queues of an instance of which nothing is left."""
    completions, queues = instance.runtime.completions, instance.host.queues
    if instance.ending is ActorEvent.DESTROY and instance.is_removed:
        completions.fail(instance.actor_id, destroyed())
    elif instance.runtime.closing:
        completions.fail(instance.actor_id, restarting())
    elif queues is not None and queues.want_another_life and not instance.broken:
        instance.runtime.nursery.start_soon(_wake, instance)


async def _wake(instance: Instance) -> None:
    address = Address(actor_id=instance.actor_id)
    try:
        await instance.runtime.directory.awake(instance.definition, address)
    except Error as error:  # they wait for the next request
        where = f"waking {instance.label} for its messages"
        fault_of(error, where=where, subject=about_instance(instance))
