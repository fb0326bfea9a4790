"""Runtimes for tests: opened with some actor classes, observed, and called by one short function."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trivet.client.local import LocalTransport
from trivet.declare.action import Action
from trivet.declare.actor import Actor
from trivet.declare.handle import Address, Client, Handle
from trivet.declare.options import Limits
from trivet.declare.registry import Registry, definition_of
from trivet.lifecycle.actor import ACTOR, ActorEvent
from trivet.lifecycle.connection import CONNECTION, ConnectionEvent
from trivet.ports.storage import Storage
from trivet.ports.surroundings import WallClock
from trivet.runtime.instance import Instance
from trivet.runtime.runtime import Runtime, run_runtime
from trivet.storage.memory import MemoryStorage

AnyActor = type[Actor[Any, Any, Any, Any]]


@attrs.define
class Recorder:
    """An observer that keeps every step, to be read against the lifecycle tables.

    Attributes:
        counts: How often each thing was dropped or refused.
        connections: The steps of each connection.
        owners: The label of each connection's actor.
        instances: The steps of each instance, of one actor one after the other.
    """

    counts: Counter[str] = attrs.Factory(Counter[str])
    connections: dict[str, list[ConnectionEvent]] = attrs.Factory(dict[str, list[ConnectionEvent]])
    owners: dict[str, str] = attrs.Factory(dict[str, str])
    instances: dict[str, list[list[ActorEvent]]] = attrs.Factory(dict[str, list[list[ActorEvent]]])

    def count(self, what: str, times: int = 1) -> None:
        self.counts[what] += times

    def actor_step(self, actor: str, actor_id: str, event: ActorEvent) -> None:
        lives = self.instances.setdefault(actor, [])
        if event is ActorEvent.START:
            lives.append([])
        lives[-1].append(event)

    def connection_step(self, actor: str, conn_id: str, event: ConnectionEvent) -> None:
        if event is ConnectionEvent.TAKE_OVER and conn_id in self.connections:
            earlier = sum(key.startswith(conn_id) for key in self.connections)
            self.connections[f"{conn_id} life {earlier}"] = self.connections.pop(conn_id)
        self.connections.setdefault(conn_id, []).append(event)
        assert self.owners.setdefault(conn_id, actor) == actor

    def steps(self, event: ConnectionEvent) -> int:
        """How often a step was taken by any connection."""
        return sum(trace.count(event) for trace in self.connections.values())

    def check(self) -> None:
        """Check that every life so far is complete, and a word of its table."""
        for conn_id, trace in self.connections.items():
            assert CONNECTION.accepts(trace), f"connection {conn_id}: {trace}"
        for actor, lives in self.instances.items():
            for life in lives:
                assert ACTOR.accepts(life), f"{actor}: {life}"


@asynccontextmanager
async def opened(
    *actors: AnyActor,
    storage: Storage | None = None,
    limits: Limits | None = None,
    observer: Recorder | None = None,
    wall_clock: WallClock | None = None,
) -> AsyncGenerator[Runtime]:
    """Run actors while the body runs; what they lived through must fit the lifecycle tables."""
    recorder = observer or Recorder()
    async with run_runtime(
        Registry(*actors),
        storage or MemoryStorage(),
        recorder,
        limits or Limits(),
        wall_clock=wall_clock,
    ) as runtime:
        runtime.client = Client(LocalTransport(runtime))
        yield runtime
    recorder.check()
    assert not runtime.directory.instances
    assert not runtime.directory.parked_links


@asynccontextmanager
async def killed(
    *actors: AnyActor, storage: Storage, limits: Limits | None = None
) -> AsyncGenerator[Runtime]:
    """Run actors while the body runs, then drop them as a kill does: no hook, no save.

    Of what still runs while their tasks are cancelled nothing reaches a store that knows it is
    dead; tasks that wait for an answer belong into the runtime's nursery.
    """
    is_dead = False
    try:
        async with trio.open_nursery() as nursery:
            runtime = Runtime(
                Registry(*actors), nursery, storage, Recorder(), limits=limits or Limits()
            )
            runtime.client = Client(LocalTransport(runtime))
            nursery.start_soon(runtime.deadlines.watch)
            nursery.start_soon(runtime.between_turns.run)
            nursery.start_soon(runtime.alarms.run)
            yield runtime
            is_dead = True
            nursery.cancel_scope.cancel()
    except* Exception:
        if not is_dead:  # how the dead fall does not matter
            raise


def recorder_of(runtime: Runtime) -> Recorder:
    assert isinstance(runtime.observer, Recorder)
    return runtime.observer


def handle(runtime: Runtime, actor: AnyActor, key: str = "a") -> Handle[Any]:
    return runtime.client.get_or_create(actor, key)


async def call(
    runtime: Runtime, action: Action[Any, ..., Any], *args: Any, key: str = "a", params: Any = None
) -> Any:
    """Call an action of the actor with a key, as other code of the process would."""
    return await handle(runtime, action.owner, key).with_params(params).call(action, *args)


def awake(runtime: Runtime, actor: AnyActor, key: str = "a") -> Instance | None:
    """The instance of an actor, if it is awake."""
    return runtime.directory.awake_now(definition_of(actor), Address(key=(key,)))


def instance_of(actor: Actor[Any, Any, Any, Any]) -> Instance:
    """What runs an actor, seen from within."""
    host: Any = actor._trivet_host  # pyright: ignore[reportPrivateUsage]
    instance: Instance = getattr(host, "_instance", host)
    return instance


async def wake(runtime: Runtime, actor: AnyActor, key: str = "a") -> Instance:
    """Start an actor, or create it."""
    return await runtime.directory.awake(definition_of(actor), Address(key=(key,), create=True))


async def put_away(runtime: Runtime, actor: AnyActor, key: str = "a") -> None:
    await runtime.put_away(definition_of(actor), Address(key=(key,)))
