"""Percent-encoding, read strictly: what is malformed is refused rather than passed on."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

__all__ = ["unquote"]

_malformed = re.compile(r"%(?![0-9A-Fa-f]{2})").search


def unquote(text: str) -> str:
    """Decode percent-encoded UTF-8.

    Raises:
        ValueError: If a percent sign is not followed by two digits, or the bytes are not UTF-8.
    """
    if _malformed(text):
        raise ValueError("a percent sign without two hexadecimal digits")
    return unquote_to_bytes(text).decode()
