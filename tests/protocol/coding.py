"""One name for all that a codec encodes and decodes, by the type of message."""

from __future__ import annotations

from typing import TypeAlias

from trivet.protocol.codec import Codec
from trivet.protocol.messages import (
    ActionRequest,
    ActionResponse,
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

Body: TypeAlias = (
    HttpActionRequest
    | HttpActionResponse
    | HttpQueueSendRequest
    | HttpQueueSendResponse
    | HttpResponseError
)
Message: TypeAlias = ToServer | ToClient | Body


def encode(codec: Codec, message: Message) -> bytes:
    match message:
        case ActionRequest() | SubscriptionRequest():
            return codec.encode_to_server(message)
        case Init() | ErrorMessage() | ActionResponse() | EventMessage():
            return codec.encode_to_client(message)
        case HttpActionRequest():
            return codec.encode_action_request(message)
        case HttpActionResponse():
            return codec.encode_action_response(message)
        case HttpQueueSendRequest():
            return codec.encode_queue_request(message)
        case HttpQueueSendResponse():
            return codec.encode_queue_response(message)
        case HttpResponseError():
            return codec.encode_error(message)


def decode(codec: Codec, like: Message, data: bytes) -> Message:
    """Decode a message of the same kind as another."""
    match like:
        case ActionRequest() | SubscriptionRequest():
            return codec.decode_to_server(data)
        case Init() | ErrorMessage() | ActionResponse() | EventMessage():
            return codec.decode_to_client(data)
        case HttpActionRequest():
            return codec.decode_action_request(data)
        case HttpActionResponse():
            return codec.decode_action_response(data)
        case HttpQueueSendRequest():
            return codec.decode_queue_request(data)
        case HttpQueueSendResponse():
            return codec.decode_queue_response(data)
        case HttpResponseError():
            return codec.decode_error(data)
