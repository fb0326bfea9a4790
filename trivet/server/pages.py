"""The small answers: metadata and health, of the server and of an actor."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

import attrs

from trivet.server.answers import Answer, RequestError, json_answer, text_answer
from trivet.server.exchange import Exchange
from trivet.server.targets import find_actor

__all__ = [
    "actor_health",
    "actor_metadata",
    "actor_root",
    "server_health",
    "server_metadata",
    "upgrade_required",
]

RUNTIME = "trivet"


@cache
def _version() -> str:
    try:
        return version("trivet")
    except PackageNotFoundError:  # it runs from its sources
        return "0"


async def server_metadata(exchange: Exchange) -> Answer:
    """Answer the first request of every client; nothing in it is required (section 2).

    The HTTP connection ends with it. Left open and idle it would be a trap: should this process
    be killed, a client of node that comes back at once may send its upgrade there, before it hears
    that this connection is dead as well, and would never try again.
    """
    told = {"runtime": RUNTIME, "version": _version()}
    if exchange.service.settings.client_endpoint is not None:
        told["clientEndpoint"] = exchange.service.settings.client_endpoint
    answer = json_answer(told)
    return attrs.evolve(answer, headers={**answer.headers, "connection": "close"})


async def server_health(exchange: Exchange) -> Answer:
    """Say that the server serves, or with 503 what keeps it from that."""
    about_us = {"runtime": RUNTIME, "version": _version()}
    problem = exchange.service.problem
    if problem is None:
        return json_answer({**about_us, "status": "ok"})
    exchange.service.count("health_failing")
    return json_answer({**about_us, "status": "failing", "reason": problem}, 503)


async def actor_root(exchange: Exchange) -> Answer:
    """Say what is here."""
    await _wake(exchange)
    return text_answer("This is a trivet actor.\n")


async def actor_health(exchange: Exchange) -> Answer:
    """Say that the actor is awake."""
    await _wake(exchange)
    return text_answer("ok")


async def actor_metadata(exchange: Exchange) -> Answer:
    """Describe what runs the actor."""
    await _wake(exchange)
    return json_answer({"runtime": RUNTIME, "type": "local", "version": _version()})


async def upgrade_required(exchange: Exchange) -> Answer:
    """Say that this address is for WebSockets."""
    raise RequestError(
        "This address is for WebSockets only",
        code="upgrade_required",
        headers={"upgrade": "websocket"},
    )


async def _wake(exchange: Exchange) -> None:
    assert exchange.target is not None
    definition, address = await find_actor(
        exchange.service, exchange.target, exchange.request("get")
    )
    await exchange.service.runtime.directory.awake(definition, address)
