"""Targets: from the address in a request to an actor class and one of its actors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from trivet.declare.definition import Definition
from trivet.declare.errors import ActionError
from trivet.declare.handle import Address
from trivet.declare.request import Request
from trivet.protocol.gateway import DirectTarget, GatewayTarget, QueryTarget
from trivet.protocol.messages import UNDEFINED
from trivet.runtime.namespaces import is_namespace
from trivet.runtime.runtime import Runtime
from trivet.server.service import Service

__all__ = [
    "check_namespace",
    "definition_named",
    "find_actor",
    "input_from_wire",
    "named_namespace",
    "not_now",
    "stopping",
]


async def find_actor(
    service: Service, target: GatewayTarget, request: Request
) -> tuple[Definition, Address]:
    """Find what a request is for, if it may reach that; nothing is created or woken.

    Args:
        service: The server.
        target: What its address names.
        request: The request, in the namespace that it names.

    Raises:
        Forbidden: If the actor's class does not let the request through.
        ActionError: ``actor.not_found`` if there is no actor of the id, or one of the errors below.
        ValidationError: If the input does not fit its type.
    """
    if isinstance(target, DirectTarget):
        actor_id = target.actor_id
        anywhere = named_namespace(target, request.headers) is None
        definition = await service.authorizer.find(actor_id, request, anywhere=anywhere)
        if definition is None:
            raise _not_found(actor_id)
        return definition, Address(actor_id=actor_id)
    definition = definition_named(service.runtime, target.name)
    await service.authorizer.check(definition, request, creates=target.create)
    given = input_from_wire(definition, target.input) if target.create else None
    return definition, Address(
        key=target.key, namespace=request.namespace, create=target.create, input=given
    )


def named_namespace(target: GatewayTarget, headers: Mapping[str, str]) -> str | None:
    """Return the namespace that a request for an actor names, if it names one.

    Args:
        target: The actor; an address by key always names one.
        headers: What the request says, by lower-case name.

    Raises:
        ActionError: ``namespace.not_found`` if none can be called so.
    """
    if isinstance(target, QueryTarget):
        return check_namespace(target.namespace)
    named = headers.get("x-rivet-namespace")
    return check_namespace(named) if named else None


def not_now(target: GatewayTarget | None, why: Literal["starting", "stopping"]) -> ActionError:
    """Make the error of an opening after which the official clients come back (section 7.4).

    Whoever knows the actor by its key does so without a word; for the others there is a code that
    makes them come back at all.
    """
    code = why if isinstance(target, QueryTarget) else "restarting"
    return ActionError(f"The server is {why}", group="actor", code=code)


def stopping(target: GatewayTarget | None) -> ActionError:
    """Make the error of a request that comes too late: nothing of it has been done.

    Whoever knows the actor by its key tries for seconds, raw requests and queues included; the
    others try an action a few times.
    """
    if isinstance(target, QueryTarget):
        return not_now(target, "stopping")
    return ActionError("The server is stopping", group="guard", code="service_unavailable")


def _not_found(actor_id: str) -> ActionError:
    metadata = {"actor_id": actor_id}
    return ActionError("Actor not found", group="actor", code="not_found", metadata=metadata)


def definition_named(runtime: Runtime, name: str) -> Definition:
    """Return the actor class of a name.

    Raises:
        ActionError: ``guard.unknown_actor_name``: clients retry ``actor.not_found``, which would
            be in vain.
    """
    definition = runtime.registry.definitions.get(name)
    if definition is None:
        message = f"The server has no actor class {name!r}"
        raise ActionError(
            message, group="guard", code="unknown_actor_name", metadata={"name": name}
        )
    return definition


def check_namespace(namespace: str) -> str:
    """Return a namespace; it is made by its first actor.

    Raises:
        ActionError: ``namespace.not_found`` if none can be called so.
    """
    if not is_namespace(namespace):
        message = "A namespace has up to 64 letters, digits, and . _ - behind the first"
        raise ActionError(message, group="namespace", code="not_found")
    return namespace


def input_from_wire(definition: Definition, given: Any) -> Any:
    """Return the input of a new actor; one that declares none ignores what is given.

    Raises:
        ValidationError: If it does not fit its type.
    """
    if definition.input is None or given is UNDEFINED:
        return None
    return definition.input.load(given)
