"""The host: what ``self`` offers to an actor, as its running instance gives it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from trivet.declare.errors import ActionError, NoConnectionError
from trivet.declare.event import Event
from trivet.declare.handle import Client
from trivet.declare.interfaces import Conn, KeyValue
from trivet.declare.queue import Delivery, Queue
from trivet.lifecycle.actor import ActorEvent
from trivet.runtime.children import create_child, find_children
from trivet.runtime.delivery import bindings_of, receive, try_receive
from trivet.runtime.host_schedule import HostSchedule
from trivet.runtime.idleness import kept_awake
from trivet.runtime.key_value import StoredKeyValue
from trivet.runtime.namespaces import DEFAULT
from trivet.runtime.outgoing import OutgoingTransport
from trivet.runtime.own_turn import OwnTurn
from trivet.runtime.turn import action_of, turn_of
from trivet.runtime.wishes import wish

if TYPE_CHECKING:
    from trivet.runtime.conns import Connections
    from trivet.runtime.instance import Instance
    from trivet.runtime.queues import Queues

__all__ = ["InstanceHost"]

T = TypeVar("T")


class InstanceHost:
    """Stands behind ``self`` of an actor.

    Attributes:
        instance: The running instance.
        queues: Its messages, once they are read, if its class has queues.
    """

    __slots__ = ("_client", "instance", "queues")

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._client: Client | None = None
        self.queues: Queues | None = None

    # What an actor knows of itself

    @property
    def actor_id(self) -> str:
        """The actor's id."""
        return self.instance.actor_id

    @property
    def actor_name(self) -> str:
        """The actor's name on the wire."""
        return self.instance.definition.name

    @property
    def key(self) -> tuple[str, ...]:
        """The actor's key."""
        return self.instance.key

    @property
    def stopping(self) -> bool:
        """Whether the instance has begun to stop."""
        return self.instance.stopping

    @property
    def conns(self) -> Connections:
        """Its visible connections."""
        return self.instance.conns

    @property
    def conn(self) -> Conn[Any]:
        """The connection whose call is running."""
        instance = self.instance
        turn = turn_of(instance)
        if turn is None or turn.is_own:
            turn = action_of(instance) or turn
        if turn is None or not turn.is_request or turn.hook_of is not None:
            raise NoConnectionError
        if turn.conn is None:
            turn.conn = instance.reception.connect_call()
        return turn.conn

    @property
    def client(self) -> Client:
        """The client for calls to other actors."""
        if self._client is None:
            instance = self.instance
            client, transport = instance.runtime.client, instance.runtime.client.transport
            looks = instance.definition.has_atomic_actions or instance.state_watch is not None
            wraps = instance.holds_effects or looks or instance.namespace != DEFAULT
            self._client = Client(OutgoingTransport(transport, instance)) if wraps else client
        return self._client

    @property
    def kv(self) -> KeyValue:
        """Its own store of bytes by text key."""
        return StoredKeyValue(self.instance.rows, self.instance.limits)

    @property
    def schedule(self) -> HostSchedule:
        """Its durable calls to itself in the future."""
        return HostSchedule(self.instance)

    def begins_anew(self) -> None:
        """Forget what was made for a start that has to begin again."""
        self._client = None
        self.queues = None

    # What it says and does

    def broadcast(self, event: Event[T], payload: T, /, exclude: Conn[Any] | None) -> None:
        """Send an event to its subscribers, encoded once for each kind of link."""
        instance = self.instance
        instance.conns.broadcast(instance.definition.event(event), payload, exclude)

    def enqueue(self, queue: Queue[Any, Any], body: Any, /) -> None:
        """Put a message into a queue of its own."""
        binding = self.instance.definition.queue(queue)
        self._open_queues().put(binding, binding.body.encode(body), _nothing, _nothing)

    def receive(
        self, queues: tuple[Queue[Any, Any], ...], /
    ) -> AbstractAsyncContextManager[Delivery[Any, Any]]:
        """Wait for a message."""
        bindings = bindings_of(self.instance, queues)
        return receive(self.instance, self._open_queues(), bindings)

    def try_receive(
        self, queues: tuple[Queue[Any, Any], ...], /
    ) -> AbstractAsyncContextManager[Delivery[Any, Any] | None]:
        """Take a message, if there is one."""
        bindings = bindings_of(self.instance, queues)
        return try_receive(self.instance, self._open_queues(), bindings)

    def _open_queues(self) -> Queues:
        if self.queues is None:
            message = "The queues of an actor are not read yet when it is made"
            raise ActionError(message, group="actor", code="starting")
        return self.queues

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Take the actor's turn."""
        return OwnTurn(self.instance)

    def start_soon(self, fn: Callable[..., Awaitable[object]], /, *args: object) -> None:
        """Start a task without a turn."""
        self.instance.background.start_soon(fn, *args)

    def wait_until(self, fn: Callable[..., Awaitable[object]], /, *args: object) -> None:
        """Start work that the end of the grace waits for."""
        self.instance.draining.start_soon(fn, *args)

    async def save(self) -> None:
        """End the segment and wait until it is stored."""
        await trio.lowlevel.checkpoint()
        await self.instance.gate.save()

    async def create_child(self, actor: type[Any], key: tuple[str, ...], input: Any, /) -> str:
        """Create an actor whose life is bound to its own, and return its id."""
        return await create_child(self.instance, actor, key, input)

    async def find_children(self, actor: type[Any], /) -> list[str]:
        """Return the ids of its children of a class, oldest first."""
        return await find_children(self.instance, actor)

    # How its life goes on

    def keep_awake(self) -> AbstractAsyncContextManager[None]:
        """Keep the actor from going to sleep."""
        return kept_awake(self.instance)

    def sleep(self) -> None:
        """Go to sleep after the running turn."""
        wish(self.instance, ActorEvent.SLEEP)

    def destroy(self) -> None:
        """Be no more after the running turn."""
        wish(self.instance, ActorEvent.DESTROY)


def _nothing(*_: object) -> None:
    """Hear that a message of its own is stored, or lost with everything else."""
