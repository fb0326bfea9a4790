"""The head of a request: everything before its body, with names and values as text."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import attrs
import h11

__all__ = ["Head", "header_text"]

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


@attrs.frozen
class Head:
    """What a client sends before the body.

    Header values are decoded as Latin-1, so any byte is a character; repeated ones are joined.

    Attributes:
        method: The method, upper case.
        address: Path and query as they were sent.
        headers: Values by lower-case name.
        peer: The client's address.
        request: As h11 parsed it.
    """

    method: str
    address: str
    headers: Mapping[str, str]
    peer: str
    request: h11.Request

    @classmethod
    def of(cls, request: h11.Request, peer: str) -> Head:
        """Read what h11 has parsed.

        Args:
            request: The request.
            peer: The client's address.
        """
        headers: dict[str, str] = {}
        for raw_name, raw_value in request.headers:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            # HTTP/2 splits cookies, and their values may have commas (RFC 9113, section 8.2.3).
            joint = "; " if name == "cookie" else ", "
            headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
        target = request.target.decode("latin-1")
        return cls(request.method.decode("latin-1"), _origin_form(target), headers, peer, request)

    @property
    def path(self) -> str:
        """The path, as it was sent."""
        return self.address.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, as it was sent, without the question mark."""
        return self.address.partition("?")[2]

    @property
    def wants_websocket(self) -> bool:
        """Whether the client asks to go on as a WebSocket."""
        return "websocket" in self.headers.get("upgrade", "").lower()


def header_text(text: str) -> str:
    """Return a text as a header may carry it: what is not printable ASCII is percent-encoded."""
    return quote(text.strip(), safe=_PRINTABLE, errors="replace")


def _origin_form(target: str) -> str:
    """Return the address without the scheme and host that proxies write before it."""
    if target.startswith("/"):
        return target
    scheme, mark, rest = target.partition("://")
    if not mark or not scheme.isalpha():
        return target
    authority_end = min(rest.find(c) if c in rest else len(rest) for c in "/?")
    path = rest[authority_end:]
    return path if path.startswith("/") else f"/{path}"
