"""A small world of actors and clients, played by a script, that watches what it is promised.

A script is a list of steps: clients come and go, call, kick and are kicked, their networks are cut,
hooks succeed, fail or hang, actors sleep, crash and are destroyed. They note who is inside a turn,
whom they have seen come and leave, and what they have read of each raw WebSocket; whatever breaks a
promise is kept as a problem.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
import trio

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.web_socket import WebSocket
from trivet.runtime.connection import Connection
from trivet.runtime.instance import Instance
from trivet.runtime.runtime import Runtime

Step = tuple[Any, ...]

SLACK = 0.2


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
        entered: The connections whose ``on_connect`` has succeeded.
        hooks: Which hooks each connection has seen.
        inside: How many turns of an actor run.
        written: How many words each actor had in its state when it looked last.
        endings: Which last hooks each instance has run.
        serving: For how many handlers each raw WebSocket is being served.
        read: The numbers of the messages of each raw WebSocket, as its handlers got them.
        kicks: How many hooks have kicked others: whoever waits for such a hook waits for theirs.
    """

    runtime: Runtime
    problems: list[str] = attrs.Factory(list[str])
    links: list[PlayedLink] = attrs.Factory(list[PlayedLink])
    instances: list[Instance] = attrs.Factory(list[Instance])
    held: list[Any] = attrs.Factory(list[Any])
    entered: set[str] = attrs.Factory(set[str])
    hooks: defaultdict[str, list[str]] = attrs.Factory(lambda: defaultdict[str, list[str]](list))
    inside: Counter[str] = attrs.Factory(Counter[str])
    written: Counter[str] = attrs.Factory(Counter[str])
    endings: list[tuple[Instance, str]] = attrs.Factory(list[tuple[Instance, str]])
    serving: Counter[str] = attrs.Factory(Counter[str])
    read: defaultdict[str, list[int]] = attrs.Factory(lambda: defaultdict[str, list[int]](list))
    kicks: int = 0

    def expect(self, promise: bool, text: str) -> None:
        if not promise:
            self.problems.append(text)


WORLDS: list[World] = []


