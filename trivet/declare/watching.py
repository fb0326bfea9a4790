"""What ``handle.watch()`` tells: how an actor stands, and each change of that."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import attrs

__all__ = ["ActorStatus", "Change"]

ActorStatus = Literal["absent", "asleep", "awake", "crashed", "unavailable", "destroyed"]
"""``"absent"`` does not exist yet; ``"crashed"`` is between a crash and what follows it."""


@attrs.frozen(kw_only=True)
class Change:
    """One step in the life of an actor.

    Attributes:
        status: How it stands since then.
        actor_id: Its id, ``None`` while it does not exist.
        generation: Which of its lives that is about, as the store counts them: 1 is the first, one
            that saved nothing may share its number with the next, and 0 is none.
        at: When that was, as a wall clock in UTC says.
    """

    status: ActorStatus
    actor_id: str | None
    generation: int
    at: datetime
