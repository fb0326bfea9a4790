"""What an encoding can do, and the three there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from trivet.protocol.bare_codec import BareCodec
from trivet.protocol.cbor_codec import CborCodec
from trivet.protocol.json_codec import JsonCodec
from trivet.protocol.messages import (
    EncodingName,
    HttpActionRequest,
    HttpActionResponse,
    HttpQueueSendRequest,
    HttpQueueSendResponse,
    HttpResponseError,
    ToClient,
    ToServer,
)

__all__ = ["CODECS", "Codec", "codec_named"]


class Codec(Protocol):
    """One encoding, for both sides: messages of a connection, and bodies over HTTP.

    Encoding raises ``EncodingError``, decoding raises ``DecodingError``, and neither anything
    else. A decoder takes untrusted bytes of any length that the caller has checked.
    """

    @property
    def name(self) -> EncodingName:
        """What clients call it."""
        ...

    @property
    def binary(self) -> bool:
        """Whether its WebSocket messages are binary; otherwise they are text."""
        ...

    @property
    def content_type(self) -> str:
        """The type of its HTTP bodies."""
        ...

    def encode_to_client(self, message: ToClient, /) -> bytes:
        """Encode a server's WebSocket message."""
        ...

    def decode_to_client(self, data: bytes, /) -> ToClient:
        """Decode a server's WebSocket message."""
        ...

    def encode_to_server(self, message: ToServer, /) -> bytes:
        """Encode a client's WebSocket message."""
        ...

    def decode_to_server(self, data: bytes, /) -> ToServer:
        """Decode a client's WebSocket message."""
        ...

    def number_event(self, event: bytes, seq: int, /) -> bytes:
        """Add a connection's ``seq`` to an event that was encoded once for all of them."""
        ...

    def encode_action_request(self, request: HttpActionRequest, /) -> bytes:
        """Encode the body of a call."""
        ...

    def decode_action_request(self, data: bytes, /) -> HttpActionRequest:
        """Decode the body of a call."""
        ...

    def encode_action_response(self, response: HttpActionResponse, /) -> bytes:
        """Encode the body of a result."""
        ...

    def decode_action_response(self, data: bytes, /) -> HttpActionResponse:
        """Decode the body of a result."""
        ...

    def encode_queue_request(self, request: HttpQueueSendRequest, /) -> bytes:
        """Encode the body of a message for a queue."""
        ...

    def decode_queue_request(self, data: bytes, /) -> HttpQueueSendRequest:
        """Decode the body of a message for a queue."""
        ...

    def encode_queue_response(self, response: HttpQueueSendResponse, /) -> bytes:
        """Encode what became of a message for a queue."""
        ...

    def decode_queue_response(self, data: bytes, /) -> HttpQueueSendResponse:
        """Decode what became of a message for a queue."""
        ...

    def encode_error(self, error: HttpResponseError, /) -> bytes:
        """Encode the body of an error."""
        ...

    def decode_error(self, data: bytes, /) -> HttpResponseError:
        """Decode the body of an error."""
        ...


CODECS: Final[Mapping[str, Codec]] = {
    codec.name: codec for codec in (BareCodec(), CborCodec(), JsonCodec())
}
"""The codecs by name; they have no state and are shared."""


def codec_named(name: str) -> Codec | None:
    """Return the codec that a client asks for, ``None`` if there is none of that name."""
    return CODECS.get(name)
