"""Faults: errors as they leave the process. The one place where they are masked.

An error that trivet or an application raised on purpose (``trivet.Error``) passes, with texts and
metadata as any client would get them. Every other exception becomes ``rivetkit.internal_error``
with a generic text and a random id; its traceback goes to the log under the same id, so that none
of its text leaves the process.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import cast

import attrs

from trivet.declare.errors import (
    RUNTIME_GROUPS,
    ActionError,
    CallCycleError,
    ConnectionClosed,
    ConnectionLost,
    ConnStateNotEnabled,
    Error,
    Forbidden,
    NoConnectionError,
    StateNotEnabled,
    UserError,
    ValidationError,
    WouldDeadlockError,
)
from trivet.logs import Throttled, about, printable
from trivet.protocol import cbor
from trivet.protocol.errors import DecodingError, EncodingError

__all__ = ["ERROR_HEADER", "NOBODY", "Fault", "error_of", "fault_of", "http_status"]

throttled = Throttled(logging.getLogger("trivet.errors"))

ERROR_HEADER = "x-rivet-error"
"""The header by which clients tell an error from an actor's own response."""

INTERNAL_TEXT = "An internal error occurred"

NOBODY: Mapping[str, str] = MappingProxyType({})


@attrs.frozen
class Fault:
    """An error in its form for the outside.

    Attributes:
        group: Which part reports it.
        code: What happened.
        message: A text for people.
        metadata: Whatever else was given, or ``None``.
    """

    group: str
    code: str
    message: str
    metadata: object = None

    @property
    def reason(self) -> str:
        """The ``group.code`` form of close reasons and headers."""
        return f"{self.group}.{self.code}"


def fault_of(error: BaseException, *, where: str, subject: Mapping[str, str] = NOBODY) -> Fault:
    """Turn an exception into what the outside may see of it.

    Args:
        error: What was raised. Of an exception group whose leaves are all trivet's errors or
            cancellations, the first error counts.
        where: What was running, for the log.
        subject: Who it is about, as fields for the log.
    """
    known = _known(error)
    if known is not None:
        metadata = _as_sent(known.metadata, where, subject)
        return Fault(known.group, known.code, known.message, metadata)
    error_id = secrets.token_hex(8)
    throttled.error(
        _origin(error),
        "%s failed (error %s)",
        printable(where),
        error_id,
        extra={**subject, **about(error_id=error_id)},
        error=error,
    )
    return Fault("rivetkit", "internal_error", INTERNAL_TEXT, {"error_id": error_id})


def _known(error: BaseException) -> Error | None:
    leaves = [leaf for leaf in _leaves(error) if isinstance(leaf, Exception)]
    first = leaves[0] if leaves else None
    if isinstance(first, Error) and all(isinstance(leaf, Error) for leaf in leaves):
        return first if _are_texts(first.group, first.code, first.message) else None
    return None


def _are_texts(*values: object) -> bool:
    """Whether an error says what its types promise; else it cannot be sent and is a mistake."""
    return all(isinstance(value, str) for value in values)


def _origin(error: BaseException) -> object:
    """Tell mistakes apart by where they are in the code, which no client can make up."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = traceback and (traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
    return type(error), place


def _as_sent(metadata: object, where: str, subject: Mapping[str, str]) -> object:
    """Return metadata as it arrives: the receiver's own, ``None`` if it cannot be sent."""
    if metadata is None:
        return None
    try:
        return cbor.decode(cbor.encode(metadata, cbor.NATIVE), cbor.NATIVE, counted=False)
    except (EncodingError, DecodingError) as problem:
        throttled.warning(
            "metadata",
            "%s: an error goes without its metadata: %s",
            printable(where),
            problem,
            extra={**subject},
        )
        return None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        for inner in group.exceptions:
            yield from _leaves(inner)
    else:
        yield error


_CLASSES: dict[tuple[str, str], type[Error]] = {
    (cls.group, cls.code): cls
    for cls in (
        CallCycleError,
        ConnectionClosed,
        ConnectionLost,
        ConnStateNotEnabled,
        Forbidden,
        NoConnectionError,
        StateNotEnabled,
        ValidationError,
        WouldDeadlockError,
    )
}


def error_of(fault: Fault) -> Error:
    """Make the exception that a caller gets: always a fresh one, the same for every transport."""
    cls = _CLASSES.get((fault.group, fault.code))
    if cls is not None:
        return cls(fault.message, metadata=fault.metadata)
    if fault.group in RUNTIME_GROUPS:
        return ActionError(
            fault.message, group=fault.group, code=fault.code, metadata=fault.metadata
        )
    error = UserError(fault.message, code=fault.code, metadata=fault.metadata)
    error.group = fault.group
    return error


_STATUS = {
    ("auth", "forbidden"): 403,
    ("actor", "action_not_found"): 404,
    ("actor", "not_found"): 404,
    ("actor", "destroyed"): 404,
    ("actor", "method_not_allowed"): 405,
    ("actor", "action_timed_out"): 408,
    ("actor", "invalid_request"): 400,
    ("actor", "validation_error"): 400,
    ("actor", "duplicate_key"): 400,
    ("actor", "overloaded"): 503,
    ("actor", "starting"): 503,
    ("actor", "restarting"): 503,
    ("actor", "stopping"): 503,
    ("actor", "unavailable"): 503,
    ("api", "not_found"): 404,
    ("guard", "service_unavailable"): 503,
    ("guard", "unfinished_full"): 503,
}


def http_status(fault: Fault) -> int:
    """Return the HTTP status that goes with a fault (client protocol, section 7.1)."""
    status = _STATUS.get((fault.group, fault.code))
    if status is not None:
        return status
    if fault.group in {"message", "queue", "guard", "api"}:
        return 400
    return 500
