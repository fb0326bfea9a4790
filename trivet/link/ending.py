"""How links end."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["ClosedBy", "Ending"]

ClosedBy = Literal["client", "server", "network", "keepalive", "slow_consumer", "protocol"]
"""Who or what ended a link."""


@attrs.frozen
class Ending:
    """How a link ends: the close code, the reason, and who began.

    The code is 1006 if no close frame was sent or received, and 1005 if the client's had none.
    """

    code: int
    reason: str
    by: ClosedBy
