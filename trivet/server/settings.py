"""What the operator of a server decides."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

import attrs

from trivet.server.peers import Proxies

__all__ = ["ServerSettings"]


def _check_origins(_instance: object, _field: object, origins: Collection[str]) -> None:
    if isinstance(origins, str):
        raise TypeError(f"origins is a list of origins: origins=[{origins!r}]")
    for origin in origins:
        scheme, mark, host = origin.partition("://")
        is_one = mark and scheme and host.rstrip("/") and "/" not in host.rstrip("/")
        if origin not in {"*", "null"} and not is_one:
            raise ValueError(f"an origin is like https://example.com, not {origin!r}")


def _check_port(_instance: object, _field: object, port: int) -> None:
    if not 0 <= port <= HIGHEST_PORT:
        raise ValueError(f"a port is a number from 0 to {HIGHEST_PORT}, not {port}")


def _check_base_path(_instance: object, _field: object, path: str) -> None:
    if path and (not path.startswith("/") or path.endswith("/")):
        raise ValueError(f"base_path begins with a slash and does not end with one: {path!r}")


def _check_endpoint(_instance: object, _field: object, url: str | None) -> None:
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"client_endpoint is the http or https URL of a server, not {url!r}")


def _check_proxies(_instance: object, _field: object, trusted: Collection[str]) -> None:
    Proxies(trusted)


def _as_sockets(given: socket.socket | Sequence[socket.socket] | None) -> tuple[socket.socket, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, socket.socket) else tuple(given)


LEAST_TOKEN = 16
HIGHEST_PORT = 65535


def _check_token(_instance: object, _field: object, token: str | None) -> None:
    if token is None:
        return
    if not isinstance(token, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError("admin_token must be text")
    if len(token) < LEAST_TOKEN or not (token.isascii() and token.isprintable()):
        raise ValueError(
            f"admin_token must have {LEAST_TOKEN} printable ASCII characters or more: "
            "secrets.token_urlsafe() makes one"
        )


@attrs.frozen(kw_only=True)
class ServerSettings:
    """How a server is reached, and by whom.

    Attributes:
        host: The address or name to listen on; ``None`` opens no socket at all.
        port: The TCP port; 0 picks a free one.
        listening: Sockets that listen already, instead of host and port; they are closed at the
            end. With none of them host and port count.
        ssl_context: Serve HTTPS with it.
        public: Whether actors without a connect hook may be reached from other machines.
        origins: Web pages that may use the server beside its own, like ``https://example.com``;
            ``"*"`` among them lets every page.
        client_endpoint: Where official clients go on, if that is not where they came to, like
            ``https://eu.example.com/actors``.
        base_path: A path under which everything is served as well, like ``/api/rivet``.
        admin_token: What a client must show to delete actors, put them to sleep or list them;
            without one only this machine may.
        trusted_proxies: Addresses and networks of proxies, or ``"unix"``: their
            ``X-Forwarded-For`` says who the client is.
        handle_signals: Whether SIGTERM and SIGINT stop the server; in the main thread only.
        embedded: Whether clients come through another server, which may let anybody in.
    """

    host: str | None = "127.0.0.1"
    port: int = attrs.field(default=6420, validator=_check_port)
    listening: Sequence[socket.socket] = attrs.field(default=(), converter=_as_sockets)
    ssl_context: ssl.SSLContext | None = None
    public: bool = False
    origins: Collection[str] = attrs.field(default=(), validator=_check_origins)
    client_endpoint: str | None = attrs.field(default=None, validator=_check_endpoint)
    base_path: str = attrs.field(default="", validator=_check_base_path)
    admin_token: str | None = attrs.field(default=None, validator=_check_token, repr=False)
    trusted_proxies: Collection[str] = attrs.field(default=(), validator=_check_proxies)
    handle_signals: bool = False
    embedded: bool = False
