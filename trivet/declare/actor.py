"""The base class of every actor: the hooks to override and what ``self`` offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVarTuple, overload

import attrs
from typing_extensions import TypeVar

from trivet.declare.children import ParentActor
from trivet.declare.definition import Definition
from trivet.declare.handle import Client
from trivet.declare.interfaces import Conn, ConnMap, KeyValue, StateCell
from trivet.declare.options import Durability, Limits, Options
from trivet.declare.reading import define
from trivet.declare.schedule import Schedule

if TYPE_CHECKING:
    from trivet.declare.action import Action
    from trivet.declare.event import Event, Overflow
    from trivet.declare.queue import Delivery, Queue
    from trivet.declare.request import Request
    from trivet.declare.response import Response
    from trivet.declare.web_socket import WebSocket
    from trivet.declare.wire_names import Naming

__all__ = ["Actor"]

T = TypeVar("T")
T2 = TypeVar("T2")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")
StateT = TypeVar("StateT", default=None)
ConnStateT = TypeVar("ConnStateT", default=None)
ParamsT = TypeVar("ParamsT", default=None)
InputT = TypeVar("InputT", default=None)


class Actor(ParentActor, Generic[StateT, ConnStateT, ParamsT, InputT]):
    """The base class of every actor.

    ``Actor[State, ConnState, Params, Input]``: the persisted state, the state of each connection,
    what clients pass when they connect, and what they pass when they create. Each may be left out.
    Actions and events are class attributes; plain instance attributes are ephemeral and vanish
    when the actor sleeps or stops.

    The class keywords are the fields of ``trivet.declare.options.Options``; they are inherited,
    ``name`` is not.
    """

    __trivet_options__: ClassVar[Options] = Options()
    _trivet_definitions: ClassVar[dict[Naming | None, Definition]]
    _trivet_state: StateCell

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        durability: Durability | None = None,
        sleep_after: float | None = None,
        grace: float | None = None,
        action_timeout: float | None = None,
        concurrent: bool | None = None,
        call_hooks: bool | None = None,
        overflow: Overflow | None = None,
        hibernate_websockets: bool | Callable[[Request], bool] | None = None,
        limits: Limits | None = None,
    ) -> None:
        super().__init_subclass__()
        given = {
            "durability": durability,
            "sleep_after": sleep_after,
            "grace": grace,
            "action_timeout": action_timeout,
            "concurrent": concurrent,
            "call_hooks": call_hooks,
            "overflow": overflow,
            "hibernate_websockets": hibernate_websockets,
            "limits": limits,
        }
        changed: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        cls.__trivet_options__ = attrs.evolve(cls.__trivet_options__, name=name, **changed)
        cls._trivet_definitions = {None: define(cls, Actor, cls.__trivet_options__)}

    @classmethod
    def __trivet_definition__(cls, naming: Naming | None = None) -> Definition:
        """Return what the class declares, under a naming rule."""
        if cls is Actor:
            raise TypeError("Actor itself is no actor class; declare a subclass")
        definition = cls._trivet_definitions.get(naming)
        if definition is None:
            definition = define(cls, Actor, cls.__trivet_options__, naming=naming)
            cls._trivet_definitions[naming] = definition
        return definition

    @classmethod
    def __trivet_input__(cls, input: InputT, /) -> Self:
        """Tie the input type to the class for type checkers; never called."""
        raise NotImplementedError

    # What an actor knows of itself

    @property
    def id(self) -> str:
        """The actor's id, made when it was created."""
        return self._trivet_host.actor_id

    @property
    def name(self) -> str:
        """The actor's name on the wire."""
        return self._trivet_host.actor_name

    @property
    def key(self) -> tuple[str, ...]:
        """The actor's key."""
        return self._trivet_host.key

    @property
    def state(self) -> StateT:
        """The persisted state; change it in place or assign it, inside a turn.

        Raises:
            StateNotEnabled: If the class declares no state.
        """
        cell = self._trivet_state
        cell.touched = True
        state: StateT = cell.value
        return state

    @state.setter
    def state(self, value: StateT) -> None:
        self._trivet_state.assign(value)

    @property
    def conn(self) -> Conn[ConnStateT]:
        """The connection whose call is running.

        Raises:
            NoConnectionError: Outside a connection's call.
        """
        return self._trivet_host.conn

    @property
    def conns(self) -> ConnMap[ConnStateT]:
        """The open connections by id."""
        return self._trivet_host.conns

    @property
    def client(self) -> Client:
        """The client for calls to other actors, or to itself through the mailbox."""
        return self._trivet_host.client

    @property
    def stopping(self) -> bool:
        """Whether the actor has begun to stop."""
        return self._trivet_host.stopping

    @property
    def schedule(self) -> Schedule[Self]:
        """The actor's durable calls to itself in the future."""
        return self._trivet_host.schedule

    @property
    def kv(self) -> KeyValue:
        """The actor's key-value store."""
        return self._trivet_host.kv

    # What an actor does

    def broadcast(
        self, event: Event[T], payload: T, /, *, exclude: Conn[ConnStateT] | None = None
    ) -> None:
        """Send an event to every connection that subscribed to it.

        The payload is encoded and the receivers are fixed at once; the call never blocks.

        Args:
            event: An event of this actor's class.
            payload: Its value.
            exclude: A connection that does not get it.

        Raises:
            LookupError: If the event is another actor's.
            ValidationError: If the payload is not of the event's type.
        """
        self._trivet_host.broadcast(event, payload, exclude)

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Take a turn of the actor in a task that has none.

        Raises:
            AlreadyInTurnError: On entering inside a turn of this actor.
        """
        return self._trivet_host.turn()

    def start_soon(self, fn: Callable[[*Ts], Awaitable[object]], /, *args: *Ts) -> None:
        """Start a task without a turn; it is cancelled when the actor begins to stop."""
        self._trivet_host.start_soon(fn, *args)

    async def save(self) -> None:
        """End the turn's segment and return when it is stored."""
        await self._trivet_host.save()

    def wait_until(self, fn: Callable[[*Ts], Awaitable[object]], /, *args: *Ts) -> None:
        """Start work without a turn that the end of the actor's grace waits for.

        It does not keep the actor awake, and is cut when the grace is over. An error of it is
        logged and changes nothing else.
        """
        self._trivet_host.wait_until(fn, *args)

    def keep_awake(self) -> AbstractAsyncContextManager[None]:
        """Keep the actor from going to sleep, by itself or by ``sleep``, while the body runs.

        It may be destroyed, and the runtime may stop it, all the same.
        """
        return self._trivet_host.keep_awake()

    def sleep(self) -> None:
        """Go to sleep after the running turn: ``on_sleep`` runs, then the state is stored.

        Calls that wait are served when it wakes, which they make it do. Connections stay. Twice is
        once.

        Raises:
            ActionError: ``actor.starting`` in a start hook.
        """
        self._trivet_host.sleep()

    def destroy(self) -> None:
        """Be no more after the running turn: ``on_destroy`` runs, then everything is removed.

        What the turn answers leaves when that is done. Connections are closed for good.

        Raises:
            ActionError: ``actor.starting`` in a start hook.
        """
        self._trivet_host.destroy()

    def enqueue(self, queue: Queue[T, Any], body: T, /) -> None:
        """Put a message into a queue of this actor, as a part of the turn.

        It can be received when it is stored, in an atomic turn after its end.

        Raises:
            LookupError: If the queue is another actor's.
            ValidationError: If the body is not of the queue's type.
            ActionError: ``queue.full``, or ``queue.message_too_large``.
        """
        self._trivet_host.enqueue(queue, body)

    @overload
    def receive(self, queue: Queue[T, R], /) -> AbstractAsyncContextManager[Delivery[T, R]]: ...
    @overload
    def receive(
        self, queue: Queue[T, Any], second: Queue[T2, Any], /
    ) -> AbstractAsyncContextManager[Delivery[T | T2, Any]]: ...
    @overload
    def receive(
        self, *queues: Queue[Any, Any]
    ) -> AbstractAsyncContextManager[Delivery[Any, Any]]: ...
    def receive(self, *queues: Queue[Any, Any]) -> AbstractAsyncContextManager[Delivery[Any, Any]]:
        """Wait for the next message of queues of this actor.

        Leaving the block completes the message of a queue without a type of results; one that has
        it asks for ``complete``, or delivers again. An exception, also a cancellation, delivers
        again; so does the next life of the actor, if this one ends.

        Args:
            *queues: The queues; without any, all of the actor's.

        Raises:
            LookupError: If a queue is another actor's.
            ActionError: On entering: ``queue.previous_message_not_completed`` if this turn, action
                or task has a message that is not dealt with, ``actor.aborted`` if the actor begins
                to stop.
        """
        return self._trivet_host.receive(queues)

    @overload
    def try_receive(
        self, queue: Queue[T, R], /
    ) -> AbstractAsyncContextManager[Delivery[T, R] | None]: ...
    @overload
    def try_receive(
        self, queue: Queue[T, Any], second: Queue[T2, Any], /
    ) -> AbstractAsyncContextManager[Delivery[T | T2, Any] | None]: ...
    @overload
    def try_receive(
        self, *queues: Queue[Any, Any]
    ) -> AbstractAsyncContextManager[Delivery[Any, Any] | None]: ...
    def try_receive(
        self, *queues: Queue[Any, Any]
    ) -> AbstractAsyncContextManager[Delivery[Any, Any] | None]:
        """Take the next message of queues of this actor, as ``receive`` does; ``None`` without one."""
        return self._trivet_host.try_receive(queues)

    # Hooks: override what you need. One that is not overridden is never called.

    async def create_state(self, input: InputT) -> StateT:
        """Make the state of a new actor; by default its type called without arguments."""
        raise NotImplementedError

    async def on_create(self, input: InputT) -> None:
        """Run once in an actor's life, after its state was made."""

    async def on_migrate(self, stored: Any, *, new: bool) -> Any:
        """Bring the stored state of an older class into shape, before it is read.

        Args:
            stored: The state as plain data: an attrs object is a dict with the names of its
                attributes, a tuple or set a list, an ``Enum`` its value, and so on; ``None`` if
                the actor is new. It may be changed in place.
            new: Whether the actor is being created.

        Returns:
            What the state is read from; ``None`` for ``stored`` itself.
        """

    async def on_wake(self) -> None:
        """Run at every start, before the actor answers."""

    async def run(self) -> None:
        """Run beside the turns for as long as the actor is awake."""

    async def on_sleep(self) -> None:
        """Run before the actor goes to sleep."""

    async def on_destroy(self) -> None:
        """Run before the actor is removed."""

    async def on_before_connect(self, params: ParamsT) -> None:
        """Check a client before it connects; raising refuses it."""

    async def create_conn_state(self, params: ParamsT) -> ConnStateT:
        """Make a connection's state; raising refuses the client."""
        raise NotImplementedError

    async def on_connect(self, conn: Conn[ConnStateT]) -> None:
        """Run when a client has connected, before any of its messages is handled."""

    async def on_disconnect(self, conn: Conn[ConnStateT]) -> None:
        """Run exactly once for every connection that became visible, whatever ended it."""

    async def on_before_action_response(
        self, action: Action[Any, ..., Any], args: tuple[Any, ...], output: Any
    ) -> Any:
        """Look at an action's result before it is sent, and return what to send."""
        return output

    async def on_request(self, request: Request) -> Response | None:
        """Answer a raw HTTP request, in a turn that ends when the response is returned."""

    async def on_websocket(self, socket: WebSocket[ConnStateT]) -> None:
        """Serve a raw WebSocket, beside the turns; returning closes it."""

    def on_state_change(self) -> None:
        """Run once per segment that changed the state."""

    def can_subscribe(self, event: Event[Any], conn: Conn[ConnStateT]) -> bool:
        """Say whether a connection may subscribe to an event."""
        return True

    def can_publish(self, queue: Queue[Any, Any], conn: Conn[ConnStateT]) -> bool:
        """Say whether a connection may put messages into a queue; it reads, and changes nothing.

        What the actor itself puts in is not asked about. Only ``True`` lets a message in.
        """
        return True

    @classmethod
    async def authorize(cls, request: Request) -> bool:
        """Say whether a request from the network may reach the actor at all.

        It is asked before any actor is looked up, created or woken, and never for calls within
        this process. ``request.intent`` says what is wanted; an address that creates the actor it
        does not find asks for ``create`` as well. A request that names its actor by id is shown to
        every class that has the hook; if it names no namespace, first as one for ``"default"``,
        and with that of the actor where that is another. Only ``True`` lets a request through: an exception, another
        answer, or none within the limit of hooks, refuses it.
        """
        return True
