"""An instance: one actor while it is awake, put together from its parts.

Everything that it runs — turns, hooks, background tasks — is a child of its own nursery, which
opens on first need; so an actor that only answers synchronous calls has no task at all. This file
is the whole; the parts are in ``life`` and ``ending`` (start and end), ``asking`` and ``reception``
(the two entrances of the mailbox), ``worker``, ``gate``, ``state``, and ``host`` (what ``self`` is).
"""

from __future__ import annotations

import contextvars
import math
from typing import TYPE_CHECKING, Any

import trio

from trivet.declare.definition import Definition
from trivet.declare.handle import Address
from trivet.lifecycle.actor import ACTOR, ActorEvent, ActorState
from trivet.runtime import life
from trivet.runtime.background import Background, Draining
from trivet.runtime.call import Call
from trivet.runtime.conns import Connections
from trivet.runtime.expiry import expire
from trivet.runtime.gate import Gate
from trivet.runtime.host import InstanceHost
from trivet.runtime.journal import Journal
from trivet.runtime.mailbox import Mailbox
from trivet.runtime.namespaces import DEFAULT, stored_name
from trivet.runtime.nursery import ActorNursery
from trivet.runtime.own_tasks import OwnTasks
from trivet.runtime.reception import Reception
from trivet.runtime.rows import Rows
from trivet.runtime.schedule import InstanceSchedule
from trivet.runtime.state import NO_STATE, NoState, State
from trivet.runtime.state_watch import StateWatch
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import Turn
from trivet.runtime.worker import Worker

if TYPE_CHECKING:
    from trivet.protocol.faults import Fault
    from trivet.runtime.connection import Connection
    from trivet.runtime.last_words import LastWords
    from trivet.runtime.runtime import Runtime

__all__ = ["Instance"]


