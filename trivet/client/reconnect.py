"""When to try again, how soon, and when not: the rules alone, nothing here waits.

A connection comes back after everything but an explicit refusal. A stateless call is repeated only
after errors that say that its action has not begun (client protocol, section 7.3): nothing is run
twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from trivet.declare.errors import Error

__all__ = ["Backoff", "is_refusal", "needs_mending", "repeat_delay"]

FIRST_CEILING = 0.25
LAST_CEILING = 30.0
HEALTHY_AFTER = 30.0

# Codes of the group `actor` that say: not now.
_PASSING = frozenset(
    {"starting", "stopping", "stopped", "restarting", "overloaded", "unavailable"}
    | {"not_configured", "dropped_reply", "state_not_saved"}
)
# What the operator of the actor has to mend, and can: by the next deploy, or the end of this one.
_BROKEN = frozenset(
    {("actor", code) for code in ("state_corrupt", "state_incompatible", "state_not_loaded")}
    | {("guard", "unknown_actor_name")}
)
# What becomes of them when the actor may be created anew.
_GONE = frozenset({"not_found", "destroying", "destroyed"})
# Groups of whoever stands between client and actor.
_BETWEEN = frozenset({"guard", "ws", "core", "connection"})

_NOT_BEGUN = frozenset({"starting", "stopping", "not_configured"})
_NOT_DELIVERED = frozenset(
    {"service_unavailable", "actor_ready_timeout", "actor_runner_failed"}
    | {"actor_wake_retries_exceeded", "actor_stopped_while_waiting"}
)
DELIVERY_TRIES = 5
DELIVERY_DELAY = 0.025
ACTOR_TRIES = 24
ACTOR_TRIES_CREATING = 60
ACTOR_DELAY = 0.1


class Backoff:
    """How long to wait before the next attempt: full jitter under a ceiling that doubles.

    It doubles with each attempt of an outage, and an outage that is over is over: the next begins
    low again, so a server may restart several times in a row and all are back soon. But it begins
    twice as high as the one before, unless the connection has been healthy for long enough: a server
    that crashes again and again as soon as it is reached is met by no crowd.

    Args:
        randomness: Returns numbers from 0 up to 1.
    """

    def __init__(self, randomness: Callable[[], float] = random.random) -> None:
        self._randomness = randomness
        self._ceiling = FIRST_CEILING
        self._begin = FIRST_CEILING

    def next_delay(self) -> float:
        """Return the seconds before the next attempt."""
        delay = self._randomness() * self._ceiling
        self._ceiling = min(LAST_CEILING, 2 * self._ceiling)
        return delay

    def stood(self, seconds: float) -> None:
        """Take note that a connection was open for so long, and is not any more."""
        if seconds >= HEALTHY_AFTER:
            self._begin = FIRST_CEILING
        self._ceiling = self._begin

    def lost(self) -> float:
        """Return the seconds before the first attempt of an outage."""
        self._begin = min(LAST_CEILING, 2 * self._begin)
        return self.next_delay()


def is_refusal(error: Error, *, creates: bool, returning: bool = False) -> bool:
    """Return whether an error before Init is an answer rather than a mishap.

    Args:
        error: What the actor's side, or somebody on the way, has said.
        creates: Whether the actor would be created, so that it cannot be missing for long.
        returning: Whether the connection was open before: then an actor that cannot be read any
            more, or a server without its class, as in a deploy that fails or goes from one server
            to the next, is no answer to it.
    """
    if needs_mending(error):
        return not returning
    if error.group == "actor":
        return error.code not in _PASSING and not (creates and _is_gone(error))
    # A wrong address does not become right.
    return error.group not in _BETWEEN or error.code.startswith("query_")


def needs_mending(error: Error) -> bool:
    """Return whether an error will not pass by itself, and yet may pass."""
    return (error.group, error.code) in _BROKEN


def repeat_delay(error: Error, tries: int, *, creates: bool) -> float | None:
    """Return the seconds before a stateless call is sent again, ``None`` if it is not.

    Args:
        error: Why it failed.
        tries: How often it was sent.
        creates: Whether the actor would be created.
    """
    if error.group == "guard" and error.code in _NOT_DELIVERED:
        return DELIVERY_DELAY * 2 ** (tries - 1) if tries < DELIVERY_TRIES else None
    if error.group == "actor" and (error.code in _NOT_BEGUN or (creates and _is_gone(error))):
        most = ACTOR_TRIES_CREATING if creates else ACTOR_TRIES
        return ACTOR_DELAY if tries < most else None
    return None


def _is_gone(error: Error) -> bool:
    return error.code in _GONE or error.code.startswith("destroyed_")
