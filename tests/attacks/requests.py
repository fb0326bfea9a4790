"""Requests as bytes, written down by hand: what a hostile client does not leave to a library."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

__all__ = ["HOST", "address", "call", "connect", "request", "upgrade"]

HOST: Final = b"host: server"


def request(
    method: str | bytes, target: str | bytes, *headers: bytes, body: bytes | None = None
) -> bytes:
    """A request after which its connection closes."""
    lines = [_bytes(method) + b" " + _bytes(target) + b" HTTP/1.1", HOST, b"connection: close"]
    lines += headers
    if body is not None:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def address(path: str, *, name: str = "plaza", key: str = "a", more: str = "") -> str:
    """The address of an actor that is created if need be."""
    query = f"rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key={quote(key)}"
    return f"/gateway/{name}{path}?{query}{more}"


def call(
    action: str, body: bytes, encoding: str = "json", *headers: bytes, name: str = "plaza"
) -> bytes:
    """A call over HTTP."""
    how = b"x-rivet-encoding: " + encoding.encode()
    target = address(f"/action/{action}", name=name)
    return request("POST", target, how, *headers, body=body)


def upgrade(target: str | bytes, *protocols: str, headers: tuple[bytes, ...] = ()) -> bytes:
    """A WebSocket's handshake."""
    lines = [b"GET " + _bytes(target) + b" HTTP/1.1", HOST, b"upgrade: websocket"]
    lines += [b"connection: upgrade", b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += [b"sec-websocket-version: 13"]
    if protocols:
        lines.append(b"sec-websocket-protocol: " + ", ".join(protocols).encode("latin-1"))
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n"


def connect(encoding: str = "json", *protocols: str, name: str = "plaza", key: str = "a") -> bytes:
    """The handshake of a connection to an actor."""
    target = address("/connect", name=name, key=key)
    return upgrade(target, "rivet", f"rivet_encoding.{encoding}", *protocols)


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
