"""What only the operator may do to an actor of an id: destroy it, and put it to sleep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from trivet.declare.definition import Definition
from trivet.declare.errors import ActionError
from trivet.declare.handle import Address
from trivet.server.actors import namespace_in
from trivet.server.answers import Answer, json_answer
from trivet.server.exchange import Exchange, Handler

__all__ = ["destroy_actor", "put_actor_to_sleep"]

Managing: TypeAlias = Callable[[Exchange, Definition], Awaitable[None]]


async def _destroy(exchange: Exchange, definition: Definition) -> None:
    try:
        await exchange.service.runtime.destroy(definition, Address(actor_id=exchange.name))
    except ActionError as error:
        if error.code != "not_found":  # else somebody was faster
            raise


async def _put_to_sleep(exchange: Exchange, definition: Definition) -> None:
    await exchange.service.runtime.put_away(definition, Address(actor_id=exchange.name))


def _managed(manage: Managing, *, must_exist: bool) -> Handler:
    """Let only the operator do it, and the actor's class have a say.

    Args:
        manage: Does it.
        must_exist: Whether it is an error if there is no such actor.
    """

    async def managed(exchange: Exchange) -> Answer:
        service = exchange.service
        service.admin.check(exchange.head)
        namespace = namespace_in(exchange.query)
        request = exchange.request("manage", namespace)
        definition = await service.authorizer.find(
            exchange.name, request, anywhere=namespace is None
        )
        if definition is not None:
            await manage(exchange, definition)
        elif must_exist:
            raise ActionError("Actor not found", group="actor", code="not_found")
        return json_answer({})

    return managed


destroy_actor = _managed(_destroy, must_exist=False)
"""``DELETE /actors/{id}``: destroy an actor; the answer comes when it is gone."""

put_actor_to_sleep = _managed(_put_to_sleep, must_exist=True)
"""``POST /actors/{id}/sleep``: put an actor to sleep, if it is awake; then the answer comes."""
