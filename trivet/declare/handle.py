"""What callers hold: clients, handles, connections and subscriptions, in process or remote.

These classes are the typed face only. What happens behind them is a ``Target`` (one addressed
actor) or a ``LiveTarget`` (one open connection) of some transport; see ``trivet.declare.target``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, overload

from typing_extensions import TypeVar

from trivet.declare.fetching import Fetch, fetch_request
from trivet.declare.keys import check_key
from trivet.declare.target import (
    Address,
    ConnectionStatus,
    LiveTarget,
    Subscription,
    Target,
    Transport,
)

if TYPE_CHECKING:
    from trivet.declare.action import Action
    from trivet.declare.actor import Actor
    from trivet.declare.event import Event
    from trivet.declare.queue import Queue
    from trivet.declare.watching import Change
    from trivet.declare.web_socket import ClientWebSocket

__all__ = [
    "Address",
    "Client",
    "Connection",
    "ConnectionStatus",
    "CreatableActor",
    "Handle",
    "HandleWithParams",
    "LiveTarget",
    "Subscription",
    "Target",
    "Transport",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
T2 = TypeVar("T2")
A = TypeVar("A", bound="Actor[Any, Any, Any, Any]")
A_co = TypeVar("A_co", bound="Actor[Any, Any, Any, Any]", covariant=True)
S2 = TypeVar("S2")
C2 = TypeVar("C2")
P2 = TypeVar("P2")
I2 = TypeVar("I2")
I_contra = TypeVar("I_contra", contravariant=True)


class Handle(Generic[A_co]):
    """A stateless, typed reference to one actor; making one contacts nobody."""

    __slots__ = ("_params", "_target")

    def __init__(self, target: Target, params: object = None) -> None:
        self._target = target
        self._params = params

    def call(
        self, action: Action[A_co, P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]:
        """Call an action and return its result.

        Raises:
            ActionError: Whatever the actor's side reports; ``UserError`` for an application's own.
            ConnectionLost: If the network failed and it is unknown whether the action ran.
            LookupError: If the action belongs to another actor class.
        """
        # Not `async`: a coroutine around the target's own would be a tenth of a call's cost.
        return self._target.call(action, args, kwargs, self._params)

    async def call_by_name(self, name: str, /, *args: object) -> Any:
        """Call an action by its name on the wire, without types."""
        return await self._target.call_by_name(name, args, self._params)

    async def resolve(self) -> str:
        """Find the actor, create it if the handle says so, and return its id."""
        return await self._target.resolve()

    def with_params(self, params: object, /) -> HandleWithParams[A_co]:
        """Return a handle whose calls, requests and connections carry connection params.

        Args:
            params: A value, or an async callable that is called anew each time.
        """
        return HandleWithParams(self._target, params)

    async def send(self, queue: Queue[T, R], body: T, /) -> None:
        """Put a message into a queue of the actor, and return when it is stored there.

        If the network fails it is unknown whether it was; whoever sends it again may have it done
        twice.

        Raises:
            ActionError: ``queue.full``, ``queue.message_too_large``, ``auth.forbidden``, or whatever
                else the actor's side reports.
            ConnectionLost: If the network failed.
            LookupError: If the queue belongs to another actor class.
            ValidationError: If the body is not of the queue's type.
        """
        await self._target.send(queue, body, self._params, False)

    async def send_and_wait(self, queue: Queue[T, R], body: T, /) -> R:
        """Put a message into a queue of the actor and wait for its result, for as long as it takes.

        A caller that leaves takes nothing back. A message that is delivered again, by this life of
        the actor or the next, is still waited for.

        Raises:
            ActionError: As ``send``; ``actor.destroyed`` if the actor is no more,
                ``actor.restarting`` if the runtime has stopped: the message may still be done.
            CallCycleError: In a turn, if the actor waits for that turn.
            ConnectionLost: If the network failed, and what became of the message is unknown.
        """
        result: R = await self._target.send(queue, body, self._params, True)
        return result

    def fetch(
        self,
        path: str = "/",
        /,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Fetch:
        """Send a raw HTTP request to the actor.

        ``await handle.fetch(...)`` is the complete response; ``async with handle.fetch(...) as
        response`` gives one whose body can be read piece by piece. Whatever status the actor
        answers with is a response; what the actor, or the way to it, reports is raised.

        Args:
            path: What the actor sees as path and query, percent-encoded.
            method: Any but ``CONNECT`` and ``TRACE``.
            headers: One value for each name.
            body: The complete body.

        Raises:
            ActionError: Whatever the actor's side reports.
            ConnectionLost: If the network failed and it is unknown whether the actor answered.
            TypeError: If the body is not bytes, or another part of another type.
            ValueError: If path, method or headers cannot be sent.
        """
        request = fetch_request(path, method, headers, body)
        return Fetch(lambda: self._target.fetch(request, self._params))

    def websocket(self, path: str = "/", /) -> AbstractAsyncContextManager[ClientWebSocket]:
        """Open a raw WebSocket to the actor; leaving closes it.

        An actor that refuses it closes it with 1011 and ``group.code`` as reason. It does not
        reconnect by itself.

        Args:
            path: What the actor sees as path and query, percent-encoded.

        Raises:
            ConnectionLost: If the network failed before it was open.
            ValueError: If the path cannot be sent.
        """
        return self._target.websocket(fetch_request(path, "GET", None, b""), self._params)

    def watch(self) -> Subscription[Change]:
        """Follow the actor's life, within this process.

        The first item says how it stands; then comes every step. The actor need not exist, and is
        not started for it. After ``"destroyed"``, and at the end of the runtime, the iteration is
        over. Of 1,024 steps that nobody reads none is lost; then ``SubscriptionOverflow`` ends it.

        Raises:
            NotImplementedError: Over a network.
        """
        return self._target.watch()

    @overload
    def connect(
        self: Handle[Actor[S2, C2, None, I2]],
    ) -> AbstractAsyncContextManager[Connection[A_co]]: ...
    @overload
    def connect(
        self: Handle[Actor[S2, C2, P2 | None, I2]],
        params: P2 | Callable[[], Awaitable[P2 | None]] | None = None,
    ) -> AbstractAsyncContextManager[Connection[A_co]]: ...
    @overload
    def connect(
        self: Handle[Actor[S2, C2, P2, I2]], params: P2 | Callable[[], Awaitable[P2]]
    ) -> AbstractAsyncContextManager[Connection[A_co]]: ...
    def connect(self, params: Any = None) -> AbstractAsyncContextManager[Connection[A_co]]:
        """Open a connection; entering waits until the actor has let it in.

        Network failures before that are retried without end (use ``trio.fail_after``). Later
        losses neither raise in the body nor cancel it: the connection comes back by itself.

        Args:
            params: A value of the actor's params type, or an async callable that is called anew
                for every connection. By default those of ``with_params``.

        Raises:
            ActionError: If the actor refused the connection.
        """
        return self._connect(self._params if params is None else params)

    @asynccontextmanager
    async def _connect(self, params: object) -> AsyncGenerator[Connection[A_co]]:
        async with self._target.connect(params) as live:
            yield Connection(live, params)


class HandleWithParams(Handle[A_co]):
    """A handle that brings connection params along, so that connecting with it needs none."""

    __slots__ = ()

    def connect(self, params: Any = None) -> AbstractAsyncContextManager[Connection[A_co]]:
        """Open a connection, by default with the params of the handle."""
        return super().connect(params)


class Connection(Handle[A_co]):
    """A live, typed connection to one actor, which reconnects by itself."""

    __slots__ = ("_live",)

    def __init__(self, live: LiveTarget, params: object = None) -> None:
        super().__init__(live, params)
        self._live = live

    @property
    def status(self) -> ConnectionStatus:
        """Where the connection stands."""
        return self._live.status

    def status_changes(self) -> AsyncIterator[ConnectionStatus]:
        """Iterate over every later change of ``status``; it ends after ``"closed"``."""
        return self._live.status_changes()

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped, or had to be done again, by name, as of now."""
        return self._live.counters

    @overload
    def events(self, event: Event[T], /) -> Subscription[T]: ...
    @overload
    def events(self, event: Event[T], second: Event[T2], /) -> Subscription[T | T2]: ...
    @overload
    def events(
        self, event: Event[Any], second: Event[Any], third: Event[Any], /, *more: Event[Any]
    ) -> Subscription[Any]: ...
    def events(self, *events: Event[Any]) -> Subscription[Any]:
        """Subscribe to events, read in one loop, from this line on.

        Raises:
            LookupError: If an event belongs to another actor class.
        """
        return self._live.subscribe(events)

    def events_by_name(self, name: str, /) -> Subscription[Any]:
        """Subscribe to an event by its name on the wire, without types."""
        return self._live.subscribe_by_name(name)


