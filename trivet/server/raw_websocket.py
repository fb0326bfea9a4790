"""Raw WebSockets: from an upgrade request to a link whose messages an actor reads as they are.

A client needs no subprotocol for it; official ones offer ``rivet``, which is selected then. Who is
refused hears it from the close alone, for an Error message would be taken for the actor's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import attrs

from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.declare.options import Limits
from trivet.declare.request import Request
from trivet.link.limits import HARD_LIMIT
from trivet.link.transport import Transport
from trivet.runtime.socket_inbox import SocketInbox
from trivet.server.raw_link import RawEncoder, RawLink
from trivet.server.service import Service
from trivet.server.upgrade import Upgrade

__all__ = ["PREFIX", "attach_raw", "is_raw_address", "raw_link"]

PREFIX: Final = "/websocket"

_is_raw = re.compile(r"(?:/gateway/[^/]+)?/websocket(?:/.*)?").fullmatch


def is_raw_address(address: str) -> bool:
    """Whether an upgrade is for a raw WebSocket, wherever else its address leads."""
    return _is_raw(address.partition("?")[0]) is not None


def attach_raw(
    service: Service,
    transport: Transport,
    upgrade: Upgrade,
    definition: Definition,
    address: Address,
    *,
    params: object,
    request: Request,
    when_decided: Callable[[], None],
) -> tuple[RawLink, SocketInbox]:
    """Make the link of a client, and begin to open its connection.

    Args:
        service: The server.
        transport: The client's connection.
        upgrade: Its request.
        definition: The actor's class.
        address: Which actor.
        params: Connection params, checked.
        request: What the client sent, as the actor sees it.
        when_decided: Called when the actor's hooks have let it in, or not.
    """
    link = raw_link(service, transport, upgrade, service.runtime.limits_of(definition))
    inbox = service.runtime.attach_socket(
        link,
        definition,
        address,
        params=params,
        request=request,
        when_decided=when_decided,
    )
    return link, inbox


def raw_link(service: Service, transport: Transport, upgrade: Upgrade, limits: Limits) -> RawLink:
    """Make a link for plain messages."""
    link = RawLink(
        transport,
        upgrade.handshake,
        encoder=RawEncoder(limits.frame),
        limits=attrs.evolve(
            service.bounds_of_links(limits), message_size=min(limits.frame, HARD_LIMIT)
        ),
        received=upgrade.received,
    )
    link.farewells = service.farewells
    return link
