"""The encoder: what an actor says, as WebSocket frames.

A frame depends on its content, the encoding and the limit, and on nothing else. So there is one
encoder for each pair of these, and an event is encoded once for all links that share it.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from trivet.declare.binder import event_arguments
from trivet.declare.definition import EventBinding
from trivet.declare.values import Shape
from trivet.link.frames import binary_frame, text_frame
from trivet.logs import Throttled, about, printable
from trivet.protocol.codec import CODECS, Codec
from trivet.protocol.errors import EncodingError, OutgoingTooLong
from trivet.protocol.faults import Fault
from trivet.protocol.messages import (
    UNDEFINED,
    ActionResponse,
    EncodingName,
    ErrorMessage,
    EventMessage,
    Init,
    ToClient,
)

__all__ = ["WireEncoder", "as_unicode", "encoder_of"]

throttled = Throttled(logging.getLogger(__name__))


class WireEncoder:
    """Makes the frames of one encoding, up to a limit; see ``ports.Encoder``.

    Attributes:
        codec: The encoding.
    """

    __slots__ = ("_encode", "_frame", "_limit", "codec")

    def __init__(self, codec: Codec, limit: int) -> None:
        self.codec = codec
        self._limit = limit
        self._encode = codec.encode_to_client
        self._frame = binary_frame if codec.binary else text_frame

    def init(self, actor_id: str, connection_id: str) -> bytes:
        """Encode the welcome that ends an opening."""
        return self._framed(Init(actor_id, connection_id))

    def reply(self, call_id: int, shape: Shape[Any], value: Any) -> bytes:
        """Encode an action's result.

        Raises:
            ValidationError: If it does not fit its type.
            OutgoingTooLong: If it is too long.
        """
        return self._framed(ActionResponse(call_id, shape.dump(value)))

    def event(self, binding: EventBinding, payload: Any) -> bytes:
        """Encode an event.

        Raises:
            ValidationError: If the payload does not fit its type.
            OutgoingTooLong: If it is too long.
        """
        return self._framed(EventMessage(binding.name, event_arguments(binding.shape, payload)))

    def failure(self, call_id: int | None, fault: Fault) -> bytes:
        """Encode an error; one that cannot be sent as it is loses its metadata."""
        metadata = UNDEFINED if fault.metadata is None else fault.metadata
        error = ErrorMessage(fault.group, fault.code, fault.message, metadata, call_id)
        try:
            return self._framed(error)
        except (EncodingError, OutgoingTooLong) as problem:
            throttled.warning(
                "metadata",
                "the error %s is sent without its metadata: %s",
                printable(fault.reason),
                problem,
                extra=about(),
            )
        texts = (fault.group, fault.code, fault.message)
        group, code, message = (as_unicode(text)[:1000] for text in texts)
        return self._frame(self._encode(ErrorMessage(group, code, message, UNDEFINED, call_id)))

    def _framed(self, message: ToClient) -> bytes:
        payload = self._encode(message)
        if len(payload) > self._limit:
            raise OutgoingTooLong(len(payload), self._limit)
        return self._frame(payload)


def as_unicode(text: str) -> str:
    """Return a text with every half of a surrogate pair replaced."""
    return text.encode("utf-8", "replace").decode()


@cache
def encoder_of(encoding: EncodingName, limit: int) -> WireEncoder:
    """Return the encoder that all links of an encoding and a limit share.

    Args:
        encoding: How messages are encoded.
        limit: Bytes of an encoded message.
    """
    return WireEncoder(CODECS[encoding], limit)
