"""The bare encoding: BARE structures that hold values as CBOR (client protocol, 5.3).

Every message starts with the version of its schema. Versions 1 to 4 are read, 4 is written; the
differences are the third member of Init in version 1 and an error's actor from version 4 on.
The fields of ``trivet.1`` have no place here.
"""

from __future__ import annotations

from typing import Any

from trivet.protocol import cbor
from trivet.protocol.bare import Reader, blob, flag, optional, text, uint, uint64
from trivet.protocol.envelope import status_of
from trivet.protocol.errors import DecodingError, EncodingError
from trivet.protocol.messages import (
    UNDEFINED,
    ActionRequest,
    ActionResponse,
    ActorSpecifier,
    EncodingName,
    ErrorMessage,
    EventMessage,
    HttpActionRequest,
    HttpActionResponse,
    HttpQueueSendRequest,
    HttpQueueSendResponse,
    HttpResponseError,
    Init,
    SubscriptionRequest,
    ToClient,
    ToServer,
    arguments_of,
)

__all__ = ["BareCodec"]

_VERSION = b"\x04\x00"
_FIRST_VERSION, _LAST_VERSION = 1, 4
_QUEUES_SINCE, _ERROR_ACTOR_SINCE = 3, 4

# The tags of the two unions.
_INIT, _ERROR, _RESPONSE, _EVENT = (_VERSION + uint(tag) for tag in range(4))
_REQUEST, _SUBSCRIPTION = (_VERSION + uint(tag) for tag in range(2))


class BareCodec:
    """The bare encoding, see ``codec.Codec``."""

    name: EncodingName = "bare"
    binary = True
    content_type = "application/octet-stream"

    def encode_to_client(self, message: ToClient, /) -> bytes:
        """Encode a server's WebSocket message."""
        match message:
            case EventMessage(name, args, seq):
                event = _EVENT + text(name) + _write_value(args)
                return event if seq is None else self.number_event(event, seq)
            case ActionResponse(action_id, output):
                return _RESPONSE + uint(action_id) + _write_value(output)
            case Init(actor_id, connection_id, resume):
                if resume is not None:
                    raise _no_extension("resume")
                return _INIT + text(actor_id) + text(connection_id)
            case ErrorMessage():
                failed = optional(uint, message.action_id)
                actor = optional(_write_actor, message.actor)
                return _ERROR + _write_error(message) + failed + actor

    def decode_to_client(self, data: bytes, /) -> ToClient:
        """Decode a server's WebSocket message."""
        version, reader = _open(data)
        message = _read_to_client(reader, version)
        reader.end()
        return message

    def encode_to_server(self, message: ToServer, /) -> bytes:
        """Encode a client's WebSocket message."""
        match message:
            case ActionRequest(action_id, name, args, deadline, call):
                if deadline is not None or call is not None:
                    raise _no_extension("deadline and call")
                return _REQUEST + uint(action_id) + text(name) + _write_value(args)
            case SubscriptionRequest(event_name, subscribe):
                return _SUBSCRIPTION + text(event_name) + flag(subscribe)

    def decode_to_server(self, data: bytes, /) -> ToServer:
        """Decode a client's WebSocket message."""
        _, reader = _open(data)
        tag = reader.uint()
        message: ToServer
        if tag == 0:
            message = ActionRequest(reader.uint(), reader.text(), _read_arguments(reader))
        elif tag == 1:
            message = SubscriptionRequest(reader.text(), reader.flag())
        else:
            raise DecodingError("There is no such message to the server")
        reader.end()
        return message

    def number_event(self, event: bytes, seq: int, /) -> bytes:
        """Refuse: this encoding has no place for a number."""
        raise _no_extension("seq")

    def encode_action_request(self, request: HttpActionRequest, /) -> bytes:
        """Encode the body of a call."""
        return _VERSION + _write_value(request.args)

    def decode_action_request(self, data: bytes, /) -> HttpActionRequest:
        """Decode the body of a call."""
        _, reader = _open(data)
        request = HttpActionRequest(_read_arguments(reader))
        reader.end()
        return request

    def encode_action_response(self, response: HttpActionResponse, /) -> bytes:
        """Encode the body of a result."""
        return _VERSION + _write_value(response.output)

    def decode_action_response(self, data: bytes, /) -> HttpActionResponse:
        """Decode the body of a result."""
        _, reader = _open(data)
        response = HttpActionResponse(_read_value(reader, counted=False))
        reader.end()
        return response

    def encode_queue_request(self, request: HttpQueueSendRequest, /) -> bytes:
        """Encode the body of a message for a queue."""
        name, wait = optional(text, request.name), optional(flag, request.wait)
        timeout = optional(uint64, request.timeout)
        return _VERSION + _write_value(request.body) + name + wait + timeout

    def decode_queue_request(self, data: bytes, /) -> HttpQueueSendRequest:
        """Decode the body of a message for a queue."""
        reader = _open_since(_QUEUES_SINCE, data)
        request = HttpQueueSendRequest(
            _read_value(reader),
            reader.optional(reader.text),
            reader.optional(reader.flag),
            reader.optional(reader.uint64),
        )
        reader.end()
        return request

    def encode_queue_response(self, response: HttpQueueSendResponse, /) -> bytes:
        """Encode what became of a message for a queue."""
        return _VERSION + text(response.status) + _write_optional_value(response.response)

    def decode_queue_response(self, data: bytes, /) -> HttpQueueSendResponse:
        """Decode what became of a message for a queue."""
        reader = _open_since(_QUEUES_SINCE, data)
        response = HttpQueueSendResponse(status_of(reader.text()), _read_optional_value(reader))
        reader.end()
        return response

    def encode_error(self, error: HttpResponseError, /) -> bytes:
        """Encode the body of an error."""
        return _VERSION + _write_error(error) + optional(_write_actor, error.actor)

    def decode_error(self, data: bytes, /) -> HttpResponseError:
        """Decode the body of an error."""
        version, reader = _open(data)
        error = HttpResponseError(
            reader.text(),
            reader.text(),
            reader.text(),
            _read_optional_value(reader),
            _read_optional_actor(reader, version),
        )
        reader.end()
        return error


