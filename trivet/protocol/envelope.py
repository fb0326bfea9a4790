"""The objects that cbor and json wrap messages in, between trees and messages (5.4, section 11).

Reading is lenient where the official server is: unknown members are ignored, ``args`` may be
missing or no list. Writing follows the official clients' validators: an ``actionId`` is always
there, ``metadata``, ``actor`` and its ``key`` are left out rather than null.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

from trivet.protocol.errors import DecodingError
from trivet.protocol.messages import (
    UNDEFINED,
    ActionRequest,
    ActionResponse,
    ActorSpecifier,
    ErrorMessage,
    EventMessage,
    HttpActionRequest,
    HttpActionResponse,
    HttpQueueSendRequest,
    HttpQueueSendResponse,
    HttpResponseError,
    Init,
    QueueStatus,
    SubscriptionRequest,
    ToClient,
    ToServer,
    arguments_of,
)

__all__ = [
    "BODY_LEVELS",
    "FRAME_LEVELS",
    "MAX_CALL_NAME",
    "error_members",
    "id_of",
    "queue_request_members",
    "queue_response_members",
    "read_action_request",
    "read_action_response",
    "read_error",
    "read_queue_request",
    "read_queue_response",
    "read_to_client",
    "read_to_server",
]

FRAME_LEVELS = 3
"""Containers around the values of a WebSocket message: the envelope, its body, its val."""

BODY_LEVELS = 1
"""Containers around the values of an HTTP body."""

MAX_CALL_NAME = 64
"""Characters in the name that a client gives to a call for deduplication."""

MAX_COUNT: Final = 10**15 - 1
"""The largest number of anything: milliseconds of a deadline, too, which floats must hold."""

_is_id = re.compile(r"[0-9]{1,20}").fullmatch

_Members = dict[str, Any]


def read_to_server(tree: object) -> ToServer:
    """Read a client's WebSocket message.

    Raises:
        DecodingError: If it is none, or a member is missing or of the wrong type.
    """
    tag, val = _open(tree)
    if tag == "ActionRequest":
        deadline, call = val.get("deadline"), val.get("call")
        return ActionRequest(
            id_of(val.get("id")),
            _text(val, "name"),
            arguments_of(val.get("args")),
            None if deadline is None else natural_of(deadline, "deadline"),
            None if call is None else call_name_of(call),
        )
    if tag == "SubscriptionRequest":
        return SubscriptionRequest(_text(val, "eventName"), _flag(val, "subscribe"))
    raise DecodingError("A message to the server is an ActionRequest or a SubscriptionRequest")


def read_to_client(tree: object) -> ToClient:
    """Read a server's WebSocket message.

    Raises:
        DecodingError: If it is none, or a member is missing or of the wrong type.
    """
    tag, val = _open(tree)
    if tag == "Event":
        seq = val.get("seq")
        return EventMessage(
            _text(val, "name"),
            arguments_of(val.get("args")),
            None if seq is None else natural_of(seq, "seq"),
        )
    if tag == "ActionResponse":
        return ActionResponse(id_of(val.get("id")), val.get("output", UNDEFINED))
    if tag == "Init":
        resume = _optional_text(val, "resume")
        return Init(_text(val, "actorId"), _text(val, "connectionId"), resume)
    if tag == "Error":
        error, action_id = read_error(val), val.get("actionId")
        return ErrorMessage(
            error.group,
            error.code,
            error.message,
            error.metadata,
            None if _absent(action_id) else id_of(action_id),
            error.actor,
        )
    raise DecodingError("A message to the client is an Init, Error, ActionResponse or Event")


def read_action_request(tree: object) -> HttpActionRequest:
    """Read the body of a call."""
    return HttpActionRequest(arguments_of(_members(tree, "an action request").get("args")))


def read_action_response(tree: object) -> HttpActionResponse:
    """Read the body of a result."""
    return HttpActionResponse(_members(tree, "an action response").get("output", UNDEFINED))


def read_queue_request(tree: object) -> HttpQueueSendRequest:
    """Read the body of a message for a queue."""
    members = _members(tree, "a queue request")
    wait, timeout = members.get("wait"), members.get("timeout")
    return HttpQueueSendRequest(
        members.get("body", UNDEFINED),
        _optional_text(members, "name"),
        None if _absent(wait) else _flag(members, "wait"),
        None if _absent(timeout) else natural_of(timeout, "timeout"),
    )


def queue_request_members(request: HttpQueueSendRequest) -> _Members:
    """Return the members of the body of a message for a queue."""
    members: _Members = {"body": request.body}
    if request.name is not None:
        members["name"] = request.name
    if request.wait is not None:
        members["wait"] = request.wait
    if request.timeout is not None:
        members["timeout"] = request.timeout
    return members


def read_queue_response(tree: object) -> HttpQueueSendResponse:
    """Read what became of a message for a queue."""
    members = _members(tree, "a queue response")
    return HttpQueueSendResponse(
        status_of(_text(members, "status")), members.get("response", UNDEFINED)
    )


def queue_response_members(response: HttpQueueSendResponse) -> _Members:
    """Return the members of what became of a message for a queue."""
    members: _Members = {"status": response.status}
    if response.response is not UNDEFINED:
        members["response"] = response.response
    return members


def read_error(tree: object) -> HttpResponseError:
    """Read an error's members, over HTTP or inside a WebSocket message."""
    members = _members(tree, "an error")
    actor = members.get("actor")
    return HttpResponseError(
        _text(members, "group"),
        _text(members, "code"),
        _text(members, "message"),
        members.get("metadata", UNDEFINED),
        None if _absent(actor) else _read_actor(actor),
    )


