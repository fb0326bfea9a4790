"""A small world of actors and clients, played by a script, that watches what it is promised.

A script is a list of steps: clients come and go, call, kick and are kicked, their networks are cut,
hooks succeed, fail or hang, instances are put away or crash. The actors note who is inside a turn
and whom they have seen come and leave; whatever breaks a promise is kept as a problem.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import attrs
import trio

import trivet.declare.errors as errors
from tests.runtime.links import Manner, PlayedLink
from tests.runtime.runtimes import AnyActor, Recorder, handle, opened, put_away
from tests.runtime.sharing import mutable_parts
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.lifecycle.connection import ConnectionEvent
from trivet.runtime.connection import Connection
from trivet.runtime.instance import Instance
from trivet.runtime.runtime import Runtime

Step = tuple[Any, ...]

SLACK = 0.2
LIMITS = Limits(grace=1000.0)  # so that every hook has its time when an actor stops
ANSWERS = {"reply", "failure"}


@attrs.frozen
class Plan:
    """Who connects, and what each hook shall do: ``ok``, ``fail``, ``hang``, ``slow`` or ``kick``."""

    name: str = "nobody"
    before: str = "ok"
    state: str = "ok"
    connect: str = "ok"
    disconnect: str = "ok"


@attrs.define
class Seat:
    """The state of a connection."""

    plan: Plan = attrs.Factory(Plan)
    marks: list[str] = attrs.Factory(list[str])


class PlannedError(Exception):
    """What a script wants to go wrong."""


@attrs.define
class World:
    """What the test knows.

    Attributes:
        problems: Promises that were broken.
        links: Every client so far.
        instances: Every instance so far.
        held: What callers gave and got, all of it, so that no object's id is used again.
    """

    runtime: Runtime
    problems: list[str] = attrs.Factory(list[str])
    links: list[PlayedLink] = attrs.Factory(list[PlayedLink])
    instances: list[Instance] = attrs.Factory(list[Instance])
    held: list[Any] = attrs.Factory(list[Any])
    hooks: defaultdict[str, list[str]] = attrs.Factory(lambda: defaultdict[str, list[str]](list))
    inside: Counter[str] = attrs.Factory(Counter[str])

    def expect(self, promise: bool, text: str) -> None:
        if not promise:
            self.problems.append(text)


WORLDS: list[World] = []


class Yard(Actor[list[list[str]], Seat, Plan | None]):
    """Has no connection hooks."""

    said = Event[str]()

    def __init__(self) -> None:
        host: Any = self._trivet_host
        self.world.instances.append(host)

    @property
    def world(self) -> World:
        return WORLDS[-1]

    @property
    def label(self) -> str:
        return f"{self.name}/{self.key[0]}"

    # Turns

    @contextmanager
    def inside(self, what: str) -> Generator[None]:
        """Hold the actor: nobody else may be inside."""
        self.world.expect(not self.world.inside[self.label], f"{what} runs beside another turn")
        self.world.inside[self.label] += 1
        try:
            yield
        finally:
            self.world.inside[self.label] -= 1

    @contextmanager
    def lent(self) -> Generator[None]:
        """Let hooks in while the turn waits for them; then nobody may be inside any more."""
        self.world.inside[self.label] -= 1
        try:
            yield
        finally:
            self.world.expect(not self.world.inside[self.label], "a hook runs beside its lender")
            self.world.inside[self.label] += 1

    async def kick(self, conn: Conn[Seat], bound: float) -> None:
        assert isinstance(conn, Connection)
        began = trio.current_time()
        await conn.disconnect("out")
        took = trio.current_time() - began
        expect = self.world.expect
        expect(took <= bound + SLACK, f"a disconnect took {took} s")
        expect(conn.id not in self.conns, "a disconnected connection is visible")
        expect(conn.inbox is None or conn.inbox.closed.is_set(), "its link is still open")

    async def kick_from_turn(self, *conns: Conn[Seat]) -> None:
        with self.lent():
            async with trio.open_nursery() as nursery:
                for conn in conns:
                    nursery.start_soon(self.kick, conn, 15.0)

    # Actions

    @action
    def note(self, words: list[str]) -> list[list[str]]:
        with self.inside("note"):
            self.state.append([self.label, *words])
            self.state.append(words)
            return self.state

    @action
    async def nap(self, seconds: float) -> str:
        with self.inside("nap"):
            self.state.append([self.label])
            await trio.sleep(seconds)
            self.broadcast(Yard.said, "woken")
        return "napped"

    @action
    async def mark(self, mark: str) -> list[str]:
        with self.inside("mark"):
            await trio.lowlevel.checkpoint()
            self.conn.state.marks.append(mark)
            return self.conn.state.marks

    @action
    async def kick_some(self, names: list[str]) -> None:
        with self.inside("kick_some"):
            await self.kick_from_turn(
                *self.conns.select(lambda conn: conn.state.plan.name in names)
            )

    @action
    async def kick_myself(self) -> None:
        with self.inside("kick_myself"):
            await self.kick_from_turn(self.conn)

    @action
    def write_later(self) -> None:
        with self.inside("write_later"):
            self.start_soon(self.write)

    async def write(self) -> None:
        async with self.turn():
            with self.inside("write"):
                self.state.append([self.label])
                await trio.sleep(0.5)

    @action
    def fall(self) -> None:
        self.start_soon(self.break_down)

    async def break_down(self) -> None:
        raise PlannedError

    @action
    async def fail(self) -> None:
        with self.inside("fail"):
            await trio.lowlevel.checkpoint()
            raise errors.UserError("no")


class Hall(Yard):
    """Has all connection hooks."""

    async def on_before_connect(self, params: Plan | None) -> None:
        assert params is not None
        await self.play(params.before)

    async def create_conn_state(self, params: Plan | None) -> Seat:
        assert params is not None
        await self.play(params.state)
        return Seat(params)

    async def on_connect(self, conn: Conn[Seat]) -> None:
        with self.inside("on_connect"):
            self.world.hooks[conn.id].append("connect")
            await self.play(conn.state.plan.connect, conn)

    async def on_disconnect(self, conn: Conn[Seat]) -> None:
        with self.inside("on_disconnect"):
            self.world.expect(conn.id not in self.conns, "on_disconnect of a visible connection")
            self.world.hooks[conn.id].append("disconnect")
            await self.play(conn.state.plan.disconnect, conn)

    async def play(self, outcome: str, conn: Conn[Seat] | None = None) -> None:
        match outcome:
            case "fail":
                raise errors.UserError("no")
            case "break":
                raise PlannedError
            case "slow":
                await trio.sleep(1)
            case "hang":
                await trio.sleep_forever()
            case "kick" if conn is not None:
                await self.kick_from_turn(*self.conns.select(lambda other: other is not conn))
            case _:
                pass


PLACES: dict[str, AnyActor] = {"hall": Hall, "yard": Yard}


@attrs.define
class Player:
    """Plays a script in a world."""

    world: World
    nursery: trio.Nursery

    async def play(self, step: Step) -> None:
        world = self.world
        match step:
            case ("enter", place, key, plan, manner):
                self.enter(place, key, plan, manner)
            case ("pause", seconds):
                await trio.sleep(seconds)
            case ("ask", place, key, plan, name, args, patience):
                self.nursery.start_soon(self.ask, place, key, plan, name, args, patience)
            case ("put away", place, key):
                self.nursery.start_soon(put_away, world.runtime, PLACES[place], key)
            case ("kick", number):
                self.kick(number)
            case (what, number, *rest) if world.links:
                link: PlayedLink = world.links[int(number) % len(world.links)]
                getattr(self, what)(link, *rest)
            case _:
                pass  # there is no client yet

    def enter(self, place: str, key: str, plan: Plan, manner: Manner) -> None:
        link = PlayedLink(self.world.runtime, manner=manner)
        self.world.links.append(link)
        link.connect(PLACES[place], key, params=plan if place == "hall" else None)

    def call(self, link: PlayedLink, name: str, args: list[Any]) -> None:
        link.call(name, *args)

    def subscribe(self, link: PlayedLink, on: bool) -> None:
        if not link.gone:
            link.subscribe("said", on=on)

    def leave(self, link: PlayedLink, cause: Any) -> None:
        link.vanish(cause)

    def kick(self, number: int) -> None:
        """Kick somebody from outside of any turn."""
        seen = [(i, conn) for i in self.world.instances for conn in i.conns.all()]
        if seen:
            instance, conn = seen[number % len(seen)]
            self.nursery.start_soon(instance.actor.kick, conn, 10.0)

    async def ask(
        self, place: str, key: str, plan: Plan, name: str, args: list[Any], patience: float
    ) -> None:
        target = handle(self.world.runtime, PLACES[place], key).with_params(plan)
        self.world.held.append(tuple(args))
        with trio.move_on_after(patience):
            try:
                token: Any = getattr(Yard, name)
                self.world.held.append(await target.call(token, *args))
            except errors.Error as error:
                planned = error.code != "internal_error" or "break" in attrs.astuple(plan)
                self.world.expect(planned, f"{name} failed: {error}")


class Watch(logging.Handler):
    """Sees in the log what a firewall has caught: nobody planned it, if it is no error of ours."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self.world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.world.expect(is_planned(error), f"{record.getMessage()}: {error!r}")


