"""Server frames: the header of RFC 6455 around a payload.

A server's frame is not masked, so its bytes depend on nothing but the payload: a broadcast builds
it once and every link sends the same object.
"""

from __future__ import annotations

from typing import Final

from trivet.declare.web_socket import check_close

__all__ = ["PING", "binary_frame", "close_frame", "text_frame"]

TEXT: Final = 0x81
BINARY: Final = 0x82
CLOSE: Final = 0x88

PING: Final = b"\x89\x00"
"""A ping without payload."""

SHORT_HEADERS: Final = {
    first: [bytes((first, length)) for length in range(126)] for first in (TEXT, BINARY, CLOSE)
}

SHORT_TEXT: Final = SHORT_HEADERS[TEXT]

REASON_LIMIT: Final = 123
"""The most bytes of a close reason: a control frame carries 125, the code takes two."""


def text_frame(payload: bytes) -> bytes:
    """Frame a text message, given in UTF-8."""
    length = len(payload)
    return (SHORT_TEXT[length] if length < 126 else _header(TEXT, length)) + payload


def binary_frame(payload: bytes) -> bytes:
    """Frame a binary message."""
    return _header(BINARY, len(payload)) + payload


def close_frame(code: int, reason: str) -> bytes:
    """Frame a close code and a reason, which is cut to 123 bytes between two characters.

    Raises:
        ValueError: If no endpoint may send the code (RFC 6455, section 7.4).
    """
    check_close(code)
    text = reason.encode("utf-8", "replace")
    if len(text) > REASON_LIMIT:
        text = text[:REASON_LIMIT].decode("utf-8", "ignore").encode()
    return _header(CLOSE, 2 + len(text)) + code.to_bytes(2, "big") + text


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return SHORT_HEADERS[first][length]
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")
