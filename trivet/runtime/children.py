"""Children: actors that an actor has created to share its life, as it creates and finds them.

Their records name their parent, and nothing else of them is special; ``destroying`` sees to it that
none outlives that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from trivet.declare.errors import ActionError
from trivet.declare.keys import check_key
from trivet.lifecycle.actor import ActorEvent, ActorState
from trivet.runtime.namespaces import stored_name

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["check_may_have_children", "create_child", "find_children"]


async def create_child(parent: Instance, actor: type[Any], key: tuple[str, ...], given: Any) -> str:
    """Create an actor whose life is bound to its parent's, and return its id.

    Args:
        parent: The actor that asks.
        actor: The child's class.
        key: The child's key, in the namespace of its parent.
        given: The child's input.

    Raises:
        ActionError: ``actor.duplicate_key``, ``actor.starting`` in a start hook, ``actor.stopping``
            once the parent is being destroyed, or why it did not start.
        AtomicTurnError: In an atomic turn that has changed anything.
    """
    await trio.lowlevel.checkpoint()
    definition = parent.runtime.registry.find(actor)
    definition.check_takes(given)
    check_key(key)
    if parent.phase in {ActorState.NEW, ActorState.STARTING}:
        message = "An actor cannot create children while it starts"
        raise ActionError(message, group="actor", code="starting")
    check_may_have_children(parent)
    await parent.gate.leave()
    return await parent.runtime.create(
        definition, key, given, parent.namespace, parent=parent.actor_id
    )


async def find_children(parent: Instance, actor: type[Any]) -> list[str]:
    """Return the ids of the children of a class, oldest first.

    Raises:
        ActionError: If the store cannot be read.
    """
    await trio.lowlevel.checkpoint()
    runtime = parent.runtime
    name = stored_name(parent.namespace, runtime.registry.find(actor).name)
    found: list[str] = []
    for actor_id in await runtime.records.children(parent.actor_id):
        record = await runtime.records.identify(actor_id)
        if record is not None and record.name == name:
            found.append(actor_id)
    return found


def check_may_have_children(parent: Instance | None) -> None:
    """Check that no child would come too late to be destroyed with its parent.

    Args:
        parent: The instance of the parent, if it has one.

    Raises:
        ActionError: ``actor.stopping``.
    """
    if parent is None or parent.ending is ActorEvent.DESTROY:
        message = "An actor that is destroyed creates no children"
        raise ActionError(message, group="actor", code="stopping")
