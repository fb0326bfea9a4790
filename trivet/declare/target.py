"""What stands behind handles and connections: an addressed actor, as some transport reaches it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import attrs
from typing_extensions import TypeVar

if TYPE_CHECKING:
    from trivet.declare.action import Action
    from trivet.declare.event import Event
    from trivet.declare.fetching import StreamedResponse
    from trivet.declare.queue import Queue
    from trivet.declare.request import Request
    from trivet.declare.watching import Change
    from trivet.declare.web_socket import ClientWebSocket

__all__ = ["Address", "ConnectionStatus", "LiveTarget", "Subscription", "Target", "Transport"]

T_co = TypeVar("T_co", covariant=True)

ConnectionStatus = Literal["connecting", "connected", "disconnected", "closed"]
"""``"disconnected"`` is lost and retrying, ``"closed"`` is for good."""


class Subscription(Protocol[T_co]):
    """The events of one subscription, live from the moment it was made.

    Iterate over it; leave it with ``async with`` or let the connection end it.
    """

    def __aiter__(self) -> Self:
        """Return the subscription itself."""
        ...

    async def __anext__(self) -> T_co:
        """Wait for the next event.

        Raises:
            StopAsyncIteration: When the connection has ended for good.
            SubscriptionOverflow: When the reader was too slow and events were lost.
        """
        ...

    async def __aenter__(self) -> Self:
        """Return the subscription itself."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Stop listening."""
        ...


@attrs.frozen(kw_only=True)
class Address:
    """Which actor a handle means: by id, or by key and perhaps created at first use.

    Attributes:
        actor_id: Its id; the key does not count then.
        key: Its key.
        namespace: Where the key counts.
        create: Whether to create it if there is none.
        exclusive: Whether it is an error if there is one.
        input: What a new actor gets.
        parent: The id of the actor whose life a new one is bound to, if it is.
    """

    actor_id: str | None = None
    key: tuple[str, ...] = ()
    namespace: str = "default"
    create: bool = False
    exclusive: bool = False
    input: Any = None
    parent: str | None = None


class Target(Protocol):
    """One addressed actor behind a transport."""

    async def call(
        self,
        action: Action[Any, ..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        params: object,
        /,
    ) -> Any:
        """Call an action with checked arguments."""
        ...

    async def call_by_name(self, name: str, args: tuple[Any, ...], params: object, /) -> Any:
        """Call an action by its name on the wire."""
        ...

    async def send(self, queue: Queue[Any, Any], body: Any, params: object, waits: bool, /) -> Any:
        """Put a message into a queue; if the caller waits, return its result."""
        ...

    async def resolve(self) -> str:
        """Return the actor's id."""
        ...

    def fetch(
        self, request: Request, params: object, /
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """Send a raw HTTP request."""
        ...

    def websocket(
        self, request: Request, params: object, /
    ) -> AbstractAsyncContextManager[ClientWebSocket]:
        """Open a raw WebSocket."""
        ...

    def connect(self, params: object, /) -> AbstractAsyncContextManager[LiveTarget]:
        """Open a connection."""
        ...

    def watch(self) -> Subscription[Change]:
        """Follow the actor's life."""
        ...


class LiveTarget(Target, Protocol):
    """One open connection behind a transport."""

    @property
    def status(self) -> ConnectionStatus:
        """Where the connection stands."""
        ...

    def status_changes(self) -> AsyncIterator[ConnectionStatus]:
        """Iterate over changes of the status."""
        ...

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped, or had to be done again."""
        ...

    def subscribe(self, events: tuple[Event[Any], ...], /) -> Subscription[Any]:
        """Subscribe to declared events."""
        ...

    def subscribe_by_name(self, name: str, /) -> Subscription[Any]:
        """Subscribe to an event by its name on the wire."""
        ...


class Transport(Protocol):
    """A way to reach actors."""

    @property
    def counters(self) -> Mapping[str, int]:
        """How often each thing was dropped, or had to be done again."""
        ...

    def target(self, actor: type[Any], address: Address, /) -> Target:
        """Address an actor."""
        ...

    async def create(self, actor: type[Any], key: tuple[str, ...], input: Any, /) -> str:
        """Create an actor and return its id."""
        ...
