"""Completions: who waits for what becomes of messages, over the lives of their actors.

A message is known by its actor's id and its number, and lives as long as nobody completes it, over
crashes and sleep. Those who wait for one live in this process; so they are kept by the runtime, and
hear of it from whichever life of the actor completes it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

import trio

from trivet.declare.definition import QueueBinding
from trivet.declare.errors import ActionError
from trivet.protocol.faults import Fault, error_of, fault_of
from trivet.runtime.cut_errors import restarting

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.waits import Wait

__all__ = ["Completion", "Completions", "destroyed"]


def destroyed() -> ActionError:
    """Make the error of who waits for something that an actor has not done, and never will."""
    return ActionError("The actor was destroyed", group="actor", code="destroyed")


class Completion:
    """What becomes of one message.

    Attributes:
        actor_id: Whose message it is.
        number: Its number.
        binding: Its queue.
        noted: What the turn that waits for it has noted.
    """

    __slots__ = ("_fault", "_over", "_value", "actor_id", "binding", "noted", "number")

    def __init__(self, actor_id: str, number: int, binding: QueueBinding) -> None:
        self.actor_id = actor_id
        self.number = number
        self.binding = binding
        self.noted: Wait | None = None
        self._over = trio.Event()
        self._value: Any = None
        self._fault: Fault | None = None

    @property
    def is_over(self) -> bool:
        """Whether it is known."""
        return self._over.is_set()

    async def wait(self) -> Any:
        """Wait for the result.

        Raises:
            Error: If there will be none.
        """
        await self._over.wait()
        if self._fault is not None:
            raise error_of(self._fault)
        return self._value

    def settle(self, value: Any = None, fault: Fault | None = None) -> None:
        """Let those who wait know."""
        self._value, self._fault = value, fault
        if self.noted is not None:
            self.noted.is_over = True
        self._over.set()


class Completions:
    """The completions of one runtime that are still to come."""

    def __init__(self) -> None:
        self._by_actor: dict[str, dict[int, Completion]] = {}

    def expect(self, actor_id: str, number: int, binding: QueueBinding) -> Completion:
        """Begin to wait for a message that was just put in."""
        completion = Completion(actor_id, number, binding)
        self._by_actor.setdefault(actor_id, {})[number] = completion
        return completion

    def forget(self, completion: Completion) -> None:
        """Take note that nobody waits any more."""
        actor_id, number = completion.actor_id, completion.number
        if self._by_actor.get(actor_id, {}).get(number) is completion:
            self._take(actor_id, number)

    def are_awaited(self, actor_id: str) -> bool:
        """Whether anybody waits for a message of an actor."""
        return actor_id in self._by_actor

    def is_awaited(self, actor_id: str, number: int) -> bool:
        """Whether anybody waits for a message."""
        return number in self._by_actor.get(actor_id, ())

    def complete(self, actor_id: str, number: int, value: Any) -> None:
        """Tell whoever waits for a message what came of it."""
        completion = self._take(actor_id, number)
        if completion is not None:
            completion.settle(value)

    def fail(self, actor_id: str, error: ActionError, *, but: Container[int] = ()) -> None:
        """Tell those who wait for an actor's messages that nothing comes of them.

        Args:
            actor_id: The actor.
            error: Why.
            but: The numbers of messages that may still come to something.
        """
        for number in [one for one in self._by_actor.get(actor_id, ()) if one not in but]:
            completion = self._take(actor_id, number)
            assert completion is not None
            completion.settle(fault=fault_of(error, where=f"messages of actor {actor_id}"))

    def taken_up(self, instance: Instance, numbers: Container[int]) -> None:
        """Take note of the messages that the next life of an actor has found.

        What is missing was lost with the last life, or completed by it so late that nobody heard.
        """
        self.fail(instance.actor_id, restarting(), but=numbers)
        for completion in self._by_actor.get(instance.actor_id, {}).values():
            if completion.noted is not None:
                completion.noted.target = instance

    def close(self) -> None:
        """End with the runtime."""
        for actor_id in tuple(self._by_actor):
            self.fail(actor_id, restarting())

    def _take(self, actor_id: str, number: int) -> Completion | None:
        expected = self._by_actor.get(actor_id, {})
        completion = expected.pop(number, None)
        if not expected:
            self._by_actor.pop(actor_id, None)
        return completion
