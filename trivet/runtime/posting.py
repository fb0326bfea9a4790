"""Posting: how a message of somebody else gets into a queue of an actor.

Rules this file keeps:

1. Putting a message in is no turn: it is a segment of its own, also where the caller is a turn of
   the same actor, and waits for no turn.
2. Like a call it comes by a short connection, with its hooks, if there is anybody to ask:
   ``can_publish`` is asked last. The connection has left when the caller hears of it, or soon after.
3. Who waits for the result in a turn waits as for a call: a circle is refused before anything is
   put in.
"""

from __future__ import annotations

import contextvars
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trivet.declare.definition import QueueBinding
from trivet.declare.errors import Forbidden
from trivet.declare.request import Request
from trivet.runtime.asking import preflight
from trivet.runtime.completions import Completion
from trivet.runtime.passage import Passage
from trivet.runtime.permission import may_publish
from trivet.runtime.turn import current_action, current_turn, running_action, running_turn
from trivet.runtime.waits import Wait, waiting_beside, waiting_for

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["Posting", "post", "put_in"]


@attrs.define(eq=False, kw_only=True)
class Posting:
    """A message on its way into a queue.

    Attributes:
        binding: The queue.
        data: The body, encoded.
        waits: Whether its sender waits for its result.
        params: The sender's connection params, checked.
        request: What the sender has sent.
        completion: What becomes of it, once it was put in, if its sender waits.
    """

    binding: QueueBinding
    data: bytes
    waits: bool
    params: Any = None
    request: Request
    completion: Completion | None = None


async def post(instance: Instance, posting: Posting) -> Any:
    """Put a message into a queue of an awake instance, for a task of this process.

    Returns:
        The message's result, if its sender waits for that; else it is stored.

    Raises:
        Error: What the actor's side reports, a refusing hook included.
        InstanceMoved: If the instance stopped before it was put in.
    """
    with _noting(instance, waits=posting.waits) as noted:
        await put_in(instance, posting, noted)
        return None if posting.completion is None else await posting.completion.wait()


async def put_in(instance: Instance, posting: Posting, noted: Wait | None = None) -> None:
    """Put a message into a queue of an awake instance, and return when it is stored.

    Args:
        instance: The actor.
        posting: The message; what becomes of it is left there, if its sender waits.
        noted: What the turn that waits for it has noted.

    Raises:
        Error: What the actor's side reports, a refusing hook included.
        InstanceMoved: If the instance stopped before it was put in.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    passage = await _put_connected(instance, posting)
    if posting.completion is not None:
        posting.completion.noted = noted
    await passage.wait()


def _noting(instance: Instance, *, waits: bool) -> AbstractContextManager[Wait | None]:
    turn = current_turn()
    if turn is not None and waits:
        return waiting_for(turn, instance)
    waiter = turn or current_action()
    return nullcontext() if waiter is None else waiting_beside(waiter, instance)


async def _put_connected(instance: Instance, posting: Posting) -> Passage:
    """Put a message in by a short connection, if there is anybody to ask about it."""
    definition, reception = instance.definition, instance.reception
    if definition.runs_call_hooks:
        conn = reception.expect_call(posting.request)
    elif "can_publish" in definition.hooks:
        conn = reception.connect_call()
    else:
        return _put(instance, posting)
    try:
        if definition.runs_call_hooks:
            await preflight(conn, posting.params, enters=True)
        if not may_publish(conn, posting.binding.queue):
            instance.runtime.observer.count("message_refused")
            raise Forbidden
        return _put(instance, posting)
    finally:
        if conn.is_standing:
            conn.close("client", 1000, "")


def _put(instance: Instance, posting: Posting) -> Passage:
    context = contextvars.copy_context()
    context.run(running_turn.set, None)
    context.run(running_action.set, None)
    passage = Passage()
    queues = instance.host.queues
    assert queues is not None  # it has the queue
    message = context.run(queues.put, posting.binding, posting.data, passage.release, passage.drop)
    if posting.waits:
        completions = instance.runtime.completions
        posting.completion = completions.expect(instance.actor_id, message.number, posting.binding)
    return passage
