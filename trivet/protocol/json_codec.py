"""The json encoding: each message is one JSON text (client protocol, 5.4)."""

from __future__ import annotations

from typing import Any

from trivet.protocol import envelope, json
from trivet.protocol.dialect import MAX_DEPTH
from trivet.protocol.errors import EncodingError
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

__all__ = ["JsonCodec"]

# The official clients take an id for an id only as a tagged BigInt (5.2).
_RESPONSE = b'{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","%d"],"output":%b}}}'
_REQUEST = b'{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","%d"],"name":%b,"args":%b%b}}}'
_EVENT = b'{"body":{"tag":"Event","val":{"name":%b,"args":%b}}}'
_SUBSCRIPTION = b'{"body":{"tag":"SubscriptionRequest","val":{"eventName":%b,"subscribe":%b}}}'
_END = b"}}}"

_FRAME, _HTTP = envelope.FRAME_LEVELS, envelope.BODY_LEVELS


class JsonCodec:
    """The json encoding, see ``codec.Codec``."""

    name: EncodingName = "json"
    binary = False
    content_type = "application/json"

    def encode_to_client(self, message: ToClient, /) -> bytes:
        """Encode a server's WebSocket message."""
        match message:
            case EventMessage(name, args, seq):
                event = _EVENT % (json.write(name), json.encode(args))
                return event if seq is None else self.number_event(event, seq)
            case ActionResponse(action_id, output):
                return _RESPONSE % (_checked(action_id), json.encode(output))
            case Init(actor_id, connection_id, resume):
                init = {"actorId": actor_id, "connectionId": connection_id}
                if resume is not None:
                    init["resume"] = resume
                return _encode_frame("Init", init)
            case ErrorMessage():
                return _encode_frame("Error", _error_val(message))

    def decode_to_client(self, data: bytes, /) -> ToClient:
        """Decode a server's WebSocket message."""
        return envelope.read_to_client(_decode_frame(data, counted=False))

    def encode_to_server(self, message: ToServer, /) -> bytes:
        """Encode a client's WebSocket message."""
        match message:
            case ActionRequest(action_id, name, args):
                head = _checked(action_id), json.write(name), json.encode(args)
                return _REQUEST % (*head, _extension(message))
            case SubscriptionRequest(event_name, subscribe):
                return _SUBSCRIPTION % (json.write(event_name), json.write(subscribe))

    def decode_to_server(self, data: bytes, /) -> ToServer:
        """Decode a client's WebSocket message."""
        return envelope.read_to_server(_decode_frame(data))

    def number_event(self, event: bytes, seq: int, /) -> bytes:
        """Add a connection's ``seq`` to an event that was encoded once for all of them."""
        return event[: -len(_END)] + b',"seq":%d' % seq + _END

    def encode_action_request(self, request: HttpActionRequest, /) -> bytes:
        """Encode the body of a call."""
        return b'{"args":%b}' % json.encode(request.args)

    def decode_action_request(self, data: bytes, /) -> HttpActionRequest:
        """Decode the body of a call."""
        return envelope.read_action_request(json.decode(data, levels=_HTTP))

    def encode_action_response(self, response: HttpActionResponse, /) -> bytes:
        """Encode the body of a result."""
        return b'{"output":%b}' % json.encode(response.output)

    def decode_action_response(self, data: bytes, /) -> HttpActionResponse:
        """Decode the body of a result."""
        return envelope.read_action_response(_decode_reply(data))

    def encode_queue_request(self, request: HttpQueueSendRequest, /) -> bytes:
        """Encode the body of a message for a queue."""
        return _encode_body(envelope.queue_request_members(request))

    def decode_queue_request(self, data: bytes, /) -> HttpQueueSendRequest:
        """Decode the body of a message for a queue."""
        return envelope.read_queue_request(json.decode(data, levels=_HTTP))

    def encode_queue_response(self, response: HttpQueueSendResponse, /) -> bytes:
        """Encode what became of a message for a queue."""
        return _encode_body(envelope.queue_response_members(response))

    def decode_queue_response(self, data: bytes, /) -> HttpQueueSendResponse:
        """Decode what became of a message for a queue."""
        return envelope.read_queue_response(_decode_reply(data))

    def encode_error(self, error: HttpResponseError, /) -> bytes:
        """Encode the body of an error."""
        return _encode_body(envelope.error_members(error))

    def decode_error(self, data: bytes, /) -> HttpResponseError:
        """Decode the body of an error."""
        return envelope.read_error(_decode_reply(data))


def _encode_body(members: dict[str, Any]) -> bytes:
    return json.write(json.TAGGED.lower(members, MAX_DEPTH + _HTTP))


def _encode_frame(tag: str, val: dict[str, Any]) -> bytes:
    return json.write({"body": {"tag": tag, "val": val}})


def _decode_reply(data: bytes) -> Any:
    return json.decode(data, levels=_HTTP, counted=False)


def _decode_frame(data: bytes, *, counted: bool = True) -> Any:
    """Decode a frame to values, except for its id if that is the only tag in it."""
    tree = json.parse(data, levels=_FRAME, counted=counted)
    if json.may_be_tagged(data) and not _only_id_is_tagged(data, tree):
        return json.TAGGED.revive(tree)
    return tree


def _only_id_is_tagged(data: bytes, tree: Any) -> bool:
    # Nearly every frame has exactly one tag, its id, and need not be walked for it.
    if data.count(b'"$') > 1 or b"\\u" in data:
        return False
    try:
        return type(tree["body"]["val"]["id"]) is list
    except (LookupError, TypeError):
        return False


def _checked(action_id: int) -> int:
    if 0 <= action_id < 2**64:
        return action_id
    raise EncodingError((), "an id outside 64 bits")


def _extension(request: ActionRequest) -> bytes:
    extension = b""
    if request.deadline is not None:
        extension += b',"deadline":%d' % request.deadline
    if request.call is not None:
        extension += b',"call":%b' % json.write(request.call)
    return extension


def _error_val(error: ErrorMessage) -> dict[str, Any]:
    members = json.TAGGED.lower(envelope.error_members(error), MAX_DEPTH + _HTTP)
    action_id = error.action_id
    tagged = None if action_id is None else ["$BigInt", str(_checked(action_id))]
    return {"actionId": tagged, **members}
