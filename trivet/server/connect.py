"""Connections over WebSocket: from an upgrade request to a link that serves an actor (section 6).

Rules this file keeps:

1. The upgrade is accepted whatever is wrong with it, for the official clients hang otherwise. What
   is wrong is told by an Error message and the close: 1011 with ``group.code`` as its reason.
2. Between a frame of the client and the actor there is one plain call, and nothing that waits.
3. The runtime hears of the end of a link exactly once, however it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import trio

from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.declare.interfaces import CloseCause
from trivet.declare.request import Request
from trivet.link.ending import ClosedBy, Ending
from trivet.link.transport import Transport
from trivet.logs import about
from trivet.protocol.close import CloseCode, CloseReason
from trivet.protocol.errors import DecodingError, IncomingTooLong, RemoteProtocolError
from trivet.protocol.faults import fault_of
from trivet.protocol.gateway import GatewayTarget, parse_gateway
from trivet.protocol.handshake import SocketOffer, socket_target
from trivet.protocol.messages import UNDEFINED
from trivet.protocol.server import ServerConnection
from trivet.runtime.inbox import Inbox
from trivet.runtime.namespaces import DEFAULT
from trivet.runtime.socket_inbox import check_served
from trivet.server.answers import RequestError
from trivet.server.encoder import encoder_of
from trivet.server.head import Head
from trivet.server.origins import foreign_origin
from trivet.server.raw_websocket import PREFIX, attach_raw, is_raw_address, raw_link
from trivet.server.requests import raw_request_of, request_of
from trivet.server.router import without_base_path
from trivet.server.service import ClientLink, Service
from trivet.server.targets import find_actor, named_namespace, not_now
from trivet.server.upgrade import Upgrade

__all__ = ["Session", "open_session", "refuse_session"]

NO_REQUEST: Final = Request(intent="connect")
"""Stands for a request that no hook will ask for, so that no link keeps its headers."""

FLOODING: Final = "connection.flooding"

_CAUSES: Final[dict[ClosedBy, CloseCause]] = {
    "client": "client",
    "server": "server",
    "network": "network",
    "keepalive": "network",
    "slow_consumer": "slow_consumer",
    "protocol": "server",
}

Receive = Callable[[str | bytes], None]


@attrs.frozen
class _Visit:
    """A client that has been found in order.

    Attributes:
        params: Connection params, checked.
        request: What the hooks see of it.
        is_raw: Whether it comes for a raw WebSocket.
    """

    definition: Definition
    address: Address
    params: object
    request: Request
    is_raw: bool


class Session:
    """A link that serves one client.

    Args:
        service: The server.
        link: The link, not yet running.
        receive: Takes the client's messages.
        inbox: What the runtime made for it; ``None`` if the client was refused.
    """

    __slots__ = ("_inbox", "_link", "_receive", "_service")

    def __init__(
        self, service: Service, link: ClientLink[Any], receive: Receive, inbox: Inbox | None
    ) -> None:
        self._service = service
        self._link = link
        self._receive = receive
        self._inbox = inbox

    async def run(self) -> None:
        """Serve the link until its socket is closed."""
        service, link = self._service, self._link
        service.links.add(link)
        service.keepalive.add(link)
        try:
            await link.run(self._receive)
        finally:
            service.links.discard(link)
            service.keepalive.discard(link)
            _count(service, link)
            if self._inbox is not None:
                assert link.ending is not None  # it has run
                self._inbox.lost(_cause(link.ending))


async def open_session(
    service: Service, transport: Transport, upgrade: Upgrade, when_decided: Callable[[], None]
) -> Session:
    """Let a client in, or make a link that tells it why not.

    Args:
        service: The server.
        transport: The client's connection.
        upgrade: Its request.
        when_decided: Called when the actor's hooks have let it in, or not.
    """
    try:
        visit = await _visit(service, upgrade)
    except Exception as error:  # the connection's firewall: the client gets it
        return refuse_session(service, transport, upgrade, error)
    definition = visit.definition
    if visit.is_raw:
        raw, raw_inbox = attach_raw(
            service,
            transport,
            upgrade,
            definition,
            visit.address,
            params=visit.params,
            request=visit.request,
            when_decided=when_decided,
        )
        return Session(service, raw, _raw_receiver(raw_inbox), raw_inbox)
    limits = service.runtime.limits_of(definition)
    encoder = encoder_of(upgrade.offer.encoding, limits.message_out)
    link = ClientLink(
        transport,
        upgrade.handshake,
        encoder=encoder,
        limits=service.limits_of_links(definition),
        received=upgrade.received,
    )
    link.farewells = service.farewells
    inbox = service.runtime.attach(
        link,
        definition,
        visit.address,
        params=visit.params,
        request=visit.request,
        when_decided=when_decided,
    )
    machine = ServerConnection(encoder.codec, max_incoming=limits.message_in)
    receiver = _Receiver(service, link, machine, inbox)
    receive = receiver.receive_binary if encoder.codec.binary else receiver.receive_text
    return Session(service, link, receive, inbox)


async def _visit(service: Service, upgrade: Upgrade) -> _Visit:
    offer, head = upgrade.offer, upgrade.head
    if not service.origins.allows(head):
        service.count("origin_refused")
        raise foreign_origin()
    if offer.refusal is not None:
        raise offer.refusal
    target, path, query = _target(service, head, offer)
    is_raw = path != "/connect"
    if service.stopping.begun:
        raise not_now(target, "stopping")
    token = target.token or offer.token
    request = request_of(
        head,
        path,
        query,
        intent="connect",
        namespace=named_namespace(target, head.headers) or DEFAULT,
        secure=service.secure,
        token=token,
    )
    if is_raw:
        request = raw_request_of(request, PREFIX)
    with trio.move_on_after(service.limits.opening_time):
        definition, address = await find_actor(service, target, request)
        if is_raw:
            check_served(definition)
        limit = service.runtime.limits_of(definition).params
        if offer.params_size > limit:
            raise IncomingTooLong(offer.params_size, limit)
        params = definition.params_from_wire(None if offer.params is UNDEFINED else offer.params)
        hears = definition.has_connect_hooks or is_raw
        return _Visit(definition, address, params, request if hears else NO_REQUEST, is_raw)
    raise not_now(target, "starting")


def _target(service: Service, head: Head, offer: SocketOffer) -> tuple[GatewayTarget, str, str]:
    address = without_base_path(service, head.address)
    path, _, query = address.partition("?")
    target: GatewayTarget | None = socket_target(path, offer)
    gateway = parse_gateway(address)
    if gateway is not None:
        target, path, query = gateway.target, gateway.path, gateway.query
    if target is not None and (path == "/connect" or f"{path}/".startswith("/websocket/")):
        return target, path, query
    raise RequestError("There is nothing at this address", code="not_found")


def refuse_session(
    service: Service, transport: Transport, upgrade: Upgrade, error: Exception
) -> Session:
    """Make a link that tells a client why it cannot connect."""
    service.count("opening_refused")
    subject = about(peer=upgrade.head.peer)
    fault = fault_of(error, where="opening a connection", subject=subject)
    if is_raw_address(without_base_path(service, upgrade.head.address)):
        link: ClientLink[Any] = raw_link(service, transport, upgrade, service.limits)
    else:
        encoder = encoder_of(upgrade.offer.encoding, service.limits.message_out)
        limits = service.bounds_of_links(service.limits)
        link = ClientLink(transport, upgrade.handshake, encoder=encoder, limits=limits)
        link.farewells = service.farewells
    link.push(link.encoder.failure(None, fault))
    code = error.close_code if isinstance(error, RemoteProtocolError) else CloseCode.INTERNAL_ERROR
    link.close(code, str(CloseReason(fault.group, fault.code)))
    return Session(service, link, _ignore, None)


def _ignore(message: str | bytes) -> None:
    """Take no message: the link is closing."""


def _raw_receiver(inbox: Inbox) -> Receive:
    """Return what takes a client's plain messages."""
    keep = inbox.receive
    return lambda message: keep(message, len(message))


