"""What an actor sees of the runtime: its connections, schedule, store, and its host.

The runtime implements these; declarations only name them, so that nothing here imports below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, Protocol

from typing_extensions import TypeVar

from trivet.declare.event import Event

if TYPE_CHECKING:
    from trivet.declare.actor import Actor
    from trivet.declare.handle import Client
    from trivet.declare.queue import Delivery, Queue
    from trivet.declare.schedule import Schedule

__all__ = [
    "SHORT_KINDS",
    "CloseCause",
    "Conn",
    "ConnKind",
    "ConnMap",
    "Host",
    "KeyValue",
    "StateCell",
]

T = TypeVar("T")
P = ParamSpec("P")
ConnStateT = TypeVar("ConnStateT", default=None)
A_co = TypeVar("A_co", bound="Actor[Any, Any, Any, Any]", covariant=True)

Entries = list[tuple[str, bytes]]
"""Keys with their values, in key order."""

ConnKind = Literal["connection", "call", "request", "websocket"]
"""How a client came: connected, by one stateless call, by raw HTTP, by a raw WebSocket."""

SHORT_KINDS: frozenset[ConnKind] = frozenset({"call", "request"})
"""The kinds of connections that last as long as what they came for; no store keeps them."""

CloseCause = Literal[
    "client",
    "server",
    "kick",
    "network",
    "hook",
    "slow_consumer",
    "flooding",
    "stop",
    "destroy",
    "crash",
]
"""What ended a connection."""


class Conn(ABC, Generic[ConnStateT]):
    """A client's connection, seen from inside the actor.

    Attributes:
        id: The connection's id, made by the server, unguessable.
        kind: How the client came.
        hibernates: Whether it survives its actor's sleep.
        close_cause: What ended it, ``None`` while it is open.
    """

    __slots__ = ()

    id: str
    kind: ConnKind
    hibernates: bool
    close_cause: CloseCause | None

    @property
    @abstractmethod
    def state(self) -> ConnStateT:
        """The connection's state, readable also after its end.

        Raises:
            ConnStateNotEnabled: If the actor declares no connection state.
        """

    @state.setter
    @abstractmethod
    def state(self, value: ConnStateT) -> None: ...

    @abstractmethod
    def send(self, event: Event[T], payload: T, /) -> bool:
        """Send an event to this client alone, whether it subscribed or not.

        The payload is encoded at once; the call never blocks.

        Returns:
            Whether the connection still stood.

        Raises:
            LookupError: If the event is another actor's.
            ValidationError: If the payload is not of the event's type.
        """

    @abstractmethod
    async def disconnect(self, reason: str | None = None, *, reconnect: bool = True) -> None:
        """Close the connection and return when it is closed.

        On return the outbox is flushed, the socket is closed, ``on_disconnect`` has ended and the
        connection is out of ``conns``; each of socket and hook takes five seconds at most,
        whatever the peer does.

        Args:
            reason: Told to the client.
            reconnect: ``False`` asks trivet's client to stay away; other clients come back and
                are refused by a hook.

        Raises:
            WouldDeadlockError: Inside this connection's own connect or disconnect hook.
        """


class ConnMap(Mapping[str, Conn[ConnStateT]], Generic[ConnStateT]):
    """The actor's open connections by id; iterating while connections leave is safe."""

    @abstractmethod
    def find(self, predicate: Callable[[Conn[ConnStateT]], bool], /) -> Conn[ConnStateT] | None:
        """Return the first connection that the predicate accepts, or ``None``."""

    @abstractmethod
    def select(self, predicate: Callable[[Conn[ConnStateT]], bool], /) -> list[Conn[ConnStateT]]:
        """Return the connections that the predicate accepts, oldest first."""

    @abstractmethod
    def __iter__(self) -> Iterator[str]: ...


class KeyValue(Protocol):
    """The actor's own durable store of bytes by text key, in key order."""

    async def get(self, key: str, /) -> bytes | None:
        """Return the value of a key."""
        ...

    async def get_many(self, *keys: str) -> dict[str, bytes]:
        """Return the values of the keys that exist."""
        ...

    async def put(self, key: str, value: bytes, /) -> None:
        """Set a key."""
        ...

    async def put_many(self, values: Mapping[str, bytes], /) -> None:
        """Set several keys, all or none."""
        ...

    async def delete(self, *keys: str) -> None:
        """Remove keys."""
        ...

    async def delete_range(self, start: str, end: str, /) -> None:
        """Remove the keys from ``start`` up to, but not including, ``end``."""
        ...

    async def list(
        self, prefix: str = "", *, reverse: bool = False, limit: int | None = None
    ) -> Entries:
        """Return the entries whose key has a prefix."""
        ...

    async def list_range(
        self, start: str, end: str, /, *, reverse: bool = False, limit: int | None = None
    ) -> Entries:
        """Return the entries from ``start`` up to, but not including, ``end``."""
        ...


class StateCell(Protocol):
    """Where an actor's state is kept between and during turns."""

    touched: bool

    @property
    def value(self) -> Any:
        """The state itself."""
        ...

    def assign(self, value: Any, /) -> None:
        """Replace the state, inside a turn only."""
        ...


class Host(Protocol):
    """What stands behind ``self`` of an actor: its running instance."""

    @property
    def actor_id(self) -> str:
        """The actor's id."""
        ...

    @property
    def actor_name(self) -> str:
        """The actor's name on the wire."""
        ...

    @property
    def key(self) -> tuple[str, ...]:
        """The actor's key."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the instance has begun to stop."""
        ...

    @property
    def client(self) -> Client:
        """The client for calls to other actors."""
        ...

    @property
    def schedule(self) -> Schedule[Any]:
        """The durable calls to itself in the future."""
        ...

    @property
    def kv(self) -> KeyValue:
        """The key-value store."""
        ...

    @property
    def conn(self) -> Conn[Any]:
        """The connection whose call is running."""
        ...

    @property
    def conns(self) -> ConnMap[Any]:
        """The open connections."""
        ...

    def broadcast(self, event: Event[T], payload: T, /, exclude: Conn[Any] | None) -> None:
        """Send an event to its subscribers."""
        ...

    def enqueue(self, queue: Queue[Any, Any], body: Any, /) -> None:
        """Put a message into a queue."""
        ...

    def receive(
        self, queues: tuple[Queue[Any, Any], ...], /
    ) -> AbstractAsyncContextManager[Delivery[Any, Any]]:
        """Wait for a message."""
        ...

    def try_receive(
        self, queues: tuple[Queue[Any, Any], ...], /
    ) -> AbstractAsyncContextManager[Delivery[Any, Any] | None]:
        """Take a message, if there is one."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Take the actor's turn."""
        ...

    def start_soon(self, fn: Callable[..., Awaitable[object]], /, *args: object) -> None:
        """Start a task without a turn."""
        ...

    def wait_until(self, fn: Callable[..., Awaitable[object]], /, *args: object) -> None:
        """Start work that the end of the grace waits for."""
        ...

    async def save(self) -> None:
        """End the segment and wait until it is stored."""
        ...

    async def create_child(self, actor: type[Any], key: tuple[str, ...], input: Any, /) -> str:
        """Create an actor whose life is bound to this one's, and return its id."""
        ...

    async def find_children(self, actor: type[Any], /) -> list[str]:
        """Return the ids of the children of a class, oldest first."""
        ...

    def keep_awake(self) -> AbstractAsyncContextManager[None]:
        """Keep the actor from going to sleep."""
        ...

    def sleep(self) -> None:
        """Go to sleep after the running turn."""
        ...

    def destroy(self) -> None:
        """Be no more after the running turn."""
        ...
