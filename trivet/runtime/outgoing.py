"""Outgoing calls: what an actor says to other actors stands in its gate like everything it says.

``self.client`` of an actor is the ordinary client over this transport. A call leaves when what it
rests on is stored, and so ends the segment of the turn that makes it. It stays in the namespace of
the actor.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs

from trivet.declare.action import Action
from trivet.declare.event import Event
from trivet.declare.fetching import StreamedResponse
from trivet.declare.handle import (
    Address,
    ConnectionStatus,
    LiveTarget,
    Subscription,
    Target,
    Transport,
)
from trivet.declare.keys import check_key
from trivet.declare.queue import Queue
from trivet.declare.request import Request
from trivet.declare.watching import Change
from trivet.declare.web_socket import ClientWebSocket
from trivet.runtime.namespaces import DEFAULT

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["OutgoingTransport"]


class OutgoingTransport:
    """Reaches other actors on behalf of one.

    Args:
        transport: How they are reached.
        instance: The actor that calls.
    """

    def __init__(self, transport: Transport, instance: Instance) -> None:
        self._transport = transport
        self._instance = instance

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped, or had to be done again."""
        return self._transport.counters

    def target(self, actor: type[Any], address: Address, /) -> OutgoingTarget:
        """Address an actor of the same namespace."""
        if self._instance.namespace != DEFAULT:
            address = attrs.evolve(address, namespace=self._instance.namespace)
        return OutgoingTarget(self._transport.target(actor, address), self._instance)

    async def create(self, actor: type[Any], key: tuple[str, ...], input: Any, /) -> str:
        """Create an actor and return its id."""
        await self._instance.gate.leave()
        runtime, namespace = self._instance.runtime, self._instance.namespace
        if namespace == DEFAULT:
            return await self._transport.create(actor, key, input)
        definition = runtime.registry.find(actor)
        definition.check_takes(input)
        return await runtime.create(definition, check_key(key), input, namespace)


class OutgoingTarget:
    """One addressed actor, for another."""

    __slots__ = ("_instance", "_target")

    def __init__(self, target: Target, instance: Instance) -> None:
        self._target = target
        self._instance = instance

    async def call(
        self,
        action: Action[Any, ..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        params: object,
        /,
    ) -> Any:
        """Call an action."""
        await self._instance.gate.leave()
        return await self._target.call(action, args, kwargs, params)

    async def call_by_name(self, name: str, args: tuple[Any, ...], params: object, /) -> Any:
        """Call an action by its name on the wire."""
        await self._instance.gate.leave()
        return await self._target.call_by_name(name, args, params)

    async def send(self, queue: Queue[Any, Any], body: Any, params: object, waits: bool, /) -> Any:
        """Put a message into a queue."""
        await self._instance.gate.leave()
        return await self._target.send(queue, body, params, waits)

    async def resolve(self) -> str:
        """Return the actor's id."""
        await self._instance.gate.leave()
        return await self._target.resolve()

    @asynccontextmanager
    async def fetch(self, request: Request, params: object, /) -> AsyncGenerator[StreamedResponse]:
        """Send a raw HTTP request."""
        await self._instance.gate.leave()
        async with self._target.fetch(request, params) as response:
            yield response

    @asynccontextmanager
    async def websocket(
        self, request: Request, params: object, /
    ) -> AsyncGenerator[ClientWebSocket]:
        """Open a raw WebSocket."""
        await self._instance.gate.leave()
        async with self._target.websocket(request, params) as socket:
            yield OutgoingWebSocket(socket, self._instance)

    @asynccontextmanager
    async def connect(self, params: object, /) -> AsyncGenerator[LiveTarget]:
        """Open a connection."""
        await self._instance.gate.leave()
        async with self._target.connect(params) as live:
            yield OutgoingConnection(live, self._instance)

    def watch(self) -> Subscription[Change]:
        """Follow the actor's life; that tells nobody anything, so it waits for nothing."""
        return self._target.watch()


class OutgoingWebSocket(ClientWebSocket):
    """One raw WebSocket of an actor to another."""

    __slots__ = ("_instance", "_socket")

    def __init__(self, socket: ClientWebSocket, instance: Instance) -> None:
        self._socket = socket
        self._instance = instance

    @property
    def close_code(self) -> int | None:
        """The code it was closed with."""
        return self._socket.close_code

    @property
    def close_reason(self) -> str:
        """The text beside the code."""
        return self._socket.close_reason

    async def send(self, message: str | bytes, /) -> None:
        """Send a message."""
        await self._instance.gate.leave()
        await self._socket.send(message)

    async def receive(self) -> str | bytes:
        """Wait for a message."""
        return await self._socket.receive()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket."""
        await self._instance.gate.leave()
        await self._socket.close(code, reason)


class OutgoingConnection(OutgoingTarget):
    """One open connection of an actor to another."""

    __slots__ = ("_live",)

    def __init__(self, live: LiveTarget, instance: Instance) -> None:
        super().__init__(live, instance)
        self._live = live

    @property
    def status(self) -> ConnectionStatus:
        """Where the connection stands."""
        return self._live.status

    def status_changes(self) -> AsyncIterator[ConnectionStatus]:
        """Iterate over changes of the status."""
        return self._live.status_changes()

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped, or had to be done again."""
        return self._live.counters

    def subscribe(self, events: tuple[Event[Any], ...], /) -> Subscription[Any]:
        """Subscribe to declared events."""
        return self._live.subscribe(events)

    def subscribe_by_name(self, name: str, /) -> Subscription[Any]:
        """Subscribe to an event by its name on the wire."""
        return self._live.subscribe_by_name(name)
