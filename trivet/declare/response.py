"""The answer of ``on_request``: checked where it is made, like its headers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from typing import Any

import attrs

from trivet.declare.headers import GivenHeaders, Headers, checked_headers

__all__ = ["Response"]


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
        headers: A mapping with one value for each name, or pairs of name and value for what is
            there more than once, like ``Set-Cookie``. The length of the body is added; headers
            that are about it, or about the connection, are refused.

    Raises:
        TypeError: If a part is of another type.
        ValueError: If a header cannot be sent, or the status is none.
    """

    body: bytes | AsyncIterable[bytes] = attrs.field(default=b"", validator=_check_body, repr=False)
    status: int = attrs.field(default=200, kw_only=True, validator=_check_status)
    headers: Headers = attrs.field(default=None, kw_only=True, converter=checked_headers)

    @classmethod
    def json(
        cls, value: object, *, status: int = 200, headers: GivenHeaders | None = None
    ) -> Response:
        """Answer with a value as JSON.

        Raises:
            TypeError: If the value is none that JSON knows.
            ValueError: If it holds NaN or infinity, which JSON does not have.
        """
        body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
        given = checked_headers(headers)
        kind = () if "content-type" in given else (("content-type", "application/json"),)
        return cls(body, status=status, headers=(*kind, *given.pairs))
