"""Actors of another process: calls over HTTP, connections over WebSockets.

Calls are in bare: it alone carries every value to RivetKit's own server, which reads of cbor what
JSON can say.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NoReturn
from urllib.parse import quote

import attrs
import trio

from trivet.client.answers import check_answer, names_actor
from trivet.client.connection import fresh_params, open_connection
from trivet.client.counts import Counts
from trivet.client.deadline import milliseconds_left
from trivet.client.endpoint import Endpoint, StreamOpener, opener, parse_endpoint
from trivet.client.http import HttpPool, HttpRequest, HttpResponse
from trivet.client.lookup import Lookup
from trivet.client.network_queue import encoded_message, wait_for_result
from trivet.client.raw_http import fetch
from trivet.client.raw_websocket import open_websocket
from trivet.client.reconnect import repeat_delay
from trivet.client.values import WireValues
from trivet.client.websocket import WebSocketDialer
from trivet.declare.action import Action
from trivet.declare.definition import Definition
from trivet.declare.errors import ActionError, Error
from trivet.declare.features import not_built
from trivet.declare.fetching import StreamedResponse
from trivet.declare.handle import Address, LiveTarget
from trivet.declare.keys import InvalidKeyError, check_key
from trivet.declare.queue import Queue
from trivet.declare.registry import definition_of
from trivet.declare.request import Request
from trivet.declare.web_socket import ClientWebSocket
from trivet.declare.wire_names import Naming
from trivet.protocol.codec import CODECS
from trivet.protocol.errors import DecodingError, OutgoingTooLong
from trivet.protocol.gateway import DirectTarget, GatewayTarget, QueryTarget, gateway_url
from trivet.protocol.handshake import CallHeaders, call_headers, subprotocols
from trivet.protocol.messages import HttpActionRequest
from trivet.runtime.call import current_deadline

__all__ = ["NetworkTarget", "NetworkTransport", "open_network_transport"]

CODEC = CODECS["bare"]


@asynccontextmanager
async def open_network_transport(
    url: str,
    *,
    connect: StreamOpener | None = None,
    ssl_context: ssl.SSLContext | None = None,
    naming: Naming | None = None,
) -> AsyncGenerator[NetworkTransport]:
    """Open a way to a server; nothing is sent before it is needed.

    Args:
        url: ``http`` or ``https``, host and port, optionally a base path, and the namespace and
            the token of the client as ``namespace:token@`` before the host.
        connect: Opens a stream to the server instead of TCP, for tests and tunnels.
        ssl_context: For ``https``; by default the system's certificates count.
        naming: The server's rule for names on the wire, as its registry has it.

    Raises:
        ValueError: If the URL is no server's.
    """
    endpoint = parse_endpoint(url)
    connect = opener(endpoint, connect, ssl_context)
    pool, waiting_pool = (HttpPool(connect, endpoint.authority) for _ in range(2))
    try:
        yield NetworkTransport(endpoint, connect, pool, waiting_pool, naming)
    finally:
        await pool.aclose()
        await waiting_pool.aclose()


class NetworkTransport:
    """Reaches the actors of one server.

    Args:
        endpoint: The server.
        connect: Connects to it.
        pool: Sends it requests.
        waiting_pool: Sends those that may wait for long, and must not keep others from being sent.
        naming: Its rule for names on the wire.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        connect: StreamOpener,
        pool: HttpPool,
        waiting_pool: HttpPool,
        naming: Naming | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.connect = connect
        self.pool = pool
        self.waiting_pool = waiting_pool
        self.lookup = Lookup(endpoint, pool)
        self.counts = Counts()
        self._naming = naming

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped, or had to be done again."""
        return self.counts.counters

    def target(self, actor: type[Any], address: Address, /) -> NetworkTarget:
        """Address an actor.

        Raises:
            TypeError: If the class is no actor, or takes no input and is given one.
            ValueError: If the key breaks a limit.
        """
        definition = definition_of(actor, self._naming)
        definition.check_takes(address.input)
        check_key(address.key)
        return NetworkTarget(self, definition, address)

    async def create(self, actor: type[Any], key: tuple[str, ...], input: Any, /) -> str:
        """Create an actor and return its id."""
        definition = definition_of(actor, self._naming)
        definition.check_takes(input)
        given = WireValues(definition).input(input)
        return await self.lookup.create(definition.name, check_key(key), given)


class NetworkTarget:
    """One addressed actor of a server."""

    def __init__(
        self, transport: NetworkTransport, definition: Definition, address: Address
    ) -> None:
        self._transport = transport
        self._definition = definition
        self._address = address
        self._values = WireValues(definition)
        self._route: GatewayTarget | None = None

    async def call(
        self,
        action: Action[Any, ..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        params: object,
        /,
    ) -> Any:
        """Call an action."""
        method = self._definition.method(action)
        arguments = self._values.arguments(method, args, kwargs)
        return self._values.result(method, await self._call(method.name, arguments, params))

    async def call_by_name(self, name: str, args: tuple[Any, ...], params: object, /) -> Any:
        """Call an action by its name on the wire, with wire values."""
        arguments = self._values.named_arguments(name, args)
        return self._values.named_result(name, await self._call(name, arguments, params))

    async def send(self, queue: Queue[Any, Any], body: Any, params: object, waits: bool, /) -> Any:
        """Put a message into a queue."""
        binding = self._definition.queue(queue)
        data = encoded_message(binding, body, waits=waits)
        sent = self._values.params(await fresh_params(params))
        path = f"/queue/{quote(binding.name, safe='')}"
        if not waits:
            check_answer(await self._request(path, CallHeaders("bare", sent), data))
            return None

        async def ask(headers: CallHeaders, body: bytes) -> HttpResponse:
            return await self._request(
                path, attrs.evolve(headers, params=sent), body, pool=self._transport.waiting_pool
            )

        return await wait_for_result(ask, binding, data)

    async def resolve(self) -> str:
        """Return the actor's id."""
        address, lookup, name = self._address, self._transport.lookup, self._definition.name
        if address.actor_id is not None:
            return await lookup.check(name, address.actor_id)
        if not address.create:
            return await lookup.find(name, address.key)
        given = self._values.input(address.input)
        return await lookup.get_or_create(name, address.key, given)

    def connect(self, params: object, /) -> AbstractAsyncContextManager[LiveTarget]:
        """Open a connection."""
        transport = self._transport
        counts = Counts(transport.counts)
        dialer = WebSocketDialer(
            transport.endpoint,
            transport.connect,
            self._values,
            self.route,
            creates=self._address.create,
            count=counts.count,
        )
        return open_connection(dialer, self, params, counts)

    @asynccontextmanager
    async def fetch(self, request: Request, params: object, /) -> AsyncGenerator[StreamedResponse]:
        """Send a raw HTTP request."""
        transport, creates = self._transport, self._address.create
        sent = self._values.params(await fresh_params(params))
        async with fetch(
            transport.endpoint, transport.pool, self.route, request, sent, creates=creates
        ) as response:
            yield response

    @asynccontextmanager
    async def websocket(
        self, request: Request, params: object, /
    ) -> AsyncGenerator[ClientWebSocket]:
        """Open a raw WebSocket."""
        transport = self._transport
        offered = subprotocols("bare", params=self._values.params(await fresh_params(params)))
        address = gateway_url(await self.route(), f"/websocket{request.path}", request.query)
        path = transport.endpoint.base_path + address
        opening = open_websocket(
            transport.endpoint, transport.connect, path, offered, transport.counts.count
        )
        async with opening as socket:
            yield socket

    def watch(self) -> NoReturn:
        """Refuse to follow the actor's life."""
        not_built("watching of actors over a network")

    async def route(self) -> GatewayTarget:
        """Return how a URL names the actor, asking the server where a key fits into none."""
        if self._route is not None:
            return self._route
        address, endpoint = self._address, self._transport.endpoint
        if address.actor_id is not None:
            self._route = DirectTarget(address.actor_id, endpoint.token)
            return self._route
        query = QueryTarget(
            self._definition.name,
            address.key,
            address.create,
            self._values.input(address.input),
            endpoint.namespace,
            token=endpoint.token,
        )
        try:
            gateway_url(query)
        except (InvalidKeyError, OutgoingTooLong):
            # Not remembered: another actor may have the key when this one is destroyed.
            return DirectTarget(await self.resolve(), endpoint.token)
        self._route = query
        return query

    async def _call(self, name: str, arguments: list[Any], params: object) -> Any:
        body = CODEC.encode_action_request(HttpActionRequest(arguments))
        sent = self._values.params(await fresh_params(params))
        path = f"/action/{quote(name, safe='')}"
        return _output(await self._request(path, CallHeaders("bare", sent), body))

    async def _request(
        self, path: str, headers: CallHeaders, body: bytes, pool: HttpPool | None = None
    ) -> HttpResponse:
        """Send a request, again while the actor says that it has not begun it."""
        tries = 1
        while True:
            deadline = milliseconds_left(current_deadline())
            reached = False
            try:
                sent = call_headers(attrs.evolve(headers, deadline=deadline))
                response = await self._post(path, sent, body, pool or self._transport.pool)
                reached = names_actor(response)
                check_answer(response)
                return response
            except Error as error:
                # What comes from inside the actor says nothing about whether it was found.
                creates = self._address.create
                delay = None if reached else repeat_delay(error, tries, creates=creates)
                if delay is None:
                    raise
            self._transport.counts.count("request_repeated")
            await trio.sleep(delay)
            tries += 1

    async def _post(
        self, path: str, headers: dict[str, str], body: bytes, pool: HttpPool
    ) -> HttpResponse:
        url = self._transport.endpoint.base_path + gateway_url(await self.route(), path)
        headers["content-type"] = CODEC.content_type
        return await pool.request(HttpRequest("POST", url, headers, body))


def _output(response: HttpResponse) -> Any:
    try:
        return CODEC.decode_action_response(response.body).output
    except DecodingError as error:
        message = f"The server's answer is malformed: {error.message}"
        raise ActionError(message, group="rivetkit", code="internal_error") from None