class _Receiver:
    """Takes one client's messages: each method is a plain function, called for each of them."""

    __slots__ = ("_inbox", "_link", "_machine", "_service")

    def __init__(
        self, service: Service, link: ClientLink[Any], machine: ServerConnection, inbox: Inbox
    ) -> None:
        self._service = service
        self._link = link
        self._machine = machine
        self._inbox = inbox

    def receive_binary(self, message: str | bytes) -> None:
        """Take a message of an encoding whose messages are binary."""
        try:
            if isinstance(message, str):
                raise DecodingError("A message must be binary")
            decoded = self._machine.receive(message)
        except RemoteProtocolError as error:
            self._reject(error)
            return
        if decoded is not None:
            self._inbox.receive(decoded, len(message))

    def receive_text(self, message: str | bytes) -> None:
        """Take a message of an encoding whose messages are text."""
        try:
            if isinstance(message, bytes):
                raise DecodingError("A message must be text")
            data = message.encode()
            decoded = self._machine.receive(data)
        except RemoteProtocolError as error:
            self._reject(error)
            return
        if decoded is not None:
            self._inbox.receive(decoded, len(data))

    def _reject(self, error: RemoteProtocolError) -> None:
        self._service.count("message_malformed")
        self._link.close(error.close_code, str(CloseReason(error.group, error.code)))


def _count(service: Service, link: ClientLink[Any]) -> None:
    """Count how a link ended, if that was not in peace, and what it dropped."""
    if link.dropped:
        service.count("frame_dropped", link.dropped)
    match link.ending and link.ending.by:
        case "keepalive":
            service.count("client_vanished")
        case "slow_consumer":
            service.count("slow_consumer")
        case "protocol":
            service.count("protocol_violated")
        case _:
            pass


def _cause(ending: Ending) -> CloseCause:
    return "flooding" if ending.reason == FLOODING else _CAUSES[ending.by]
