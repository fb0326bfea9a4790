"""WebSocket close codes and the text beside them.

The official clients read a reason as ``group.code`` with an optional ``#ray`` (section 6.7 of the
client protocol), so a structured reason is an error and any other text is only words.
"""

from __future__ import annotations

from enum import IntEnum

import attrs

__all__ = ["CloseCode", "CloseReason", "fit_reason", "parse_reason"]

MAX_REASON = 123
"""Bytes of text that fit into a close frame beside its code (RFC 6455, section 5.5)."""


class CloseCode(IntEnum):
    """The close codes that trivet sends or understands."""

    NORMAL = 1000
    GOING_AWAY = 1001
    UNSUPPORTED_DATA = 1003
    NO_STATUS = 1005
    ABNORMAL = 1006
    INVALID_UTF8 = 1007
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    STAY_AWAY = 4001
    """trivet.1: kicked with ``reconnect=False``."""
    DESTROYED = 4002
    """trivet.1: the actor was destroyed."""


@attrs.frozen
class CloseReason:
    """A structured close reason.

    Attributes:
        ray: The id of the request in the engine's log, if it told one.
    """

    group: str
    code: str
    ray: str | None = None

    def __str__(self) -> str:
        ray = "" if self.ray is None else f"#{self.ray}"
        return fit_reason(f"{self.group}.{self.code}{ray}")


def fit_reason(text: str) -> str:
    """Cut a text to what a close frame carries, never inside a character."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= MAX_REASON:
        return encoded.decode()
    return encoded[:MAX_REASON].decode("utf-8", "ignore")


def parse_reason(text: str) -> CloseReason | None:
    """Read ``group.code[#ray]``; ``None`` if the text is only words."""
    error, mark, ray = text.partition("#")
    group, dot, code = error.partition(".")
    if not (dot and group and code):
        return None
    return CloseReason(group, code, ray if mark else None)
