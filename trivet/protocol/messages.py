"""The vocabulary of the wire: what server and client say to each other, in any encoding.

A *wire value* is what a message carries for the application: ``None``, bool, int, float, str,
bytes, list, dict with text keys, set, frozenset, aware datetime, and ``UNDEFINED``. Encoders also
take a tuple, which arrives as a list.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

from trivet.declare.values.undefined import UNDEFINED, Undefined

__all__ = [
    "UNDEFINED",
    "ActionRequest",
    "ActionResponse",
    "ActorSpecifier",
    "EncodingName",
    "ErrorMessage",
    "EventMessage",
    "HttpActionRequest",
    "HttpActionResponse",
    "HttpQueueSendRequest",
    "HttpQueueSendResponse",
    "HttpResponseError",
    "Init",
    "QueueStatus",
    "SubscriptionRequest",
    "ToClient",
    "ToServer",
    "Undefined",
    "arguments_of",
]

EncodingName = Literal["bare", "cbor", "json"]
"""The encodings that clients may ask for."""

QueueStatus = Literal["completed", "timedOut"]
"""What became of a message that was put into a queue and waited for."""


@attrs.frozen
class ActorSpecifier:
    """The actor that an error speaks of.

    Attributes:
        key: The key as the manager writes it, see ``trivet.declare.keys``.
    """

    actor_id: str
    generation: int
    key: str | None = None


@attrs.frozen
class Init:
    """The connection is open: the first message that a client waits for.

    Attributes:
        resume: A token to resume the connection with (``trivet.1``).
    """

    actor_id: str
    connection_id: str
    resume: str | None = None


@attrs.frozen
class ErrorMessage:
    """A call failed, or without ``action_id`` the connection itself."""

    group: str
    code: str
    message: str
    metadata: Any = UNDEFINED
    action_id: int | None = None
    actor: ActorSpecifier | None = None


@attrs.frozen
class ActionResponse:
    """The result of a call."""

    id: int
    output: Any


@attrs.frozen
class EventMessage:
    """An event with its arguments.

    Attributes:
        seq: Its number on this connection, from 1 (``trivet.1``).
    """

    name: str
    args: list[Any]
    seq: int | None = None


@attrs.frozen
class ActionRequest:
    """A call.

    Attributes:
        id: Unique on the connection, below 2**64.
        deadline: Milliseconds that the caller still waits (``trivet.1``).
        call: The caller's name for this call, the same when it is sent again (``trivet.1``).
    """

    id: int
    name: str
    args: list[Any]
    deadline: int | None = None
    call: str | None = None


@attrs.frozen
class SubscriptionRequest:
    """The client wants an event from now on, or no longer."""

    event_name: str
    subscribe: bool


@attrs.frozen
class HttpActionRequest:
    """The body of a call over HTTP."""

    args: list[Any]


@attrs.frozen
class HttpActionResponse:
    """The body of a call's result over HTTP."""

    output: Any


@attrs.frozen
class HttpQueueSendRequest:
    """The body of a message for a queue.

    Attributes:
        name: The queue, which the path names too.
        wait: Whether the sender waits until the message is dealt with.
        timeout: Milliseconds that it waits.
    """

    body: Any
    name: str | None = None
    wait: bool | None = None
    timeout: int | None = None


@attrs.frozen
class HttpQueueSendResponse:
    """What became of a message for a queue."""

    status: QueueStatus
    response: Any = UNDEFINED


@attrs.frozen
class HttpResponseError:
    """The body of an error over HTTP."""

    group: str
    code: str
    message: str
    metadata: Any = UNDEFINED
    actor: ActorSpecifier | None = None


ToClient: TypeAlias = Init | ErrorMessage | ActionResponse | EventMessage
ToServer: TypeAlias = ActionRequest | SubscriptionRequest


def arguments_of(value: object) -> list[Any]:
    """Return the arguments that a request means: none, or one that is not a list, are forgiven."""
    if type(value) is list:
        return value  # pyright: ignore[reportUnknownVariableType] - elements are wire values
    return [] if value is None or value is UNDEFINED else [value]