class Instance:
    """One actor while it is awake.

    Attributes:
        runtime: The runtime it belongs to.
        definition: What its class declares.
        namespace: Where its key counts.
        key: Its key.
        actor_id: Its id, empty until its record was found or made.
        generation: Which of the actor's lives this is, the first being 1.
        actor: The object of the user's class.
        phase: Where it stands in its life.
        since: When that began.
        context: The actor's own context, in which its actions run.
        armed_at: When ``deadlines`` looks at it next.
        wanted: The address that it was started for, until it is awake.
        failure: Why its start failed.
        broken: Whether one of its tasks, or a save, has failed.
        is_stored: Whether the store knows the actor; until then there is nothing to save it to.
        wish: What it wants its running turn to be followed by: ``SLEEP`` or ``DESTROY``.
        ending: How it ends, once that has begun.
        ends_at: When the grace of its end is over.
        is_sealed: Whether its last save has begun, so that nothing can change how it ends.
        is_removed: Whether the store has forgotten the actor.
        last_words: What is said when it is gone, if it is to be destroyed.
        kept_awake: How many want it to stay awake.
        sleep_after: After how many idle seconds it sleeps.
        holds_effects: Whether what it says waits for a save.
        saves_often: Whether what it changes is saved within an interval.
        save_at: When that is due.
        state_watch: Who calls ``on_state_change``, if the class has that hook.
        journal: The connections that the store knows, if it is to know any.
        changed: Set at the end of its start and replaced; set again at the end of its life.
    """

    __slots__ = (
        "__weakref__",
        "_background",
        "_conns",
        "_draining",
        "_gate",
        "_nursery",
        "_own_tasks",
        "_reception",
        "_schedule",
        "_worker",
        "actor",
        "actor_id",
        "armed_at",
        "broken",
        "changed",
        "context",
        "definition",
        "ending",
        "ends_at",
        "failure",
        "generation",
        "holds_effects",
        "host",
        "is_removed",
        "is_sealed",
        "is_stored",
        "journal",
        "kept_awake",
        "key",
        "last_words",
        "limits",
        "mailbox",
        "namespace",
        "phase",
        "run_in_context",
        "runtime",
        "save_at",
        "saves_often",
        "since",
        "sleep_after",
        "state",
        "state_watch",
        "wanted",
        "wish",
    )

    def __init__(
        self,
        runtime: Runtime,
        definition: Definition,
        namespace: str,
        key: tuple[str, ...],
        wanted: Address,
    ) -> None:
        self.runtime = runtime
        self.namespace = namespace
        self.definition = definition
        self.limits = runtime.limits_of(definition)
        self.key = key
        self.wanted: Address | None = wanted
        self.actor_id = ""
        self.generation = 1
        self.phase = ACTOR.start
        self.since = trio.current_time()
        self.mailbox: Mailbox = runtime.mailbox_type(self.limits.mailbox)
        self.state = self._fresh_state()
        self.context: contextvars.Context = runtime.context.copy()
        self.run_in_context = self.context.run
        self.armed_at = math.inf
        self.failure: Fault | None = None
        self.broken = False
        self.is_stored = self.is_sealed = self.is_removed = False
        self.wish: ActorEvent | None = None
        self.ending: ActorEvent | None = None
        self.ends_at = math.inf
        self.last_words: LastWords | None = None
        self.kept_awake = 0
        self.sleep_after = definition.options.sleep_after
        self.save_at = math.inf
        durable = runtime.storage.durable
        durability = definition.options.durability or "power"
        self.holds_effects = durable and durability in {"power", "process"}
        self.saves_often = durable and durability == "interval"
        keeps_journal = durable and durability != "none" and "on_disconnect" in definition.hooks
        self.journal: Journal | None = Journal() if keeps_journal else None
        self.state_watch: StateWatch | None = None
        self.changed: trio.Event | None = None
        self._nursery: ActorNursery | None = None
        self._worker: Worker | None = None
        self._own_tasks: OwnTasks | None = None
        self._gate: Gate | None = None
        self._conns: Connections | None = None
        self._reception: Reception | None = None
        self._background: Background | None = None
        self._draining: Draining | None = None
        self._schedule: InstanceSchedule | None = None
        if self.holds_effects or self.saves_often:
            self.mailbox.gate = self.gate
        self.actor: Any = definition.actor.__new__(definition.actor)
        self.host = self.actor._trivet_host = InstanceHost(self)
        self.actor._trivet_state = self.state

    # Parts that are made on first need

    @property
    def nursery(self) -> ActorNursery:
        """The nursery that owns everything the actor runs."""
        if self._nursery is None:
            subject = about_instance(self)
            self._nursery = ActorNursery(self.runtime.nursery, self.label, subject)
        return self._nursery

    @property
    def worker(self) -> Worker:
        """The task that runs its calls."""
        if self._worker is None:
            self._worker = Worker(self)
        return self._worker

    @property
    def own_tasks(self) -> OwnTasks:
        """Its calls that run beside the worker."""
        if self._own_tasks is None:
            self._own_tasks = OwnTasks(self)
        return self._own_tasks

    @property
    def gate(self) -> Gate:
        """Where its effects wait for their save."""
        if self._gate is None:
            self._gate = Gate(self)
        return self._gate

    @property
    def rows(self) -> Rows:
        """What it stores piece by piece."""
        return self.gate.rows

    @property
    def conns(self) -> Connections:
        """Its visible connections."""
        if self._conns is None:
            self._conns = Connections()
        return self._conns

    @property
    def reception(self) -> Reception:
        """Where links reach it."""
        if self._reception is None:
            self._reception = Reception(self)
        return self._reception

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Every connection that has not ended, visible or not, oldest first."""
        return () if self._reception is None else self._reception.connections

    @property
    def background(self) -> Background:
        """Its tasks without a turn."""
        if self._background is None:
            self._background = Background(self)
        return self._background

    @property
    def schedule(self) -> InstanceSchedule:
        """Its calls that are to come."""
        if self._schedule is None:
            self._schedule = InstanceSchedule(self)
        return self._schedule

    @property
    def has_schedule(self) -> bool:
        """Whether it has ever had calls that are to come."""
        return self._schedule is not None

    @property
    def draining(self) -> Draining:
        """The work that its end waits for."""
        if self._draining is None:
            self._draining = Draining(self)
        return self._draining

    # Its life

    def step(self, event: ActorEvent) -> None:
        """Take a step of its life."""
        self.phase = ACTOR.step(self.phase, event)
        self.since = trio.current_time()
        self.runtime.observer.actor_step(self.label, self.actor_id, event)

    def start_over(self) -> None:
        """Forget what its start has changed so far."""
        self.broken = False
        self.state = self._fresh_state()
        self.actor._trivet_state = self.state
        self.journal = None if self.journal is None else Journal()
        self._gate = self._schedule = None
        self.host.begins_anew()
        self.mailbox.gate = self.gate

    def _fresh_state(self) -> State | NoState:
        shape = self.definition.state
        return NO_STATE if shape is None else self.runtime.state_type(self, shape)

    def crash(self, why: str) -> None:
        """Stop it at once; its links stay and the next instance takes them up."""
        life.crash(self, why)

    async def changes(self) -> None:
        """Wait until its start, or else its life, has ended."""
        if self.changed is None:
            self.changed = trio.Event()
        await self.changed.wait()

    def has_changed(self) -> None:
        """Wake whoever waits for its start or its end."""
        changed, self.changed = self.changed, None
        if changed is not None:
            changed.set()

    @property
    def label(self) -> str:
        """How logs and errors name it."""
        shown = f"{self.definition.name}/{'/'.join(self.key)}"
        return shown if self.namespace == DEFAULT else f"{self.namespace}:{shown}"

    @property
    def stored_name(self) -> str:
        """What the store calls it and all others of its name and namespace."""
        return stored_name(self.namespace, self.definition.name)

    @property
    def stopping(self) -> bool:
        """Whether it has begun to stop."""
        return self.phase in {ActorState.STOPPING, ActorState.STOPPED}

    @property
    def is_working(self) -> bool:
        """Whether it has to do without a turn; of connections this says nothing."""
        background, gate, reception = self._background, self._gate, self._reception
        return (
            (background is not None and background.keeps_awake)
            or (gate is not None and (bool(gate.effects) or gate.saver.is_busy))
            or (reception is not None and reception.is_serving)
            or (self._schedule is not None and self._schedule.is_due)
        )

    def rests(self) -> None:
        """Take note that something of it has ended just now."""
        self.mailbox.idle_since = self.runtime.now()

    @property
    def grace_left(self) -> float:
        """How many seconds are left of the grace of its end."""
        return max(0.0, self.ends_at - trio.current_time())

    def watch_state(self) -> None:
        """Have changes of the state noticed from now on, if the class wants to hear of them."""
        if "on_state_change" in self.definition.hooks:
            self.state_watch = StateWatch(self)

    def watch(self, conn: Connection) -> None:
        """Take note that the state of a connection is being read: it may change now."""
        if self.journal is not None:
            self.journal.look_at(conn)
            self.autosave()
        if self._gate is not None and self._gate.atomic is not None:
            self._gate.atomic.keep(conn)

    # Calls and their time

    def cut(self, call: Call) -> None:
        """Cancel a call at its next checkpoint, if it runs."""
        if call.scope is not None:
            call.scope.cancel()
        elif self._worker is not None and self._worker.call is call:
            self._worker.cut(late=False)

    def cut_late(self, now: float) -> float:
        """Cut the running call if its time is over; return when that is."""
        running = self._worker.call if self._worker is not None else None
        if running is None:
            return math.inf
        if running.ends > now:
            return running.ends
        self.worker.cut(late=True)
        return math.inf

    def arm(self, when: float) -> None:
        """Have ``deadline_passed`` called no later than ``when``."""
        self.runtime.deadlines.arm(self, when)

    def autosave(self) -> None:
        """Have what has changed stored within the interval, if the actor is saved like that."""
        if self.saves_often and self.save_at == math.inf:
            self.save_at = trio.current_time() + self.limits.save_interval
            self.arm(self.save_at)

    def deadline_passed(self, now: float) -> float:
        """Do what is due by now, and return when there is more."""
        return expire(self, now)

    def turn_ended(self, turn: Turn) -> None:
        """End a turn and hand the actor on."""
        self.mailbox.end(turn)

    def call_ended(self, call: Call) -> None:
        """End a call's turn, and what it alone kept alive."""
        if call.conn is not None:
            self.reception.call_ended(call.conn, call)
        self.mailbox.end(call)
