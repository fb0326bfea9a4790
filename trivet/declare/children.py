"""What an actor offers as a parent: actors whose lives are bound to its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from trivet.declare.handle import Address, CreatableActor, Handle
from trivet.declare.interfaces import Host

if TYPE_CHECKING:
    from trivet.declare.actor import Actor

__all__ = ["ParentActor"]

A = TypeVar("A", bound="Actor[Any, Any, Any, Any]")
I2 = TypeVar("I2")


class ParentActor:
    """The part of every actor that creates and finds its children."""

    _trivet_host: Host

    @overload
    async def create_child(self, actor: CreatableActor[A, None], /, *key: str) -> Handle[A]: ...
    @overload
    async def create_child(
        self, actor: CreatableActor[A, I2], /, *key: str, input: I2
    ) -> Handle[A]: ...
    async def create_child(self, actor: Any, /, *key: str, input: Any = None) -> Handle[Any]:
        """Create an actor that is destroyed with this one, in the same namespace.

        It is a call: the segment of the turn ends before it leaves.

        Args:
            actor: The child's class.
            *key: Its key's parts.
            input: What its ``create_state`` and ``on_create`` get.

        Raises:
            ActionError: ``actor.duplicate_key`` if the key is taken, ``actor.starting`` in a start
                hook, ``actor.stopping`` when this actor is being destroyed.
            AtomicTurnError: In an atomic turn that has changed anything.
        """
        return self._child(actor, await self._trivet_host.create_child(actor, key, input))

    async def find_children(self, actor: type[A], /) -> list[Handle[A]]:
        """Return the children of a class, oldest first.

        Raises:
            ActionError: ``actor.state_not_loaded`` if the store cannot be read,
                ``actor.state_corrupt`` if it does not know them for sure.
        """
        found = await self._trivet_host.find_children(actor)
        return [self._child(actor, actor_id) for actor_id in found]

    def _child(self, actor: Any, actor_id: str) -> Handle[Any]:
        transport = self._trivet_host.client.transport
        return Handle(transport.target(actor, Address(actor_id=actor_id)))
