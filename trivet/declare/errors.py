"""The errors of trivet, one tree.

Every error is a group, a code, a text and metadata, so it means the same in process, over the
network and in every client language. ``ActionError`` and below is what the actor's side reports
to a caller; the others describe the caller's own situation.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

__all__ = [
    "RUNTIME_GROUPS",
    "ActionError",
    "AlreadyInTurnError",
    "AtomicTurnError",
    "CallCycleError",
    "ConnStateNotEnabled",
    "ConnectionClosed",
    "ConnectionLost",
    "Error",
    "Forbidden",
    "NoConnectionError",
    "NotInTurnError",
    "StateNotEnabled",
    "SubscriptionOverflow",
    "UserError",
    "ValidationError",
    "WouldDeadlockError",
]

RUNTIME_GROUPS = frozenset(
    {"actor", "auth", "message", "connection", "queue", "schedule", "kv"}
    | {"rivetkit", "guard", "ws", "client"}
    | {"api", "core", "namespace", "validation"}
)
"""The groups that belong to the runtime; every other group is an application's."""


class Error(Exception):
    """The base of every error that trivet raises on purpose.

    Attributes:
        group: Which part reports it (``"user"``, ``"actor"``, ``"message"``, …).
        code: What happened, stable and machine readable.
        message: A text for people.
        metadata: Whatever else the receiver may need, or ``None``.
    """

    group: str = "rivetkit"
    code: str = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        group: str | None = None,
        code: str | None = None,
        metadata: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if group is not None:
            self.group = group
        if code is not None:
            self.code = code
        self.metadata = metadata

    def __str__(self) -> str:
        return f"{self.group}.{self.code}: {self.message}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy without ``__init__``, whose parameters are a subclass's own."""
        return _copy_of, (type(self), *self.args), vars(self)


def _copy_of(cls: type[Error], *args: object) -> Error:
    """Make an error that is still without its attributes."""
    return cls.__new__(cls, *args)


class ActionError(Error):
    """What the actor's side reports to whoever called or connected."""


class UserError(ActionError):
    """An error that an application raises for its clients to see.

    Text, code and metadata reach the client as they are. A subclass may declare its own ``group``
    and ``code`` as class attributes.
    """

    group = "user"
    code = "user_error"

    def __init__(self, message: str, *, code: str | None = None, metadata: object = None) -> None:
        super().__init__(message, code=code, metadata=metadata)


class _FixedError(ActionError):
    """An action error whose group and code its class fixes and whose text has a default."""

    text: ClassVar[str]

    def __init__(self, message: str | None = None, *, metadata: object = None) -> None:
        super().__init__(self.text if message is None else message, metadata=metadata)


class Forbidden(_FixedError):
    """The caller may not do this (HTTP 403)."""

    group, code = "auth", "forbidden"
    text = "Forbidden"


class ValidationError(_FixedError):
    """Arguments, params or input that do not fit; ``metadata["paths"]`` says where and why."""

    group, code = "actor", "validation_error"
    text = "Validation failed"

    def __str__(self) -> str:
        is_dict = isinstance(self.metadata, dict)
        metadata = cast("dict[str, Any]", self.metadata) if is_dict else {}
        paths = [path for path in metadata.get("paths", ()) if isinstance(path, str)]
        return f"{super().__str__()}: {'; '.join(paths)}" if paths else super().__str__()


class CallCycleError(_FixedError):
    """A call would wait for an actor that waits for it; ``metadata["path"]`` names the actors."""

    group, code = "actor", "call_cycle"
    text = "The call would wait for an actor that is waiting for it"


class WouldDeadlockError(_FixedError):
    """A connect or disconnect hook awaited the end of its own connection."""

    group, code = "actor", "would_deadlock"
    text = "A connection's own hook cannot await its disconnect"


class NoConnectionError(_FixedError):
    """``self.conn`` was read where no connection's call is running."""

    group, code = "actor", "no_connection"
    text = "No connection's call is running here"


class NotInTurnError(_FixedError):
    """State was assigned outside the actor's current turn."""

    group, code = "actor", "not_in_turn"
    text = "State changes only inside a turn: use `async with self.turn():`"


class AlreadyInTurnError(_FixedError):
    """``self.turn()`` was entered inside a turn of the same actor."""

    group, code = "actor", "already_in_turn"
    text = "This task is already inside a turn of the actor"


class AtomicTurnError(_FixedError):
    """An atomic turn called out, saved or disconnected after a change."""

    group, code = "actor", "atomic_turn"
    text = "An atomic turn cannot call out, save or disconnect after a change"


class StateNotEnabled(_FixedError):
    """``self.state`` was used on an actor that declares no state type."""

    group, code = "actor", "state_not_enabled"
    text = "The actor declares no state"


class ConnStateNotEnabled(_FixedError):
    """``conn.state`` was used on an actor that declares no connection state type."""

    group, code = "actor", "conn_state_not_enabled"
    text = "The actor declares no connection state"


class ConnectionClosed(Error):
    """The connection ended for good, or was ended under a call; ``reason`` is the server's text."""

    group, code = "connection", "closed"

    def __init__(self, reason: str = "", *, metadata: object = None) -> None:
        super().__init__(reason or "The connection is closed", metadata=metadata)
        self.reason = reason


class ConnectionLost(Error):
    """The network went away while a call was under way, or the offline queue is full."""

    group, code = "connection", "lost"

    def __init__(
        self, message: str = "The connection was lost", *, metadata: object = None
    ) -> None:
        super().__init__(message, metadata=metadata)


class SubscriptionOverflow(Error):
    """A subscription's buffer was full because its reader was too slow; it has ended."""

    group, code = "client", "subscription_overflow"

    def __init__(
        self,
        message: str = "The subscription's buffer is full; events were lost",
        *,
        metadata: object = None,
    ) -> None:
        super().__init__(message, metadata=metadata)
