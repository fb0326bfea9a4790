"""Actors of this process: calls go straight to the instance, with values checked and copied."""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from trio.lowlevel import checkpoint, checkpoint_if_cancelled

from trivet.client.connection import fresh_params, open_connection
from trivet.client.counts import Counts
from trivet.client.local_http import fetch_here
from trivet.client.local_queue import send_here
from trivet.client.local_session import LocalDialer
from trivet.client.local_watch import LocalWatch
from trivet.client.local_websocket import open_websocket_here
from trivet.client.values import LocalValues
from trivet.declare.action import Action
from trivet.declare.definition import Definition, Method
from trivet.declare.errors import CallCycleError, Error
from trivet.declare.fetching import StreamedResponse
from trivet.declare.handle import Address, LiveTarget
from trivet.declare.keys import check_key
from trivet.declare.queue import Queue
from trivet.declare.request import Request
from trivet.declare.web_socket import ClientWebSocket
from trivet.lifecycle.actor import ActorState
from trivet.runtime.asking import answer_inline, ask, ask_connected
from trivet.runtime.call import InstanceMoved
from trivet.runtime.instance import Instance
from trivet.runtime.reception import not_found
from trivet.runtime.runtime import Runtime
from trivet.runtime.turn import current_turn

__all__ = ["LocalTarget", "LocalTransport"]

AWAKE = ActorState.AWAKE


class LocalTransport:
    """Reaches the actors of one runtime.

    Args:
        runtime: The runtime.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._counts = Counts()

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped, or had to be done again."""
        return self._counts.counters

    def target(self, actor: type[Any], address: Address, /) -> LocalTarget:
        """Address an actor.

        Raises:
            TypeError: If the class is no actor, or takes no input and is given one.
            LookupError: If the registry does not have it.
            ValueError: If the key breaks a limit.
        """
        definition = self._runtime.registry.find(actor)
        definition.check_takes(address.input)
        check_key(address.key)
        return LocalTarget(self._runtime, definition, address, self._counts)

    async def create(self, actor: type[Any], key: tuple[str, ...], input: Any, /) -> str:
        """Create an actor and return its id."""
        await checkpoint()
        definition = self._runtime.registry.find(actor)
        definition.check_takes(input)
        return await self._runtime.create(definition, check_key(key), input)


class LocalTarget:
    """One addressed actor of this process."""

    __slots__ = (
        "_address",
        "_counts",
        "_definition",
        "_instance",
        "_is_hooked",
        "_is_plain",
        "_methods",
        "_runtime",
    )

    def __init__(
        self, runtime: Runtime, definition: Definition, address: Address, counts: Counts
    ) -> None:
        self._runtime = runtime
        self._counts = counts
        self._definition = definition
        self._address = address
        # Looked up once: a call of an idle actor costs little more than these. A synchronous action
        # is all there is to a call where there is no hook, and no save to wait for. The instance is
        # remembered weakly: handles are kept for long, and it has the whole state of its actor.
        self._methods = definition.methods
        self._is_hooked = definition.runs_call_hooks
        self._is_plain = not (self._is_hooked or runtime.storage.durable)
        self._instance: Callable[[], Instance | None] = _nobody

    async def call(
        self,
        action: Action[Any, ..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        params: object,
        /,
    ) -> Any:
        """Call an action."""
        method = self._methods.get(action) or self._definition.method(action)
        bound, named = method.bind(args, kwargs)
        instance = self._instance()
        if (
            self._is_plain
            and instance is not None
            and method.may_run_inline
            and instance.mailbox.holder is None
            and instance.phase is AWAKE
        ):
            # What `ask` does, without its coroutine: this is the path of most calls.
            await checkpoint_if_cancelled()
            value, failure = None, None
            try:
                value = answer_inline(instance, method, bound, named)
            except Error as error:
                failure = error
            if instance.last_words is not None:
                await instance.last_words.heard()
            if failure is not None:
                raise failure
            if instance.runtime.checkpoint_is_due():
                await checkpoint()
            return value
        return await self._ask(method, bound, named, params)

    async def call_by_name(self, name: str, args: tuple[Any, ...], params: object, /) -> Any:
        """Call an action by its name on the wire, with wire values."""
        method = self._definition.methods_by_name.get(name)
        if method is None:
            raise not_found(name)
        bound, named = method.binder.load(list(args))
        return method.binder.result.to_wire(await self._ask(method, bound, named, params))

    async def send(self, queue: Queue[Any, Any], body: Any, params: object, waits: bool, /) -> Any:
        """Put a message into a queue."""
        where = self._runtime, self._definition, self._address
        return await send_here(*where, queue, body, params, waits=waits)

    async def resolve(self) -> str:
        """Return the actor's id."""
        await checkpoint()
        return (await self._awake()).actor_id

    @asynccontextmanager
    async def fetch(self, request: Request, params: object, /) -> AsyncGenerator[StreamedResponse]:
        """Send a raw HTTP request."""
        made = await fresh_params(params)
        where = self._runtime, self._definition, self._address
        async with fetch_here(*where, request, made) as response:
            yield response

    @asynccontextmanager
    async def websocket(
        self, request: Request, params: object, /
    ) -> AsyncGenerator[ClientWebSocket]:
        """Open a raw WebSocket."""
        if current_turn() is not None:
            await self._wait_awake()
        made = await fresh_params(params)
        where = self._runtime, self._definition, self._address
        async with open_websocket_here(*where, request, made) as socket:
            yield socket

    def watch(self) -> LocalWatch:
        """Follow the actor's life."""
        return LocalWatch(self._runtime, self._definition, self._address, self._counts)

    @asynccontextmanager
    async def connect(self, params: object, /) -> AsyncGenerator[LiveTarget]:
        """Open a connection."""
        if current_turn() is not None:
            await self._wait_awake()
        dialer = LocalDialer(self._runtime, LocalValues(self._definition), self._address)
        async with open_connection(dialer, self, params, Counts(self._counts)) as live:
            yield live

    async def _ask(
        self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any] | None, params: object
    ) -> Any:
        if self._is_hooked:
            return await self._ask_connected(method, args, kwargs, params)
        while True:
            instance = self._instance()
            if instance is None or instance.phase is not AWAKE:
                instance = await self._awake()
            try:
                return await ask(instance, method, args, kwargs)
            except InstanceMoved:
                continue

    async def _ask_connected(
        self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any] | None, params: object
    ) -> Any:
        checked = self._definition.params_from_caller(await fresh_params(params))
        request = Request(intent="call")
        while True:
            instance = await self._awake()
            try:
                return await ask_connected(
                    instance, method, args, kwargs, params=checked, request=request
                )
            except InstanceMoved:
                continue

    async def _awake(self) -> Instance:
        instance = await self._runtime.directory.awake(self._definition, self._address)
        if not self._is_hooked:
            self._instance = weakref.ref(instance)
        return instance

    async def _wait_awake(self) -> None:
        """Let a turn that connects take part in finding cycles while the actor starts, too."""
        try:
            await self._awake()
        except CallCycleError:
            raise
        except Error:
            pass  # whether it passes, the connection's own opening finds out


def _nobody() -> None:
    """Stand for an instance that is not known yet."""