def is_planned(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(is_planned(inner) for inner in group.exceptions)
    return error is None or isinstance(error, errors.Error | PlannedError)


async def live(script: list[Step]) -> World:
    """Play a script, end the world, and check what is left of it."""
    recorder = Recorder()
    async with opened(Hall, Yard, limits=LIMITS, observer=recorder) as runtime:
        world = World(runtime)
        WORLDS.append(world)
        watch = Watch(world)
        logging.getLogger("trivet").addHandler(watch)
        try:
            with trio.fail_after(10_000):
                async with trio.open_nursery() as nursery:
                    player = Player(world, nursery)
                    for step in script:
                        await player.play(step)
        finally:
            logging.getLogger("trivet").removeHandler(watch)
    check(world, recorder)
    return world


def check(world: World, recorder: Recorder) -> None:
    """Check what has to hold when everything is over."""
    for conn_id, trace in recorder.connections.items():
        seen = world.hooks[conn_id]
        if recorder.owners[conn_id].startswith("Hall/"):
            visible = ConnectionEvent.ADMIT in trace
            world.expect(seen.count("disconnect") == visible, f"on_disconnect: {seen}, {trace}")
            world.expect(seen in (["connect", "disconnect"], ["disconnect"], []), f"hooks: {seen}")
        else:
            world.expect(seen == [], f"hooks of a class that has none: {seen}")
    for link in world.links:
        check_link(world, link)
    for instance in world.instances:
        check_instance(world, instance)
    check_sharing(world)
    assert not world.problems, "\n".join(world.problems)


def check_link(world: World, link: PlayedLink) -> None:
    frames = [frame for frame in link.frames if frame[0] != "failure" or frame[1] is not None]
    kinds = [frame[0] for frame in frames]
    world.expect(kinds.count("init") == (1 if kinds else 0), "not exactly one Init")
    world.expect(not kinds or kinds[0] == "init", "something came before Init")
    answered = [frame[1] for frame in frames if frame[0] in ANSWERS]
    world.expect(answered == sorted(set(answered)), f"calls were answered out of order: {answered}")
    world.expect(link.gone or link.closing is not None, "a link is still open")


def check_instance(world: World, instance: Instance) -> None:
    mailbox = instance.mailbox
    world.expect(not instance.conns, "a connection is still visible")
    world.expect(not instance.reception.connections, "a connection is still kept")
    world.expect(mailbox.holder is None, f"{mailbox.holder} still holds its actor")
    world.expect(not mailbox.queue and not mailbox.requests, "turns still wait")
    nursery = instance.nursery
    world.expect(nursery.ended is None or nursery.is_closed, "a nursery is still open")
    for words in instance.state.value:
        whose = words[0] if words else instance.label
        world.expect("/" not in whose or whose == instance.label, f"{whose} in {instance.label}")


def check_sharing(world: World) -> None:
    owners: dict[int, str] = {}
    things = [(f"caller {number}", value) for number, value in enumerate(world.held)]
    things += [(f"{id(one)} {one.label}", one.state.value) for one in world.instances]
    for owner, thing in things:
        for part in mutable_parts(thing):
            world.expect(owners.setdefault(id(part), owner) == owner, f"{owner} shares {part!r}")
