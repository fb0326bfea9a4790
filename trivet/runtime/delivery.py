"""Deliveries: a message in the hands of the actor, from receiving it to what comes of it.

Rules this file keeps:

1. Leaving the block deals with the message: it is completed, or comes back. An exception,
   cancellation included, brings it back, also if the body has not begun.
2. Whoever has a message that is not dealt with receives no other: neither in the same turn, nor in
   the same concurrent action, nor in the same task.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from trivet.declare.definition import QueueBinding
from trivet.declare.errors import ActionError, ValidationError
from trivet.declare.queue import Delivery, Queue
from trivet.logs import Throttled
from trivet.runtime.queued import QueuedMessage
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import action_of, turn_of

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.queues import Queues

__all__ = ["bindings_of", "receive", "try_receive"]

throttled = Throttled(logging.getLogger(__name__))


def already_completed() -> ActionError:
    """Make the error of a message that is dealt with twice."""
    message = "The message is dealt with already"
    return ActionError(message, group="queue", code="already_completed")


def not_completed() -> ActionError:
    """Make the error of who receives with a message in hand."""
    return ActionError(
        "The message received before is not completed",
        group="queue",
        code="previous_message_not_completed",
    )


class QueueDelivery(Delivery[Any, Any]):
    """One message that was received.

    Args:
        instance: The actor.
        queues: Its queues.
        message: The message.
        holders: Who has received it: the task, and the turn and the action it works for.

    Raises:
        ValidationError: If the message does not fit its type any more.
    """

    __slots__ = ("_body", "_holders", "_instance", "_is_settled", "_message", "_queues")

    def __init__(
        self, instance: Instance, queues: Queues, message: QueuedMessage, holders: set[object]
    ) -> None:
        self._instance = instance
        self._queues = queues
        self._message = message
        self._holders = holders
        self._is_settled = False
        self._body: Any = message.binding.body.decode(message.data)
        queues.open_by |= holders

    @property
    def queue(self) -> Queue[Any, Any]:
        """The queue it is from."""
        return self._message.binding.queue

    @property
    def body(self) -> Any:
        """What it says."""
        return self._body

    def complete(self, result: Any = None, /) -> None:
        """Answer the message, and remove it from its queue."""
        if self._is_settled:
            raise already_completed()
        copied = self._message.binding.result.copy(result)
        self._settle()
        self._queues.remove(self._message, copied)

    def retry(self) -> None:
        """Put the message back, to be delivered again."""
        if self._is_settled:
            raise already_completed()
        self._settle()
        self._queues.give_back(self._message)

    def leave(self) -> None:
        """Deal with the message if the body has not, and has ended well."""
        if self._is_settled:
            return
        binding = self._message.binding
        if not binding.has_result:
            self.complete(None)
            return
        self._instance.runtime.observer.count("message_not_completed")
        throttled.warning(
            "left",
            "%s: a message of %s was not completed: it comes again",
            self._instance.label,
            binding.name,
            extra=about_instance(self._instance),
        )
        self.retry()

    def fail(self) -> None:
        """Have the message come again, if it is not dealt with."""
        if not self._is_settled:
            self.retry()

    def _settle(self) -> None:
        self._is_settled = True
        self._queues.open_by -= self._holders
        self._instance.rests()


@asynccontextmanager
async def receive(
    instance: Instance, queues: Queues, bindings: frozenset[QueueBinding]
) -> AsyncGenerator[QueueDelivery]:
    """Wait for a message of some queues, and deal with it at the end of the body.

    Raises:
        ActionError: ``queue.previous_message_not_completed``, or ``actor.aborted`` if the actor
            begins to stop.
    """
    delivery = await _next(instance, queues, bindings, waits=True)
    assert delivery is not None
    try:
        yield delivery
    except BaseException:
        delivery.fail()
        raise
    delivery.leave()


@asynccontextmanager
async def try_receive(
    instance: Instance, queues: Queues, bindings: frozenset[QueueBinding]
) -> AsyncGenerator[QueueDelivery | None]:
    """Take a message of some queues, if there is one, and deal with it at the end of the body.

    Raises:
        ActionError: ``queue.previous_message_not_completed``.
    """
    delivery = await _next(instance, queues, bindings, waits=False)
    try:
        yield delivery
    except BaseException:
        if delivery is not None:
            delivery.fail()
        raise
    if delivery is not None:
        delivery.leave()


async def _next(
    instance: Instance, queues: Queues, bindings: frozenset[QueueBinding], *, waits: bool
) -> QueueDelivery | None:
    await trio.lowlevel.checkpoint()
    task = trio.lowlevel.current_task()
    found = (task, turn_of(instance), action_of(instance))
    holders: set[object] = {one for one in found if one is not None}
    if not holders.isdisjoint(queues.open_by):
        raise not_completed()
    while True:
        message = queues.take(bindings)
        if message is None:
            if not waits:
                return None
            message = await queues.wait_for(bindings)
        try:
            return QueueDelivery(instance, queues, message, holders)
        except ValidationError as error:
            queues.set_aside(message, error)


def bindings_of(instance: Instance, wanted: Sequence[Queue[Any, Any]]) -> frozenset[QueueBinding]:
    """Return the queues to receive from: those that are named, or else all.

    Raises:
        LookupError: If one is another actor's, or the actor has none.
    """
    definition = instance.definition
    if wanted:
        return frozenset(map(definition.queue, wanted))
    if not definition.queues:
        raise LookupError(f"{definition.actor.__name__} has no queues")
    return frozenset(definition.queues.values())
