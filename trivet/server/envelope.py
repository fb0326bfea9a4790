"""The JSON body of a request to the manager: a few short members around one long text, the input.

Rules this file keeps:

1. A body of megabytes is parsed for nobody: what takes time in JSON is structure, and that may be
   as long as a head of a request. The one long text is cut out before the rest is looked at.
2. It is found without a walk. Beside it there are ``BESIDE`` bytes at most, so in a body longer than
   twice that the byte behind the first ``BESIDE`` is in it, and the nearest quotes are its ends:
   base64 has none.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from trivet.protocol import json
from trivet.protocol.errors import DecodingError
from trivet.server.answers import RequestError

__all__ = ["BESIDE", "read_envelope"]

BESIDE: Final = 16 * 1024
"""Bytes of a body beside the input."""

PLACE: Final = "(input)"
"""What stands where the long text was."""

_read_text = msgspec.json.Decoder(str).decode


def read_envelope(body: bytes) -> dict[str, Any]:
    """Return the members of a body.

    Raises:
        RequestError: If it is no JSON object, or too much stands beside the input.
    """
    text: str | None = None
    if len(body) > 2 * BESIDE:
        body, text = _cut(body)
    try:
        members = json.parse(body)
    except DecodingError as error:
        raise RequestError(error.message, code="bad_request") from None
    if not isinstance(members, dict):
        raise RequestError("The body must be a JSON object", code="bad_request")
    read = cast("dict[str, Any]", members)
    if text is not None:
        if read.get("input") != PLACE:
            raise _too_much()
        read["input"] = text
    return read


def _cut(body: bytes) -> tuple[bytes, str]:
    start, end = body.rfind(b'"', 0, BESIDE + 1), body.find(b'"', BESIDE + 1)
    if start < 0 or end < 0 or len(body) - (end - start) > BESIDE:
        raise _too_much()
    try:
        text = _read_text(body[start : end + 1])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise RequestError("The JSON is malformed", code="bad_request") from None
    if PLACE.encode() in body[:start] + body[end + 1 :]:
        raise RequestError("The body is no request", code="bad_request")
    return b'%s"%s"%s' % (body[:start], PLACE.encode(), body[end + 1 :]), text


def _too_much() -> RequestError:
    message = f"The body may have {BESIDE} bytes beside its input"
    return RequestError(message, code="bad_request")
