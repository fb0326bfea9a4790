"""Messages put together from bytes, as another implementation would: no codec of trivet's own.

A value is given as it stands on the wire: text in json, an item of CBOR in cbor and bare.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import cbor2

__all__ = ["BARE", "CBOR", "FORMATS", "JSON", "Format"]


@attrs.frozen
class Format:
    """How an encoding writes what clients ask, and what servers answer."""

    name: str
    is_text: bool
    content_type: str
    value: Callable[[str], bytes]
    call: Callable[[int, str, bytes], bytes]
    reply: Callable[[int, bytes], bytes]
    body: Callable[[bytes], bytes]
    output: Callable[[bytes], bytes]

    def written(self, value: Any) -> bytes:
        """Write a plain value, as a client would."""
        return json.dumps(value).encode() if self.is_text else cbor2.dumps(value)

    def list_of(self, *values: bytes) -> bytes:
        if self.is_text:
            return b"[" + b",".join(values) + b"]"
        return bytes([0x80 + len(values)]) + b"".join(values)

    def frame(self, payload: bytes) -> str | bytes:
        """Return what a WebSocket is given, so that it makes the right kind of frame."""
        return payload.decode() if self.is_text else payload


def _prefixed(data: bytes) -> bytes:
    """Put a BARE length before data."""
    size, head = len(data), b""
    while size >= 0x80:
        head += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + bytes([size]) + data


def _text(text: str) -> bytes:
    return cbor2.dumps(text)


def _id(number: int) -> bytes:
    return b"\x1b" + number.to_bytes(8)


def _object(**members: bytes) -> bytes:
    pairs = (_text(name) + member for name, member in members.items())
    return bytes([0xA0 + len(members)]) + b"".join(pairs)


def _envelope(tag: str, **val: bytes) -> bytes:
    return _object(body=_object(tag=_text(tag), val=_object(**val)))


JSON = Format(
    "json",
    is_text=True,
    content_type="application/json",
    value=str.encode,
    call=lambda number, name, args: (
        b'{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","%d"],"name":"%b","args":%b}}}'
        % (number, name.encode(), args)
    ),
    reply=lambda number, output: (
        b'{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","%d"],"output":%b}}}'
        % (number, output)
    ),
    body=lambda args: b'{"args":%b}' % args,
    output=lambda output: b'{"output":%b}' % output,
)
CBOR = Format(
    "cbor",
    is_text=False,
    content_type="application/octet-stream",
    value=bytes.fromhex,
    call=lambda number, name, args: _envelope(
        "ActionRequest", id=_id(number), name=_text(name), args=args
    ),
    reply=lambda number, output: _envelope("ActionResponse", id=_id(number), output=output),
    body=lambda args: _object(args=args),
    output=lambda output: _object(output=output),
)
BARE = Format(
    "bare",
    is_text=False,
    content_type="application/octet-stream",
    value=bytes.fromhex,
    call=lambda number, name, args: (
        bytes([4, 0, 0, number]) + _prefixed(name.encode()) + _prefixed(args)
    ),
    reply=lambda number, output: bytes([4, 0, 2, number]) + _prefixed(output),
    body=lambda args: b"\x04\x00" + _prefixed(args),
    output=lambda output: b"\x04\x00" + _prefixed(output),
)
FORMATS = {one.name: one for one in (JSON, CBOR, BARE)}
