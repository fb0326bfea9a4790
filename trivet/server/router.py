"""The router: from a method and a path to what answers, by two tables.

The first is for the server's own paths, the second for what stands behind the address of an actor,
``{G}`` in the client protocol (sections 1 and 4). Every path is served under the base path, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs
import trio

from trivet.declare.errors import Error
from trivet.logs import about
from trivet.protocol.faults import fault_of
from trivet.protocol.gateway import GatewayTarget, parse_gateway
from trivet.protocol.handshake import target_of_headers
from trivet.server.actors import create_actor, get_or_create_actor, list_actors
from trivet.server.answers import Answer, RequestError, not_built, refusal
from trivet.server.calls import answer_call
from trivet.server.exchange import Exchange, Handler
from trivet.server.head import Head
from trivet.server.http import ReadBody
from trivet.server.managing import destroy_actor, put_actor_to_sleep
from trivet.server.origins import foreign_origin, preflight, with_cors
from trivet.server.pages import (
    actor_health,
    actor_metadata,
    actor_root,
    server_health,
    server_metadata,
    upgrade_required,
)
from trivet.server.queues import answer_message
from trivet.server.raw_http import answer_request
from trivet.server.service import Service
from trivet.server.targets import stopping

__all__ = ["respond", "without_base_path"]


def _not_built(feature: str) -> Handler:
    async def refuse(exchange: Exchange) -> Answer:
        raise not_built(feature)

    return refuse


@attrs.frozen
class _Route:
    """A path, with at most one part in brackets left open, and what answers each method."""

    path: re.Pattern[str]
    handlers: Mapping[str, Handler]


EVERY_METHOD = "*"

_SERVER = (
    _Route(re.compile("/metadata"), {"GET": server_metadata}),
    _Route(re.compile("/health"), {"GET": server_health}),
    _Route(
        re.compile("/actors"),
        {"GET": list_actors, "PUT": get_or_create_actor, "POST": create_actor},
    ),
    _Route(re.compile("/actors/([^/]+)"), {"DELETE": destroy_actor}),
    _Route(re.compile("/actors/([^/]+)/sleep"), {"POST": put_actor_to_sleep}),
)

_ACTOR = (
    _Route(re.compile("/action/([^/]+)"), {"POST": answer_call}),
    _Route(re.compile("/connect"), {"GET": upgrade_required}),
    _Route(re.compile("/websocket(?:/.*)?"), {"GET": upgrade_required}),
    _Route(re.compile("/queue/([^/]+)"), {"POST": answer_message}),
    _Route(re.compile("/request(?:/.*)?"), {EVERY_METHOD: answer_request}),
    _Route(re.compile("/inspector(?:/.*)?"), {EVERY_METHOD: _not_built("inspector")}),
    _Route(re.compile("/metrics"), {"GET": _not_built("metrics")}),
    _Route(re.compile("/"), {"GET": actor_root}),
    _Route(re.compile("/health"), {"GET": actor_health}),
    _Route(re.compile("/metadata"), {"GET": actor_metadata}),
)


async def respond(service: Service, head: Head, read: ReadBody) -> Answer:
    """Answer a request.

    Args:
        service: The server.
        head: The request.
        read: Reads its body, up to a number of bytes.
    """
    if not service.origins.allows(head):
        service.count("origin_refused")
        return refusal(fault_of(foreign_origin(), where="origin"))
    try:
        answer = await _respond(service, head, read)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise
    except Exception as error:  # the connection's firewall: the client gets it
        service.count("request_refused")
        subject = about(peer=head.peer)
        answer = refusal(fault_of(error, where=f"{head.method} {head.path}", subject=subject))
        if isinstance(error, RequestError):
            answer = attrs.evolve(answer, headers={**answer.headers, **error.headers})
    return attrs.evolve(answer, headers=with_cors(answer.headers, head))


async def _respond(service: Service, head: Head, read: ReadBody) -> Answer:
    if head.method == "OPTIONS":
        return preflight(head)
    address = without_base_path(service, head.address)
    gateway = parse_gateway(address)
    path, _, query = address.partition("?")
    target: GatewayTarget | None = target_of_headers(path, head.headers)
    if gateway is not None:
        path, query, target = gateway.path, gateway.query, gateway.target
    if service.stopping.begun:
        raise stopping(target)
    table = _SERVER if target is None else _ACTOR
    handler, name = _find(table, head.method, path)
    exchange = Exchange(
        service=service, head=head, path=path, query=query, read=read, target=target, name=name
    )
    return await handler(exchange)


def _find(table: tuple[_Route, ...], method: str, path: str) -> tuple[Handler, str]:
    """Return what answers, and the part of the path that its route leaves open."""
    for route in table:
        match = route.path.fullmatch(path)
        if match is None:
            continue
        wanted = "GET" if method == "HEAD" else method
        handler = route.handlers.get(wanted) or route.handlers.get(EVERY_METHOD)
        if handler is None:
            raise _not_allowed(method, path, route)
        return handler, match[1] if route.path.groups else ""
    raise RequestError("There is nothing at this address", code="not_found")


def _not_allowed(method: str, path: str, route: _Route) -> Error:
    return RequestError(
        "The address does not take this method",
        group="actor",
        code="method_not_allowed",
        metadata={"method": method, "path": path},
        headers={"allow": ", ".join(route.handlers)},
    )


def without_base_path(service: Service, address: str) -> str:
    """Return an address without the server's base path, if it has that."""
    base = service.settings.base_path
    if base and (address.startswith((f"{base}/", f"{base}?")) or address == base):
        rest = address.removeprefix(base)
        return rest if rest.startswith("/") else f"/{rest}"
    return address
