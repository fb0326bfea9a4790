"""Messages and bodies of each encoding, whole and with hostile arguments in them."""

from __future__ import annotations

from typing import Any, Final

from tests.link.peers import client_frame
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, HttpActionRequest, ToServer

__all__ = ["ENCODINGS", "body_of", "data_frame", "frame_of", "frame_with", "message_with"]

ENCODINGS: Final = tuple(CODECS)


def data_frame(encoding: str, payload: bytes) -> bytes:
    """A frame of the kind that an encoding wants."""
    return client_frame(0x82 if CODECS[encoding].binary else 0x81, payload)


def frame_of(encoding: str, message: ToServer) -> bytes:
    """A message in a frame."""
    return data_frame(encoding, CODECS[encoding].encode_to_server(message))


def body_of(encoding: str, args: list[Any]) -> bytes:
    """The body of a call over HTTP."""
    return CODECS[encoding].encode_action_request(HttpActionRequest(args))


def message_with(encoding: str, args: bytes, action: str = "echo") -> bytes:
    """A call whose argument list is replaced by other bytes."""
    marked = CODECS[encoding].encode_to_server(ActionRequest(1, action, ["@"]))
    if encoding == "json":
        return marked.replace(b'["@"]', args)
    head, _, tail = marked.partition(b"\x81\x61@")
    if encoding == "bare":
        return head[:-1] + _bare_length(len(args)) + args + tail
    return head + args + tail


def frame_with(encoding: str, args: bytes) -> bytes:
    """The same in a frame."""
    return data_frame(encoding, message_with(encoding, args))


def _bare_length(number: int) -> bytes:
    groups: list[int] = []
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
