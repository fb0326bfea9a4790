"""Origins: which web pages may use the server, and what their browsers want to hear (section 8).

A browser names the page it acts for; other programs do not, and are not asked. A page of the same
host is let in, while bound to loopback every page from there, and else what the operator lists.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from trivet.declare.errors import Forbidden
from trivet.logs import Throttled, about, printable
from trivet.server.answers import Answer
from trivet.server.head import Head, header_text
from trivet.server.peers import is_loopback

__all__ = ["OriginPolicy", "foreign_origin", "preflight", "with_cors"]

throttled = Throttled(logging.getLogger(__name__))

METHODS = "GET, POST, PUT, DELETE, OPTIONS, PATCH"
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class OriginPolicy:
    """Decides by the ``Origin`` header.

    Args:
        origins: Which pages are let in beside the server's own.
        loopback: Whether the server can be reached from this machine alone.
    """

    def __init__(self, origins: Collection[str], *, loopback: bool) -> None:
        self._every = "*" in origins
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._loopback = loopback

    def allows(self, head: Head) -> bool:
        """Decide whether the page that a request comes from may make it; a refusal is logged."""
        origin = head.headers.get("origin")
        if origin is None or self._every or origin.lower() in self._allowed:
            return True
        if self._is_near(origin.lower(), head.headers.get("host", "").lower()):
            return True
        throttled.warning(
            "origin",
            "refused a page of %r: serve(origins=[...]) would let it in",
            printable(origin),
            extra=about(peer=head.peer),
        )
        return False

    def _is_near(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            name = parts.hostname or ""
        except ValueError:
            return False
        port = DEFAULT_PORTS.get(parts.scheme)
        if port is None or not name:
            return False
        same = parts.netloc.removesuffix(port) == host.removesuffix(port)
        return same or (self._loopback and is_loopback(name))


def foreign_origin() -> Forbidden:
    """Make the error for a page that may not use the server."""
    return Forbidden("The server does not serve pages of this origin")


def preflight(head: Head) -> Answer:
    """Answer what a browser asks before the request itself; nothing is looked up for it."""
    headers = {"access-control-allow-methods": METHODS, "access-control-max-age": "86400"}
    wanted = head.headers.get("access-control-request-headers")
    if wanted is not None:
        headers["access-control-allow-headers"] = header_text(wanted)
    return Answer(204, b"", headers)


def with_cors(headers: Mapping[str, str], head: Head) -> Mapping[str, str]:
    """Add the headers that let the page of an allowed origin read an answer."""
    vary = headers.get("vary")
    return {
        **headers,
        "access-control-allow-origin": header_text(head.headers.get("origin", "*")),
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "*",
        "vary": "origin" if vary is None else f"{vary}, origin",
    }
