"""What a live connection needs of the way to its actor: somebody who dials, and sessions.

Rules:

1. ``Dialer.run`` is one attempt: it opens a session, tells the receiver everything that arrives
   by plain calls, in order, and returns how the session ended. It retries nothing.
2. The receiver gets the session with Init, for nothing may be sent before. Whatever it sends is
   put into the session's outbox at once; no method of a session waits.
3. Whoever asks bounds what is on its way: a session takes what it is given.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import attrs

from trivet.client.values import Values
from trivet.declare.errors import ConnectionClosed, ConnectionLost, Error
from trivet.protocol.close import CloseCode, parse_reason
from trivet.protocol.faults import Fault, error_of

__all__ = ["Dialer", "Ending", "Receiver", "Session", "SessionLost", "first_error"]

_SAYS_AN_ERROR = frozenset({CloseCode.UNSUPPORTED_DATA, CloseCode.INTERNAL_ERROR})
_NOT_SENT = frozenset({CloseCode.NO_STATUS, CloseCode.ABNORMAL})


@attrs.frozen
class Ending:
    """How a session ended.

    Attributes:
        code: The close code; ``ABNORMAL`` if the network failed.
        reason: The server's text.
    """

    code: int = CloseCode.ABNORMAL
    reason: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the server wants the client to stay away, or the actor is no more."""
        return self.code in {CloseCode.STAY_AWAY, CloseCode.DESTROYED}

    @property
    def is_kick(self) -> bool:
        """Whether ``disconnect`` ended it."""
        return self.code in {CloseCode.NORMAL, CloseCode.STAY_AWAY}

    def refusal(self) -> Error | None:
        """Return the error that the reason states, if it states one."""
        stated = parse_reason(self.reason) if self.code in _SAYS_AN_ERROR else None
        if stated is None or not (stated.group.isidentifier() and stated.code.isidentifier()):
            return None
        return error_of(Fault(stated.group, stated.code, f"The server closed: {self.reason}"))

    def error(self) -> ConnectionClosed | ConnectionLost:
        """Make the error of a call that was on its way."""
        if self.is_kick or self.is_final or (self.reason and self.code not in _NOT_SENT):
            return ConnectionClosed(self.reason)
        return ConnectionLost()


class SessionLost(Exception):
    """An attempt failed for a reason that may pass; the text is for the log."""


def first_error(error: Any) -> Exception:
    """Return an error of a group: where there are several, one has led to the others."""
    inner: tuple[Any, ...] = getattr(error, "exceptions", ())
    return first_error(inner[0]) if inner else error


class Receiver(Protocol):
    """Who hears what arrives in a session. None of its methods blocks or raises."""

    def opened(self, session: Session, /) -> None:
        """Take the session, now that the actor has let the connection in."""
        ...

    def replied(self, call_id: int, output: Any, /) -> None:
        """Take the result of a call."""
        ...

    def failed(self, call_id: int | None, error: Error, /) -> None:
        """Take the error of a call, or of the connection itself."""
        ...

    def event(self, name: str, payload: Any, /) -> None:
        """Take an event."""
        ...


class Session(Protocol):
    """An open session."""

    def call(self, call_id: int, name: str, arguments: Any, deadline: float, /) -> int | None:
        """Send a call.

        Args:
            call_id: The next number: ids go on over sessions.
            name: The action's name on the wire.
            arguments: As ``Values`` made them.
            deadline: When its caller stops waiting, on Trio's clock.

        Returns:
            How many bytes it takes on its way; ``None`` if the session is over already and
            nothing was sent.

        Raises:
            EncodingError: If an argument cannot be sent; then nothing was.
        """
        ...

    def subscribe(self, event_name: str, *, wanted: bool) -> None:
        """Ask for an event, or no longer."""
        ...

    def close(self) -> None:
        """Begin to say goodbye; ``run`` returns when that is done."""
        ...


class Dialer(Protocol):
    """Opens sessions with one actor."""

    @property
    def values(self) -> Values:
        """How values travel in its sessions."""
        ...

    @property
    def creates(self) -> bool:
        """Whether the actor is created if there is none."""
        ...

    async def run(self, params: Any, receiver: Receiver, /) -> Ending:
        """Open a session and serve it until its end.

        Args:
            params: The application's connection params, not yet checked.
            receiver: Who hears what arrives.

        Raises:
            SessionLost: If no session came about, for a reason that may pass.
            Error: If params do not fit, or no session is possible for another reason.
        """
        ...

    def waiting(self) -> AbstractContextManager[object]:
        """Return what stands around a turn that waits for the actor.

        Raises:
            CallCycleError: On entry, if the actor waits for that turn.
        """
        ...
