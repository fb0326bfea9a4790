"""Messages for queues of actors of this process."""

from __future__ import annotations

from typing import Any

from trivet.client.connection import fresh_params
from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.declare.queue import Queue
from trivet.declare.request import Request
from trivet.runtime.call import InstanceMoved
from trivet.runtime.posting import Posting, post
from trivet.runtime.runtime import Runtime

__all__ = ["send_here"]


async def send_here(
    runtime: Runtime,
    definition: Definition,
    address: Address,
    queue: Queue[Any, Any],
    body: Any,
    params: object,
    *,
    waits: bool,
) -> Any:
    """Put a message into a queue of an actor, and perhaps wait for its result.

    Args:
        runtime: Where the actor lives.
        definition: Its class.
        address: Which actor.
        queue: Its queue.
        body: What the message says.
        params: The sender's connection params, or what makes them.
        waits: Whether to wait for the result.

    Raises:
        Error: What the actor's side reports.
        LookupError: If the queue is another actor's.
    """
    binding = definition.queue(queue)
    data = binding.body.encode(body)
    checked = None
    if definition.runs_call_hooks:
        checked = definition.params_from_caller(await fresh_params(params))
    request = Request(intent="call")
    posting = Posting(binding=binding, data=data, waits=waits, params=checked, request=request)
    try:
        while True:
            instance = await runtime.directory.awake(definition, address)
            try:
                return await post(instance, posting)
            except InstanceMoved:
                continue
    finally:
        if posting.completion is not None:
            runtime.completions.forget(posting.completion)