class Yard(Actor[list[list[str]], Seat, Plan | None]):
    """Has no connection hooks."""

    said = Event[str]()

    def __init__(self) -> None:
        host: Any = self._trivet_host
        self.world.instances.append(host.instance)

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

    async def kick(self, conn: Conn[Seat], bound: float, *, alone: bool = False) -> None:
        assert isinstance(conn, Connection)
        began = trio.current_time()
        await conn.disconnect("out")
        took = trio.current_time() - began
        expect = self.world.expect
        expect(not alone or conn.ended.is_set() or took >= 10, "a lent hook has not ended")
        bound += 5.0 * self.world.kicks
        expect(took <= bound + SLACK, f"a disconnect took {took} s")
        expect(conn.id not in self.conns, "a disconnected connection is visible")
        expect(conn.inbox is None or conn.inbox.closed.is_set(), "its link is still open")

    async def kick_from_turn(self, *conns: Conn[Seat]) -> None:
        with self.lent():
            async with trio.open_nursery() as nursery:
                for conn in conns:
                    alone = len(conns) == 1
                    nursery.start_soon(partial(self.kick, conn, 15.0, alone=alone))

    # Actions

    @contextmanager
    def acting(self, what: str) -> Generator[None]:
        """Be inside, for a client that has been let in."""
        with self.inside(what):
            known = type(self) is Yard or self.conn.id in self.world.entered
            self.world.expect(known, f"{what} before on_connect has ended")
            yield

    @action
    def note(self, words: list[str]) -> list[list[str]]:
        with self.acting("note"):
            self.count_words()
            self.state.append([self.label, *words])
            self.state.append(words)
            self.count_words()
            return self.state

    def count_words(self) -> None:
        written = len(self.state)
        self.world.expect(written >= self.world.written[self.id], "words were forgotten")
        self.world.written[self.id] = written

    @action(timeout=10)
    async def nap(self, seconds: float) -> str:
        with self.acting("nap"):
            self.state.append([self.label])
            await trio.sleep(seconds)
            self.broadcast(Yard.said, "woken")
        return "napped"

    @action
    async def mark(self, mark: str) -> list[str]:
        with self.acting("mark"):
            await trio.lowlevel.checkpoint()
            self.conn.state.marks.append(mark)
            return self.conn.state.marks

    @action
    async def kick_some(self, names: list[str]) -> None:
        with self.acting("kick_some"):
            await self.kick_from_turn(
                *self.conns.select(lambda conn: conn.state.plan.name in names)
            )
            await trio.sleep(0.5)

    @action
    async def kick_all(self) -> None:
        with self.acting("kick_all"):
            await self.kick_from_turn(*self.conns.values())
            await trio.sleep(0.5)

    @action
    async def kick_one(self, name: str, patience: float) -> None:
        with self.acting("kick_one"):
            conn = self.conns.find(lambda conn: conn.state.plan.name == name)
            if conn is not None:
                with trio.move_on_after(patience):
                    await self.kick_from_turn(conn)
                await trio.sleep(0.5)

    @action
    async def kick_myself(self) -> None:
        with self.acting("kick_myself"):
            await self.kick_from_turn(self.conn)

    @action
    def write_later(self) -> None:
        with self.acting("write_later"):
            self.start_soon(self.write)

    async def write(self) -> None:
        async with self.turn():
            with self.inside("write"):
                self.state.append([self.label])
                await trio.sleep(0.5)

    @action
    def write_until(self) -> None:
        with self.acting("write_until"):
            self.wait_until(self.write)

    @action
    def hold(self, seconds: float) -> None:
        self.start_soon(self.stay_awake, seconds)

    async def stay_awake(self, seconds: float) -> None:
        async with self.keep_awake():
            await trio.sleep(seconds)

    @action
    def rest(self) -> None:
        with self.acting("rest"):
            self.sleep()

    @action
    async def end(self) -> None:
        with self.acting("end"):
            self.destroy()
            await trio.sleep(0.5)

    @action
    def fall(self) -> None:
        self.start_soon(self.break_down)

    async def break_down(self) -> None:
        raise PlannedError

    @action
    async def fail(self) -> None:
        with self.acting("fail"):
            await trio.lowlevel.checkpoint()
            raise errors.UserError("no")


class Hall(Yard, sleep_after=5.0, hibernate_websockets=lambda request: request.query == "keep"):
    """Has all hooks of connections, and of its end."""

    async def on_sleep(self) -> None:
        await self.say_farewell("on_sleep")

    async def on_destroy(self) -> None:
        await self.say_farewell("on_destroy")

    async def say_farewell(self, hook: str) -> None:
        host: Any = self._trivet_host
        ending = host.instance, hook
        self.world.expect(ending not in self.world.endings, f"{hook} runs twice")
        self.world.endings.append(ending)
        with self.inside(hook):
            self.broadcast(Yard.said, hook)
            await trio.sleep(1)
            self.count_words()

    async def on_websocket(self, socket: WebSocket[Seat]) -> None:
        conn_id = socket.conn.id
        self.world.expect(not self.world.serving[conn_id], "a socket is served twice")
        self.world.serving[conn_id] += 1
        try:
            async for message in socket:
                self.world.read[conn_id].append(socket.message_index)
                number, _, what = str(message).partition(" ")
                await self.hear(socket, what)
                socket.send(number)
        finally:
            self.world.serving[conn_id] -= 1

    async def hear(self, socket: WebSocket[Seat], what: str) -> None:
        match what:
            case "nap":
                await trio.sleep(3)
            case "turn":
                async with self.turn():
                    with self.inside("a turn of a handler"):
                        self.state.append([self.label])
                        await trio.sleep(0.5)
            case "rest":
                self.sleep()
            case "break":
                raise PlannedError
            case "fall":
                if self.world.read[socket.conn.id].count(socket.message_index) == 1:
                    self.fall()
                await trio.sleep(3)
            case "leave":
                await socket.conn.disconnect("out")
            case _:
                pass

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
            self.world.entered.add(conn.id)

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
                await trio.sleep(3)
            case "hang":
                await trio.sleep_forever()
            case "kick" if conn is not None:
                self.world.kicks += 1
                await self.kick_from_turn(*self.conns.select(lambda other: other is not conn))
            case _:
                pass
