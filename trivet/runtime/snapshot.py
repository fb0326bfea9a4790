"""The snapshot: what a runtime is doing right now, as plain values.

Rules this file keeps:

1. It only reads. Nothing is started, woken or waited for, and nothing of the runtime is in the
   result: ``attrs.asdict`` makes JSON of it.
2. No value of an application is in it: no state, argument, payload, param or header.
3. Ages are seconds on Trio's clock, up to the moment at which it is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
import trio

from trivet.runtime.own_tasks import running_beside

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.inbox import Inbox
    from trivet.runtime.instance import Instance
    from trivet.runtime.runtime import Runtime
    from trivet.runtime.supervision import Supervised
    from trivet.runtime.turn import Turn

__all__ = [
    "ActorSnapshot",
    "ConnectionSnapshot",
    "CrashedActorSnapshot",
    "ParkedLinkSnapshot",
    "RuntimeSnapshot",
    "StoreSnapshot",
    "TurnSnapshot",
    "take_snapshot",
]


@attrs.frozen(kw_only=True)
class TurnSnapshot:
    """One turn, or a concurrent action.

    Attributes:
        label: What it does: an action's name, or a hook's.
        conn: The id of the connection whose call or hook it is, if any.
        waits_for: The labels of the actors whose answer it waits for.
        waits_age: How long the longest of these waits has lasted, ``None`` without one.
        lends_to: The hook that runs inside it, if any.
        age: How long it has run, or waited in the mailbox; ``None`` for a synchronous action that
            runs right now.
    """

    label: str
    conn: str | None
    waits_for: list[str]
    waits_age: float | None
    lends_to: str | None
    age: float | None


@attrs.frozen(kw_only=True)
class ConnectionSnapshot:
    """One connection.

    Attributes:
        id: Its id.
        kind: How its client came.
        phase: Where it stands in its life.
        age: How long it has stood there.
        subscriptions: How many events it hears.
        queued: How many of its calls wait or run.
        inbox: How many of its messages wait for a place in the mailbox.
        outbox_messages: How many frames its client has not taken.
        outbox_bytes: How many bytes these have.
        close_cause: What ended it, ``None`` while it is open.
    """

    id: str
    kind: str
    phase: str
    age: float
    subscriptions: int
    queued: int
    inbox: int
    outbox_messages: int
    outbox_bytes: int
    close_cause: str | None


@attrs.frozen(kw_only=True)
class ActorSnapshot:
    """One actor that has an instance.

    Attributes:
        name: Its name on the wire.
        key: Its key.
        id: Its id, empty until it is known.
        phase: Where its instance stands in its life.
        age: How long it has stood there.
        turn: The turn that holds it, if any.
        beside: The concurrent actions, oldest first.
        waiting: The turns that wait, first come first.
        oldest_wait: How long the first of them has waited, ``None`` if none waits.
        saving: How long its save has been in flight, ``None`` if none is.
        connections: Its connections, visible or not.
        queues: How many messages each of its queues has that are not completed, empty ones left out.
        tasks: How many background tasks it has.
    """

    name: str
    key: list[str]
    id: str
    phase: str
    age: float
    turn: TurnSnapshot | None
    beside: list[TurnSnapshot]
    waiting: list[TurnSnapshot]
    oldest_wait: float | None
    saving: float | None
    connections: list[ConnectionSnapshot]
    queues: dict[str, int]
    tasks: int


@attrs.frozen(kw_only=True)
class ParkedLinkSnapshot:
    """A client's link while its actor has no instance.

    Attributes:
        actor: The label of its actor.
        actor_id: The actor's id.
        conn: The id of the connection that comes back.
        inbox: How many messages wait.
        age: How long it has been parked.
    """

    actor: str
    actor_id: str
    conn: str
    inbox: int
    age: float


@attrs.frozen(kw_only=True)
class CrashedActorSnapshot:
    """An actor that has crashed lately, whether it has an instance or not.

    Attributes:
        name: Its name on the wire.
        key: Its key.
        id: Its id.
        crashes: How many of its crashes count.
        age: How long ago it failed last.
        unavailable_for: For how long it is unavailable still, ``None`` if it is not.
        restarts_in: When it comes back by itself if somebody misses it, ``None`` if it has.
    """

    name: str
    key: list[str]
    id: str
    crashes: int
    age: float
    unavailable_for: float | None
    restarts_in: float | None


@attrs.frozen(kw_only=True)
class StoreSnapshot:
    """The store.

    Attributes:
        kind: The name of its class.
        durable: Whether what is committed survives the process.
        failed: Whether it has failed for good.
    """

    kind: str
    durable: bool
    failed: bool


@attrs.frozen(kw_only=True)
class RuntimeSnapshot:
    """A runtime.

    Attributes:
        closing: Whether it has begun to end.
        actors: The actors that have an instance.
        parked: The links of actors that have none.
        crashed: The actors that have crashed lately.
        counters: How often each thing was dropped or refused.
        store: The store.
    """

    closing: bool
    actors: list[ActorSnapshot]
    parked: list[ParkedLinkSnapshot]
    crashed: list[CrashedActorSnapshot]
    counters: Mapping[str, int]
    store: StoreSnapshot


def take_snapshot(runtime: Runtime) -> RuntimeSnapshot:
    """Describe what a runtime is doing."""
    storage, directory, now = runtime.storage, runtime.directory, trio.current_time()
    return RuntimeSnapshot(
        closing=runtime.closing,
        actors=[_actor(instance, now) for instance in directory.instances],
        parked=[_parked(inbox, now) for inbox in directory.parked_links],
        crashed=[_crashed(supervised, now) for supervised in runtime.supervisor.supervised],
        counters=runtime.counters,
        store=StoreSnapshot(
            kind=type(storage).__name__, durable=storage.durable, failed=storage.failed
        ),
    )


def _age(since: float, now: float) -> float:
    """Return the seconds since then; what is about to begin has no past."""
    return max(0.0, now - since)


def _actor(instance: Instance, now: float) -> ActorSnapshot:
    holder = instance.mailbox.holder
    # Parts that the actor never needed are not made for this.
    background = instance._background  # pyright: ignore[reportPrivateUsage]
    gate = instance._gate  # pyright: ignore[reportPrivateUsage]
    saver = None if gate is None else gate.saver
    waiting = [_turn(turn, now) for turn in instance.mailbox.waiting()]
    return ActorSnapshot(
        name=instance.definition.name,
        key=list(instance.key),
        id=instance.actor_id,
        phase=instance.phase.name.lower(),
        age=_age(instance.since, now),
        turn=None if holder is None else _turn(holder, now),
        beside=[_turn(call, now) for call in running_beside(instance)],
        waiting=waiting,
        oldest_wait=waiting[0].age if waiting else None,
        saving=_age(saver.since, now) if saver is not None and saver.is_saving else None,
        connections=[_connection(conn, now) for conn in instance.connections],
        queues={} if instance.host.queues is None else instance.host.queues.lengths,
        tasks=0 if background is None else len(background),
    )


def _turn(turn: Turn, now: float) -> TurnSnapshot:
    conn = turn.conn or turn.hook_of
    waits = [wait for wait in turn.waits_for or () if wait.holds]
    return TurnSnapshot(
        label="a synchronous action" if turn.is_inline else turn.label,
        conn=None if conn is None else conn.id,
        waits_for=[wait.target.label for wait in waits],
        waits_age=max((_age(wait.since, now) for wait in waits), default=None),
        lends_to=None if turn.borrower is None else turn.borrower.label,
        age=None if turn.is_inline else _age(turn.since, now),
    )


def _connection(conn: Connection, now: float) -> ConnectionSnapshot:
    inbox = conn.inbox
    frames, size = (0, 0) if inbox is None else inbox.link.backlog
    return ConnectionSnapshot(
        id=conn.id,
        kind=conn.kind,
        phase=conn.phase.name.lower(),
        age=_age(conn.since, now),
        subscriptions=len(conn.subscriptions),
        queued=conn.queued,
        inbox=0 if inbox is None else len(inbox),
        outbox_messages=frames,
        outbox_bytes=size,
        close_cause=conn.close_cause,
    )


def _parked(inbox: Inbox, now: float) -> ParkedLinkSnapshot:
    parked = inbox.parked
    assert parked is not None
    return ParkedLinkSnapshot(
        actor=parked.actor,
        actor_id=parked.actor_id,
        conn=parked.conn_id,
        inbox=len(inbox),
        age=_age(parked.since, now),
    )


def _crashed(supervised: Supervised, now: float) -> CrashedActorSnapshot:
    left = supervised.record.unavailable_for(now)
    restarts = supervised.restart_at < math.inf
    return CrashedActorSnapshot(
        name=supervised.definition.name,
        key=list(supervised.key),
        id=supervised.actor_id,
        crashes=len(supervised.record.crashes),
        age=_age(supervised.record.last, now),
        unavailable_for=left or None,
        restarts_in=_age(now, supervised.restart_at) if restarts else None,
    )
