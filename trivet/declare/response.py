"""The answer of ``on_request``, and the rules for the headers of raw HTTP.

A response is checked where it is made, so that a mistake has the traceback of whoever made it: what
could end its head early, or say anything about how long its body is, never gets as far as a socket.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

__all__ = ["Response", "checked_headers", "is_token"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Latin-1 is what a header can carry; of its control characters only the tab.
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def is_token(text: str) -> bool:
    """Whether a text may be a method or the name of a header."""
    return _TOKEN.fullmatch(text) is not None


def checked_headers(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    """Check headers and return them by lower-case name.

    Raises:
        TypeError: If a name or value is no text.
        ValueError: If one cannot be sent, or is about the connection or the length of the body.
    """
    checked: dict[str, str] = {}
    for name, value in (headers or {}).items():
        _check_texts(name, value)
        if not is_token(name):
            raise ValueError(f"{name!r} is no name of a header")
        lower = name.lower()
        if lower in _FRAMING:
            raise ValueError(f"the header {name} is the server's: it says where a body ends")
        if lower in checked:
            raise ValueError(f"the header {name} is given twice")
        if _VALUE.fullmatch(value) is None or value != value.strip():
            raise ValueError(
                f"the value of the header {name} has line breaks, control characters, characters "
                "beyond Latin-1, or white space at an end"
            )
        checked[lower] = value
    return MappingProxyType(checked)


def _check_texts(*given: Any) -> None:
    for text in given:
        if not isinstance(text, str):
            raise TypeError(f"names and values of headers are texts, not {text!r}")


def _check_body(_: object, __: object, body: Any) -> None:
    if not isinstance(body, bytes | AsyncIterable):
        kind = type(body).__name__
        raise TypeError(f"a body is bytes, or an async iterator of bytes, not {kind}")


def _check_status(_: object, __: object, status: Any) -> None:
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(f"a status is a number, not {status!r}")
    if not 200 <= status <= 599:
        raise ValueError(f"a status is from 200 to 599, not {status}")


@attrs.frozen
class Response:
    """The answer of ``on_request``.

    Args:
        body: The complete body, or an async iterator of bytes, which is sent piece by piece while
            other turns run.
        status: From 200 to 599.
        headers: One value for each name. The length of the body is added; headers that are about
            it, or about the connection, are refused.

    Raises:
        TypeError: If a part is of another type.
        ValueError: If a header cannot be sent, or the status is none.
    """

    body: bytes | AsyncIterable[bytes] = attrs.field(default=b"", validator=_check_body, repr=False)
    status: int = attrs.field(default=200, kw_only=True, validator=_check_status)
    headers: Mapping[str, str] = attrs.field(default=None, kw_only=True, converter=checked_headers)

    @classmethod
    def json(
        cls, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Answer with a value as JSON.

        Raises:
            TypeError: If the value is none that JSON knows.
            ValueError: If it holds NaN or infinity, which JSON does not have.
        """
        body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
        return cls(
            body, status=status, headers={"content-type": "application/json", **(headers or {})}
        )
