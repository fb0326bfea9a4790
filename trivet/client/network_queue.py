"""Messages for queues over the network, and waiting for what becomes of them.

Rules this file keeps:

1. A message is sent once. It has a name, by which a server of trivet knows it; whoever waits longer
   than the server keeps a request open, or has lost the connection, asks again by the name alone.
   Such a request has no body, so that other servers do not take it for a message.
2. A server that does not know the name has begun anew, or never got the message: which of them
   nobody can tell, and whoever waits is told so.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from trivet.client.http import HttpResponse
from trivet.declare.definition import QueueBinding
from trivet.declare.errors import ActionError, ConnectionLost, Error, ValidationError
from trivet.protocol.codec import CODECS
from trivet.protocol.errors import DecodingError
from trivet.protocol.handshake import CallHeaders
from trivet.protocol.messages import UNDEFINED, HttpQueueSendRequest

__all__ = ["encoded_message", "wait_for_result"]

CODEC = CODECS["bare"]

MOST_LOSSES: Final = 4
"""How often in a row a connection may be lost to whoever waits."""

FIRST_DELAY: Final = 0.1

SLOWEST_ROUND: Final = 60.0
"""Seconds after which a server that answers in rounds has not answered: the network has failed."""

Ask = Callable[[CallHeaders, bytes], Awaitable[HttpResponse]]
"""Sends a request with some headers and a body, and returns its successful answer."""


def encoded_message(binding: QueueBinding, body: object, *, waits: bool) -> bytes:
    """Check a message and encode it.

    Raises:
        ValidationError: If it is not of the queue's type.
    """
    sent = binding.body.dump(body)
    return CODEC.encode_queue_request(HttpQueueSendRequest(sent, name=binding.name, wait=waits))


async def wait_for_result(ask: Ask, binding: QueueBinding, data: bytes) -> Any:
    """Send a message and wait for its result, for as long as it takes.

    Args:
        ask: Sends requests.
        binding: The message's queue.
        data: The message.

    Raises:
        Error: What the server, or the actor, reports.
        ConnectionLost: If the connection was lost, and what became of the message is unknown.
    """
    name = secrets.token_hex(16)
    renews = False
    losses = 0
    lost: ConnectionLost | None = None
    while True:
        headers = CallHeaders("bare", call=name, renews=renews)
        try:
            response = await _round(ask, headers, b"" if renews else data)
        except ConnectionLost as error:
            lost, renews, losses = lost or error, True, losses + 1
            if losses > MOST_LOSSES:
                raise lost from None
            await trio.sleep(FIRST_DELAY * 2 ** (losses - 1))
            continue
        except Error as error:
            if lost is not None and error.code != "destroyed":
                raise lost from error
            raise
        done, result = _read(binding, response)
        if done:
            return result
        if response.headers.get("x-trivet-call") != name:
            raise _given_up()
        renews, losses, lost = True, 0, None


async def _round(ask: Ask, headers: CallHeaders, body: bytes) -> HttpResponse:
    with trio.move_on_after(SLOWEST_ROUND if headers.renews else float("inf")):
        return await ask(headers, body)
    raise ConnectionLost("The server has not answered in time")


def _read(binding: QueueBinding, response: HttpResponse) -> tuple[bool, Any]:
    """Return whether the message is done, and with what result."""
    try:
        answer = CODEC.decode_queue_response(response.body)
    except DecodingError as error:
        message = f"The server's answer is malformed: {error.message}"
        raise ActionError(message, group="rivetkit", code="internal_error") from None
    if answer.status != "completed":
        return False, None
    if not binding.has_result:
        return True, None
    try:
        sent = None if answer.response is UNDEFINED else answer.response
        return True, binding.result.load(sent)
    except ValidationError as error:
        message = f"the result of {binding.name} does not fit the type that it has here"
        metadata = error.metadata
        raise Error(message, group="client", code="unexpected_value", metadata=metadata) from None


def _given_up() -> ActionError:
    message = "The server waits no longer; the message may still be done"
    return ActionError(message, group="queue", code="timed_out")