def _no_extension(fields: str) -> EncodingError:
    return EncodingError((), f"{fields} in the bare encoding, which has no place for trivet.1")


def _open(data: bytes) -> tuple[int, Reader]:
    reader = Reader(data)
    version = int.from_bytes(reader.take(2), "little")
    if not _FIRST_VERSION <= version <= _LAST_VERSION:
        raise DecodingError(f"The version must be from {_FIRST_VERSION} to {_LAST_VERSION}")
    return version, reader


def _open_since(since: int, data: bytes) -> Reader:
    version, reader = _open(data)
    if version < since:
        raise DecodingError(f"Queues are in the schema from version {since} on")
    return reader


def _write_value(value: object) -> bytes:
    return blob(cbor.encode(value, cbor.TAGGED))


def _write_optional_value(value: object) -> bytes:
    return b"\x00" if value is UNDEFINED else b"\x01" + _write_value(value)


def _read_value(reader: Reader, *, counted: bool = True) -> Any:
    return cbor.decode(reader.blob(), cbor.TAGGED, counted=counted)


def _read_arguments(reader: Reader) -> list[Any]:
    return arguments_of(_read_value(reader))


def _read_optional_value(reader: Reader) -> Any:
    return _read_value(reader, counted=False) if reader.flag() else UNDEFINED


def _read_to_client(reader: Reader, version: int) -> ToClient:
    match reader.uint():
        case 0:
            init = Init(reader.text(), reader.text())
            if version == _FIRST_VERSION:
                reader.text()  # a connection token, which nobody reads any more
            return init
        case 1:
            return ErrorMessage(
                reader.text(),
                reader.text(),
                reader.text(),
                _read_optional_value(reader),
                reader.optional(reader.uint),
                _read_optional_actor(reader, version),
            )
        case 2:
            return ActionResponse(reader.uint(), _read_value(reader, counted=False))
        case 3:
            return EventMessage(reader.text(), arguments_of(_read_value(reader, counted=False)))
        case _:
            raise DecodingError("There is no such message to the client")


def _write_error(error: ErrorMessage | HttpResponseError) -> bytes:
    head = text(error.group) + text(error.code) + text(error.message)
    return head + _write_optional_value(error.metadata)


def _write_actor(actor: ActorSpecifier) -> bytes:
    return text(actor.actor_id) + uint(actor.generation) + optional(text, actor.key)


def _read_optional_actor(reader: Reader, version: int) -> ActorSpecifier | None:
    if version < _ERROR_ACTOR_SINCE or not reader.flag():
        return None
    return ActorSpecifier(reader.text(), reader.uint(), reader.optional(reader.text))