class CreatableActor(Protocol[A_co, I_contra]):
    """Structural view of an actor *class*: ties its input type to the class itself."""

    def __trivet_input__(self, input: I_contra, /) -> A_co: ...


REMEMBERED_HANDLES = 1024


class Client:
    """Where handles come from: the same class in process and over the network."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._handles: dict[Any, Handle[Any]] = {}

    @property
    def transport(self) -> Transport:
        """How it reaches actors."""
        return self._transport

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped or had to be done again, its connections included."""
        return self._transport.counters

    def _handle(self, actor: Any, key: tuple[str, ...], create: bool) -> Handle[Any]:
        """Make the handle of a key, or return the one that was made for it and is remembered.

        A handle is immutable and finds its actor once, so sharing one saves that to whoever
        writes ``client.get(...).call(...)`` in a loop.
        """
        name = actor, key, create
        try:
            handle = self._handles.get(name)
        except TypeError:  # a list is no part of a key, and cannot be looked up either
            check_key(key)
            raise
        if handle is None:
            target = self._transport.target(actor, Address(key=key, create=create))
            if len(self._handles) >= REMEMBERED_HANDLES:
                self._handles.clear()
            handle = self._handles[name] = Handle(target)
        return handle

    def get(self, actor: type[A], /, *key: str) -> Handle[A]:
        """Refer to an existing actor by its key.

        Raises:
            TypeError: If the class is no actor.
            ValueError: If the key breaks a limit.
        """
        return self._handle(actor, key, False)

    def get_by_id(self, actor: type[A], actor_id: str, /) -> Handle[A]:
        """Refer to an existing actor by its id."""
        return Handle(self._transport.target(actor, Address(actor_id=actor_id)))

    @overload
    def get_or_create(self, actor: CreatableActor[A, None], /, *key: str) -> Handle[A]: ...
    @overload
    def get_or_create(self, actor: CreatableActor[A, I2], /, *key: str, input: I2) -> Handle[A]: ...
    def get_or_create(self, actor: Any, /, *key: str, input: Any = None) -> Handle[Any]:
        """Refer to an actor by its key; it is created at the first use if there is none.

        Args:
            actor: The actor class.
            *key: The key's parts.
            input: What ``create_state`` and ``on_create`` get, if the actor is created.

        Raises:
            TypeError: If the class is no actor, or takes no input and is given one.
            ValueError: If the key breaks a limit.
        """
        if input is None:
            try:
                return self._handles[actor, key, True]
            except (KeyError, TypeError):  # it is new, or cannot be a key
                return self._handle(actor, key, True)
        return Handle(self._transport.target(actor, Address(key=key, create=True, input=input)))

    @overload
    async def create(self, actor: CreatableActor[A, None], /, *key: str) -> Handle[A]: ...
    @overload
    async def create(self, actor: CreatableActor[A, I2], /, *key: str, input: I2) -> Handle[A]: ...
    async def create(self, actor: Any, /, *key: str, input: Any = None) -> Handle[Any]:
        """Create an actor.

        Raises:
            ActionError: ``actor.duplicate_key`` if the key is taken.
        """
        actor_id = await self._transport.create(actor, key, input)
        return Handle(self._transport.target(actor, Address(actor_id=actor_id)))
