"""The address of a server: ``https://namespace:token@host:port/base``, most of it optional."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import attrs
import trio

from trivet.protocol.percent import unquote

__all__ = ["Endpoint", "StreamOpener", "opener", "parse_endpoint"]

StreamOpener: TypeAlias = Callable[[], Awaitable[trio.abc.Stream]]
"""Connects to the server; raises ``OSError`` if that is not possible."""

_PORTS = {"http": 80, "https": 443}


@attrs.frozen
class Endpoint:
    """A server's address in its parts.

    Attributes:
        secure: Whether it is reached over TLS.
        base_path: What stands before every path, without a slash at its end.
        token: What the server knows the client by.
    """

    secure: bool
    host: str
    port: int
    base_path: str = ""
    namespace: str = "default"
    token: str | None = attrs.field(default=None, repr=False)

    @property
    def authority(self) -> str:
        """Host and port as a ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == _PORTS["https" if self.secure else "http"]
        return host if usual else f"{host}:{self.port}"


def parse_endpoint(url: str) -> Endpoint:
    """Read a server's address.

    Raises:
        ValueError: If it is none; the text does not repeat it, as it may hold a token.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("the URL of a server starts with http:// or https://")
    if not parts.hostname:
        raise ValueError("the URL of a server names a host")
    if parts.query or parts.fragment:
        raise ValueError("the URL of a server has no query and no fragment")
    if not parts.path.isascii() or not parts.path.isprintable() or " " in parts.path:
        raise ValueError("the path in the URL of a server must be percent-encoded")
    namespace, token = _credentials(parts)
    return Endpoint(
        secure=parts.scheme == "https",
        host=parts.hostname,
        port=_port(parts),
        base_path=parts.path.rstrip("/"),
        namespace=namespace or "default",
        token=token or None,
    )


def opener(
    endpoint: Endpoint,
    connect: StreamOpener | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> StreamOpener:
    """Return a function that connects to a server.

    Args:
        endpoint: The server.
        connect: Opens the bytes' way to it instead of TCP.
        ssl_context: For ``https``; by default the system's certificates count.
    """

    async def open_tcp() -> trio.abc.Stream:
        return await trio.open_tcp_stream(endpoint.host, endpoint.port)

    plain = connect or open_tcp
    if not endpoint.secure:
        return plain
    context = ssl_context or ssl.create_default_context()

    async def open_tls() -> trio.abc.Stream:
        return trio.SSLStream(
            await plain(), context, server_hostname=endpoint.host, https_compatible=True
        )

    return open_tls


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise ValueError("the port in the URL of a server is none") from None


def _credentials(parts: SplitResult) -> tuple[str, str]:
    try:
        namespace, token = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        message = "namespace and token in the URL of a server must be percent-encoded"
        raise ValueError(message) from None
    if not (token.isascii() and token.isprintable()):
        raise ValueError("the token in the URL of a server must be printable ASCII")
    return namespace, token
