"""The cbor encoding: each message is one CBOR item (client protocol, 5.4).

The constant parts of every message are written once, when the module is loaded, as the official
parties write them: their clients give maps a 16-bit length.
"""

from __future__ import annotations

from typing import Any

from trivet.protocol import cbor, envelope
from trivet.protocol.cbor import NATIVE, TAGGED
from trivet.protocol.dialect import MAX_DEPTH, Dialect
from trivet.protocol.messages import (
    ActionRequest,
    ActionResponse,
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
)

__all__ = ["CborCodec"]


def _map(size: int) -> bytes:
    return bytes((0xA0 + size,))


def _clients_map(size: int) -> bytes:
    return b"\xb9" + size.to_bytes(2)


def _frame(tag: str, val: bytes) -> bytes:
    return _map(1) + _BODY + _map(2) + _TAG + cbor.write(tag) + _VAL + val


def _clients_frame(tag: str, val: bytes) -> bytes:
    return _clients_map(1) + _BODY + _clients_map(2) + _TAG + cbor.write(tag) + _VAL + val


_BODY, _TAG, _VAL = (cbor.write(key) for key in ("body", "tag", "val"))
_ID, _NAME, _ARGS, _OUTPUT = (cbor.write(key) for key in ("id", "name", "args", "output"))
_EVENT_NAME, _SUBSCRIBE = (cbor.write(key) for key in ("eventName", "subscribe"))
_ACTION_ID, _NULL = cbor.write("actionId"), cbor.write(None)
_SEQ, _DEADLINE, _CALL = (cbor.write(key) for key in ("seq", "deadline", "call"))

_RESPONSE = _frame("ActionResponse", _map(2) + _ID)
_EVENT = _frame("Event", _map(2))
_NUMBERED_EVENT = _frame("Event", _map(3))
# A request has two more members at most, so its map's length is written with each.
_REQUEST = _clients_frame("ActionRequest", b"")
_SUBSCRIPTION = _clients_frame("SubscriptionRequest", _clients_map(2) + _EVENT_NAME)
_HTTP_REQUEST = _clients_map(1) + _ARGS
_HTTP_RESPONSE = _map(1) + _OUTPUT

_FRAME, _HTTP = envelope.FRAME_LEVELS, envelope.BODY_LEVELS


class CborCodec:
    """The cbor encoding, see ``codec.Codec``."""

    name: EncodingName = "cbor"
    binary = True
    content_type = "application/octet-stream"

    def encode_to_client(self, message: ToClient, /) -> bytes:
        """Encode a server's WebSocket message."""
        match message:
            case EventMessage(name, args, seq):
                event = _EVENT + _NAME + cbor.write(name) + _ARGS + cbor.encode(args, TAGGED)
                return event if seq is None else self.number_event(event, seq)
            case ActionResponse(action_id, output):
                return _RESPONSE + cbor.integer8(action_id) + _OUTPUT + cbor.encode(output, TAGGED)
            case Init(actor_id, connection_id, resume):
                init = {"actorId": actor_id, "connectionId": connection_id}
                if resume is not None:
                    init["resume"] = resume
                return _frame("Init", cbor.write(init))
            case ErrorMessage():
                return _frame("Error", _error_val(message))

    def decode_to_client(self, data: bytes, /) -> ToClient:
        """Decode a server's WebSocket message."""
        return envelope.read_to_client(cbor.decode(data, TAGGED, levels=_FRAME, counted=False))

    def encode_to_server(self, message: ToServer, /) -> bytes:
        """Encode a client's WebSocket message."""
        match message:
            case ActionRequest():
                return _REQUEST + _request_val(message)
            case SubscriptionRequest(event_name, subscribe):
                return _SUBSCRIPTION + cbor.write(event_name) + _SUBSCRIBE + cbor.write(subscribe)

    def decode_to_server(self, data: bytes, /) -> ToServer:
        """Decode a client's WebSocket message."""
        return envelope.read_to_server(cbor.decode(data, NATIVE, levels=_FRAME))

    def number_event(self, event: bytes, seq: int, /) -> bytes:
        """Add a connection's ``seq`` to an event that was encoded once for all of them."""
        return _NUMBERED_EVENT + event[len(_EVENT) :] + _SEQ + cbor.write(seq)

    def encode_action_request(self, request: HttpActionRequest, /) -> bytes:
        """Encode the body of a call."""
        return _HTTP_REQUEST + cbor.encode(request.args, NATIVE)

    def decode_action_request(self, data: bytes, /) -> HttpActionRequest:
        """Decode the body of a call."""
        return envelope.read_action_request(cbor.decode(data, NATIVE, levels=_HTTP))

    def encode_action_response(self, response: HttpActionResponse, /) -> bytes:
        """Encode the body of a result."""
        return _HTTP_RESPONSE + cbor.encode(response.output, TAGGED)

    def decode_action_response(self, data: bytes, /) -> HttpActionResponse:
        """Decode the body of a result."""
        return envelope.read_action_response(_decode_body(data))

    def encode_queue_request(self, request: HttpQueueSendRequest, /) -> bytes:
        """Encode the body of a message for a queue."""
        return _encode_body(envelope.queue_request_members(request), NATIVE)

    def decode_queue_request(self, data: bytes, /) -> HttpQueueSendRequest:
        """Decode the body of a message for a queue."""
        return envelope.read_queue_request(cbor.decode(data, NATIVE, levels=_HTTP))

    def encode_queue_response(self, response: HttpQueueSendResponse, /) -> bytes:
        """Encode what became of a message for a queue."""
        return _encode_body(envelope.queue_response_members(response), TAGGED)

    def decode_queue_response(self, data: bytes, /) -> HttpQueueSendResponse:
        """Decode what became of a message for a queue."""
        return envelope.read_queue_response(_decode_body(data))

    def encode_error(self, error: HttpResponseError, /) -> bytes:
        """Encode the body of an error."""
        return _encode_body(envelope.error_members(error), TAGGED)

    def decode_error(self, data: bytes, /) -> HttpResponseError:
        """Decode the body of an error."""
        return envelope.read_error(_decode_body(data))


def _encode_body(members: dict[str, Any], dialect: Dialect) -> bytes:
    return cbor.write(dialect.lower(members, MAX_DEPTH + _HTTP))


def _decode_body(data: bytes) -> Any:
    return cbor.decode(data, TAGGED, levels=_HTTP, counted=False)


def _request_val(request: ActionRequest) -> bytes:
    extension = b""
    if request.deadline is not None:
        extension += _DEADLINE + cbor.write(request.deadline)
    if request.call is not None:
        extension += _CALL + cbor.write(request.call)
    size = 3 + (request.deadline is not None) + (request.call is not None)
    name, args = cbor.write(request.name), cbor.encode(request.args, NATIVE)
    head = _clients_map(size) + _ID + cbor.integer8(request.id)
    return head + _NAME + name + _ARGS + args + extension


def _error_val(error: ErrorMessage) -> bytes:
    action_id = _NULL if error.action_id is None else cbor.integer8(error.action_id)
    members = TAGGED.lower(envelope.error_members(error), MAX_DEPTH + _HTTP)
    rest = b"".join(cbor.write(key) + cbor.write(value) for key, value in members.items())
    return _map(1 + len(members)) + _ACTION_ID + action_id + rest
