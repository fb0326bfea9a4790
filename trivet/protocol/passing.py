"""Errors that an actor's code passes on: they come from a call of its own, to another actor.

RivetKit's clients repeat a request, up to 60 times, that is answered with certain errors, because
these say that nothing of it was done (client protocol, 7.3); they look at group and code alone. Out
of an action or a hook that has run they say nothing of the kind. So over HTTP such an error is
wrapped into ``actor.call_failed``, whose metadata has its group and code; trivet's client takes it
out again. The metadata of an error may name the key of the other actor: it goes no further.
"""

from __future__ import annotations

from typing import cast

import attrs

from trivet.protocol.faults import Fault

__all__ = ["RESTARTING", "passed_on", "unwrapped", "wrapped"]

WRAPPER = "actor.call_failed"

RESTARTING = "actor.restarting"

_REPEATED_OF_ACTORS = frozenset(
    {"not_found", "starting", "stopping", "not_configured", "dropped_reply", "destroying"}
    | {"restarting"}
)
_REPEATED_OF_GATEWAYS = frozenset(
    {"service_unavailable", "actor_wake_retries_exceeded", "actor_stopped_while_waiting"}
    | {"tunnel_request_aborted", "tunnel_message_timeout", "tunnel_response_closed"}
    | {"gateway_response_start_timeout", "actor_ready_timeout", "actor_runner_failed"}
)

# They say which actor they are about: to whoever called it, that is, and to nobody else.
_TELLING = {
    "actor.not_found": "Actor not found",
    "actor.duplicate_key": "The key of an actor is taken",
}


def passed_on(fault: Fault) -> Fault:
    """Return an error without the key of the actor that it came from."""
    message = _TELLING.get(fault.reason)
    return fault if message is None else attrs.evolve(fault, message=message, metadata=None)


def wrapped(fault: Fault) -> Fault:
    """Return an error that has come out of an actor's code as HTTP clients may be told of it."""
    fault = passed_on(fault)
    if not _is_repeated(fault):
        return fault
    inner = {"group": fault.group, "code": fault.code}
    return Fault("actor", "call_failed", fault.message, inner)


def unwrapped(fault: Fault) -> Fault:
    """Return the error that ``wrapped`` was given."""
    metadata = fault.metadata
    if fault.reason != WRAPPER or not isinstance(metadata, dict):
        return fault
    inner = cast("dict[object, object]", metadata)
    group, code = inner.get("group"), inner.get("code")
    if not (isinstance(group, str) and isinstance(code, str)):
        return fault
    return Fault(group, code, fault.message)


def _is_repeated(fault: Fault) -> bool:
    if fault.group == "guard":
        return fault.code in _REPEATED_OF_GATEWAYS
    is_gone = fault.code in _REPEATED_OF_ACTORS or fault.code.startswith("destroyed_")
    return fault.group == "actor" and is_gone
