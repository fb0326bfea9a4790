"""What ASGI applications and servers say to each other, as far as this package uses it.

Source: the ASGI specification 3.0, with the HTTP & WebSocket message format 2.5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

__all__ = ["Headers", "Message", "Receive", "Scope", "Send", "address_of", "passed_on", "peer_of"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

# They are about one connection, and this is another one (RFC 9110, section 7.6.1).
HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"expect",
        b"http2-settings",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def passed_on(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers that are not about the connection alone, names in lower case."""
    return [(name.lower(), value) for name, value in headers if name.lower() not in HOP_BY_HOP]


def address_of(scope: Scope) -> bytes:
    """Return path and query as they were sent, behind where the application is mounted."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    mount = quote(scope.get("root_path", "")).encode().rstrip(b"/")
    # Servers differ in whether `path` still has the mount; the raw one has it wherever there is one.
    if mount and (path == mount or path.startswith(mount + b"/")):
        path = path[len(mount) :]
    query: bytes = scope.get("query_string", b"")
    return (path or b"/") + (b"?" + query if query else b"")


def peer_of(scope: Scope) -> str:
    """Return the client's address; one without comes through a socket of this machine."""
    client = scope.get("client")
    return client[0] if client else "unix"
