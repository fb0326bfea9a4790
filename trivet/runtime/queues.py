"""The queues of an actor: durable messages, delivered one at a time, in order, until completed.

Rules this file keeps:

1. A message is stored with the turn that puts it in, or at once, outside of one. It can be received
   when it is stored, and not before: what is done for it happens in no world where nobody sent it.
2. Its row stays until it is completed: so the next life of the actor finds whatever this one has
   not completed, in the order in which it was put in. All rows are read when that begins.
3. Those who wait to receive are served in the order in which they came, each message to one of them.
   A message that comes back goes before those behind it.
4. Completing removes the row, in the segment of whoever completes; who waits for the result hears
   it when that is stored. A turn that is undone gives back what it has completed.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import outcome
import trio

from trivet.declare.definition import QueueBinding
from trivet.declare.errors import ActionError, ValidationError
from trivet.logs import Throttled
from trivet.runtime.background import in_run
from trivet.runtime.effects import Drop, Release
from trivet.runtime.queued import (
    QueuedMessage,
    StoredMessage,
    decode_message,
    encode_message,
    key_of,
    number_of,
)
from trivet.runtime.subjects import about_instance

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["Queues", "aborted", "open_queues"]

throttled = Throttled(logging.getLogger(__name__))


def aborted() -> ActionError:
    """Make the error of who waits for a message of an actor that begins to stop."""
    return ActionError("The actor is stopping", group="actor", code="aborted")


class _Receiver:
    """A task that waits for a message."""

    __slots__ = ("bindings", "task")

    def __init__(self, bindings: frozenset[QueueBinding], task: trio.lowlevel.Task) -> None:
        self.bindings = bindings
        self.task = task


class Queues:
    """The messages of one actor, while it is awake.

    Attributes:
        open_by: Who has received a message and not dealt with it: turns, actions and tasks.
        owed: The messages that wait for the next life, if they are a reason to begin it.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._messages: dict[int, QueuedMessage] = {}
        self._ready: dict[QueueBinding, list[int]] = {}  # heaps
        self._receivers: dict[_Receiver, None] = {}
        self._next = 0
        self.open_by: set[object] = set()
        self._run_receives = False
        self.owed: frozenset[int] = frozenset()

    @property
    def lengths(self) -> dict[str, int]:
        """How many messages there are in each queue, those that are being worked on included."""
        lengths: dict[str, int] = {}
        for message in self._messages.values():
            lengths[message.binding.name] = lengths.get(message.binding.name, 0) + 1
        return lengths

    # Putting in

    def put(self, binding: QueueBinding, data: bytes, stored: Release, lost: Drop) -> QueuedMessage:
        """Put a message in, as a part of the turn if there is one; never blocks.

        Args:
            binding: The queue.
            data: Its body, encoded.
            stored: Called when it is stored.
            lost: Called instead if that fails.

        Raises:
            ActionError: ``queue.full``, or ``queue.message_too_large``.
        """
        instance, limits = self._instance, self._instance.limits
        if len(data) > limits.queue_body:
            raise too_large(len(data), limits.queue_body)
        if len(self._messages) >= limits.queue_messages:
            raise full(limits.queue_messages)
        number, self._next = self._next, self._next + 1
        message = self._messages[number] = QueuedMessage(number, binding, data)
        created = instance.runtime.wall_clock()
        row = encode_message(StoredMessage(queue=binding.name, body=data, created=created))
        instance.rows.undo(partial(self._messages.pop, number))

        def release() -> None:
            self._offer(message)
            stored()

        instance.rows.put_and_tell("queue", key_of(number), row, release, lost)
        instance.rests()
        return message

    # Receiving

    def take(self, bindings: frozenset[QueueBinding]) -> QueuedMessage | None:
        """Take the first message of any of some queues, if there is one."""
        self._run_receives = self._run_receives or in_run.get() is self._instance
        first = min(
            (binding for binding in bindings if self._ready.get(binding)),
            key=lambda binding: self._ready[binding][0],
            default=None,
        )
        return None if first is None else self._messages[heappop(self._ready[first])]

    async def wait_for(self, bindings: frozenset[QueueBinding]) -> QueuedMessage:
        """Wait for a message of any of some queues, of which there is none yet.

        Who is cancelled gets none; who gets one is not cancelled before it runs.

        Raises:
            ActionError: ``actor.aborted`` if the actor stops.
        """
        if self._instance.stopping:
            raise aborted()
        receiver = _Receiver(bindings, trio.lowlevel.current_task())
        self._receivers[receiver] = None

        def abort(_: Any) -> trio.lowlevel.Abort:
            del self._receivers[receiver]
            return trio.lowlevel.Abort.SUCCEEDED

        with self._waiting():
            message: QueuedMessage = await trio.lowlevel.wait_task_rescheduled(abort)
            return message

    def _waiting(self) -> AbstractContextManager[None]:
        if in_run.get() is not self._instance:
            return nullcontext()
        return self._instance.background.waiting_for_queue()

    def _offer(self, message: QueuedMessage) -> None:
        """Hand a message to whoever waits for it, or keep it for the next who asks."""
        for receiver in self._receivers:
            if message.binding in receiver.bindings:
                del self._receivers[receiver]
                trio.lowlevel.reschedule(receiver.task, outcome.Value(message))
                return
        heappush(self._ready.setdefault(message.binding, []), message.number)

    # Dealing with a message

    def remove(self, message: QueuedMessage, result: Any) -> None:
        """Complete a message that was received."""
        instance, completions = self._instance, self._instance.runtime.completions
        actor_id, number = instance.actor_id, message.number
        del self._messages[number]
        instance.rows.put("queue", key_of(number), None)
        instance.rows.undo(partial(self._undo_removal, message))
        if completions.is_awaited(actor_id, number):
            # If it cannot be stored, who waits goes on waiting: the next life has the message.
            instance.gate.emit(partial(completions.complete, actor_id, number, result), _lose)

    def give_back(self, message: QueuedMessage) -> None:
        """Deliver a message again that was received."""
        self._offer(message)

    def set_aside(self, message: QueuedMessage, error: ValidationError) -> None:
        """Leave a message in the store that the class cannot read any more; a better one may."""
        self._instance.runtime.observer.count("message_unreadable")
        throttled.error(
            "unreadable",
            "%s: a stored message of %s does not fit its type: %s",
            self._instance.label,
            message.binding.name,
            error.metadata,
            extra=about_instance(self._instance),
        )

    def _undo_removal(self, message: QueuedMessage) -> None:
        self._messages[message.number] = message
        self._offer(message)

    # The life of the actor

    def load(self, number: int, binding: QueueBinding, data: bytes) -> None:
        """Take up a message that the store has."""
        message = self._messages[number] = QueuedMessage(number, binding, data)
        self._offer(message)

    def number_from(self, number: int) -> None:
        """Have the next message get a number."""
        self._next = number

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of all messages."""
        return frozenset(self._messages)

    def stop(self) -> None:
        """End every wait for a message: the actor begins to stop."""
        instance = self._instance
        is_awaited = instance.runtime.completions.are_awaited(instance.actor_id)
        if self._run_receives and (instance.background.is_running or is_awaited):
            self.owed = self.numbers
        receivers, self._receivers = self._receivers, {}
        for receiver in receivers:
            trio.lowlevel.reschedule(receiver.task, outcome.Error(aborted()))

    @property
    def want_another_life(self) -> bool:
        """Whether an actor that has ended is to begin anew: its ``run`` has work left."""
        return not self.owed.isdisjoint(self._messages)


async def open_queues(instance: Instance) -> Queues:
    """Read the messages that the store has of an actor.

    Raises:
        ActionError: ``actor.state_corrupt`` if they are damaged, ``actor.state_not_loaded`` if the
            store cannot be read.
    """
    queues, unknown = Queues(instance), set[str]()
    by_name = instance.definition.queues_by_name
    rows = await instance.rows.scan("queue", b"", None)
    for key, value in rows:
        stored = decode_message(value)
        binding = by_name.get(stored.queue)
        if binding is None:
            unknown.add(stored.queue)
        else:
            queues.load(number_of(key), binding, stored.body)
    queues.number_from(number_of(rows[-1].key) + 1 if rows else 0)
    if unknown:
        throttled.warning(
            "unknown",
            "%s: messages wait in queues that the class does not have any more: %s",
            instance.label,
            ", ".join(sorted(unknown)),
            extra=about_instance(instance),
        )
    instance.runtime.completions.taken_up(instance, queues.numbers)
    return queues


def full(limit: int) -> ActionError:
    """Make the error of a message for which there is no room."""
    message = "The queues of the actor are full"
    return ActionError(message, group="queue", code="full", metadata={"limit": limit})


def too_large(size: int, limit: int) -> ActionError:
    """Make the error of a message that is too large."""
    metadata = {"size": size, "limit": limit}
    message = "The message is too large for a queue"
    return ActionError(message, group="queue", code="message_too_large", metadata=metadata)


def _lose(_: object) -> None:
    """Take note that something could not be stored of which nobody has to hear now."""