def error_members(error: ErrorMessage | HttpResponseError) -> _Members:
    """Return an error's members without its ``actionId``, in the official server's order."""
    members: _Members = {}
    if error.actor is not None:
        actor = members["actor"] = {
            "actorId": error.actor.actor_id,
            "generation": error.actor.generation,
        }
        if error.actor.key is not None:
            actor["key"] = error.actor.key
    members |= {"code": error.code, "group": error.group, "message": error.message}
    if error.metadata is not UNDEFINED:
        members["metadata"] = error.metadata
    return members


def id_of(value: object) -> int:
    """Return an action's id: an integer of 64 bits, in json also as a tag not yet revived."""
    if type(value) is list:
        value = _digits_of(cast("list[object]", value))
    if type(value) is int and 0 <= value < 2**64:
        return value
    raise DecodingError("id must be an integer of 64 bits")


def natural_of(value: object, name: str) -> int:
    """Return a number that counts something."""
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    raise DecodingError(f"{name} must be an integer from 0 to {MAX_COUNT}")


def call_name_of(value: object) -> str:
    """Return the name of a call."""
    if type(value) is str and len(value) <= MAX_CALL_NAME:
        return value
    raise DecodingError(f"call must be text of {MAX_CALL_NAME} characters at most")


def status_of(value: str) -> QueueStatus:
    """Return what became of a message for a queue."""
    match value:
        case "completed" | "timedOut":
            return value
        case _:
            raise DecodingError("status must be completed or timedOut")


def _open(tree: Any) -> tuple[object, _Members]:
    try:
        body = tree["body"]
        tag, val = body["tag"], body["val"]
    except (LookupError, TypeError):
        raise DecodingError("A message must be {body: {tag, val}}") from None
    return tag, _members(val, "val")


def _members(tree: object, name: str) -> _Members:
    if type(tree) is dict:
        return cast("_Members", tree)
    raise DecodingError(f"{name} must be an object")


def _text(members: _Members, name: str) -> str:
    value = members.get(name)
    if type(value) is str:
        return value
    raise DecodingError(f"{name} must be text")


def _optional_text(members: _Members, name: str) -> str | None:
    return None if _absent(members.get(name)) else _text(members, name)


def _flag(members: _Members, name: str) -> bool:
    value = members.get(name)
    if type(value) is bool:
        return value
    raise DecodingError(f"{name} must be true or false")


def _absent(value: object) -> bool:
    return value is None or value is UNDEFINED


def _digits_of(tag: list[object]) -> object:
    digits = tag[1] if len(tag) == 2 and tag[0] == "$BigInt" else None
    return int(digits) if type(digits) is str and _is_id(digits) else None


def _read_actor(tree: object) -> ActorSpecifier:
    members = _members(tree, "actor")
    return ActorSpecifier(
        _text(members, "actorId"),
        id_of(members.get("generation")),
        _optional_text(members, "key"),
    )
