"""One actor with every hook on, and what must be true of it whatever happened in which order.

Many scripts share a runtime, each has an actor of its own: so the long wait at the end, in which
alarms ring, crashed actors come back and parked links are given up, is one for all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, handle, instance_of, put_away, recorder_of
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.handle import Address
from trivet.declare.interfaces import Conn
from trivet.declare.registry import definition_of
from trivet.lifecycle.connection import ConnectionEvent
from trivet.runtime.instance import Instance
from trivet.runtime.runtime import Runtime

STEPS = ("request", "alarm", "sleep", "destroy", "crash", "connect", "disconnect")
Script = tuple[str, ...]

CUT = {"restarting", "stopping", "unavailable", "not_found", "starting"}
"""What a request may hear of an actor that ends under it."""

LATER = 1.0


class PlannedError(Exception):
    """What a script wants to go wrong."""


@attrs.define
class Tale:
    """What has happened to the actor of one script.

    Attributes:
        hooks: Those of each instance, in their order.
        conn_hooks: Those of each connection.
        ran: How often each request and each alarm ran.
        answered: The actor that has answered each request, and taken each alarm.
        problems: What must not happen.
    """

    script: Script
    hooks: defaultdict[Instance, list[str]] = attrs.Factory(lambda: defaultdict(list[str]))
    conn_hooks: defaultdict[str, list[str]] = attrs.Factory(lambda: defaultdict(list[str]))
    ran: Counter[str] = attrs.Factory(Counter[str])
    answered: dict[str, str] = attrs.Factory(dict[str, str])
    problems: list[str] = attrs.Factory(list[str])
    links: list[PlayedLink] = attrs.Factory(list[PlayedLink])

    def expect(self, promise: bool, text: str) -> None:
        if not promise:
            self.problems.append(f"{' '.join(self.script)}: {text}")


TALES: dict[str, Tale] = {}


class Hooked(Actor[list[str], str], call_hooks=False, sleep_after=30.0):
    """Has every hook of an actor and of its connections; each takes a step of the scheduler."""

    @property
    def tale(self) -> Tale:
        return TALES[self.key[0]]

    async def note(self, hook: str) -> None:
        self.tale.hooks[instance_of(self)].append(hook)
        await trio.lowlevel.checkpoint()

    async def on_create(self, input: None) -> None:
        await self.note("create")

    async def on_wake(self) -> None:
        await self.note("wake")

    async def run(self) -> None:
        await self.note("run")

    async def on_sleep(self) -> None:
        await self.note("sleep")

    async def on_destroy(self) -> None:
        await self.note("destroy")

    async def on_before_connect(self, params: None) -> None:
        await trio.lowlevel.checkpoint()

    async def create_conn_state(self, params: None) -> str:
        await trio.lowlevel.checkpoint()
        return "new"

    async def on_connect(self, conn: Conn[str]) -> None:
        self.tale.conn_hooks[conn.id].append("connect")
        await trio.lowlevel.checkpoint()
        conn.state = "entered"

    async def on_disconnect(self, conn: Conn[str]) -> None:
        self.tale.expect(conn.id not in self.conns, "on_disconnect of a visible connection")
        self.tale.conn_hooks[conn.id].append("disconnect")
        await trio.lowlevel.checkpoint()

    @action
    async def request(self, word: str) -> str:
        self.tale.ran[word] += 1
        self.state.append(word)
        await trio.lowlevel.checkpoint()
        return self.id

    @action
    def alarm(self, word: str) -> str:
        self.schedule.after(0, Hooked.ring, f"{word} now")
        self.schedule.after(LATER, Hooked.ring, f"{word} later")
        return self.id

    @action
    async def ring(self, word: str) -> None:
        self.tale.ran[word] += 1
        self.state.append(word)
        await trio.lowlevel.checkpoint()

    @action
    def fall(self) -> None:
        self.start_soon(self.break_down)

    @action
    def words(self) -> tuple[str, list[str]]:
        return self.id, self.state

    async def break_down(self) -> None:
        raise PlannedError


@attrs.define
class Explorer:
    """Plays scripts in one runtime."""

    runtime: Runtime
    nursery: trio.Nursery

    async def play(self, key: str, script: Script, *, settled: bool) -> None:
        """Play one script, either step by step or all in one pass of the loop."""
        tale = TALES[key] = Tale(script)
        await call(self.runtime, Hooked.words, key=key)
        await wait_all_tasks_blocked()
        for number, step in enumerate(script):
            self.step(key, tale, step, f"{step} {number}")
            if settled:
                await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()

    def step(self, key: str, tale: Tale, step: str, word: str) -> None:
        start_soon = self.nursery.start_soon
        match step:
            case "request":
                start_soon(self.ask, key, word, Hooked.request, word)
            case "alarm":
                start_soon(self.ask, key, word, Hooked.alarm, word)
            case "sleep":
                start_soon(put_away, self.runtime, Hooked, key)
            case "destroy":
                start_soon(self.destroy, key)
            case "crash":
                instance = awake(self.runtime, Hooked, key)
                if instance is None:
                    start_soon(self.ask, key, word, Hooked.fall)
                else:
                    actor: Any = instance.actor
                    actor.start_soon(actor.break_down)
            case "connect":
                link = PlayedLink(self.runtime, manner="prompt")
                tale.links.append(link)
                link.connect(Hooked, key)
            case _:
                standing = [link for link in tale.links if not link.gone]
                if standing:
                    standing[-1].vanish("client")

    async def ask(self, key: str, word: str, what: Action[Any, ..., Any], *args: Any) -> None:
        try:
            answer = await handle(self.runtime, Hooked, key).call(what, *args)
        except errors.Error as error:
            TALES[key].expect(error.code in CUT, f"{word} failed: {error!r}")
        else:
            if args:
                TALES[key].answered[word] = answer

    async def destroy(self, key: str) -> None:
        try:
            await self.runtime.destroy(definition_of(Hooked), Address(key=(key,)))
        except errors.Error as error:
            TALES[key].expect(error.code in CUT, f"destroying failed: {error!r}")

    async def end(self, key: str) -> None:
        """Compare what is there with what was told, and leave nothing."""
        tale = TALES[key]
        actor_id, words = await call(self.runtime, Hooked.words, key=key)
        for word, answered_by in tale.answered.items():
            there = [word] if word.startswith("request") else [f"{word} now", f"{word} later"]
            for one in there if answered_by == actor_id else ():
                tale.expect(tale.ran[one] == 1, f"{one} ran {tale.ran[one]} times")
                tale.expect(words.count(one) == 1, f"{one} is not once in {words}")
        for word, times in tale.ran.items():
            tale.expect(times == 1, f"{word} ran {times} times")
        for link in tale.links:
            calls = link.gone or link.closing is not None or link.call("words")
            if calls is not True:
                await link.gets("reply", calls)
            link.vanish("client")
        await wait_all_tasks_blocked()
        await self.destroy(key)
        check_hooks(tale)


def check_hooks(tale: Tale) -> None:
    for hooks in tale.hooks.values():
        begin = [hook for hook in hooks if hook in {"create", "wake", "run"}]
        close = hooks[len(begin) :]
        tale.expect(hooks[: len(begin)] == begin, f"hooks out of order: {hooks}")
        started = begin[1:] if begin[:1] == ["create"] else begin
        tale.expect(started in (["wake", "run"], ["wake"]), f"a start of {hooks}")
        ends: list[list[str]] = [[], ["sleep"], ["destroy"], ["sleep", "destroy"]]
        tale.expect(close in ends, f"an end of {hooks}")


def check_connections(runtime: Runtime) -> None:
    """Check that each connection that became visible has left exactly once."""
    recorder = recorder_of(runtime)
    for conn_id, trace in recorder.connections.items():
        key = recorder.owners[conn_id].rpartition("/")[2]
        hooks = TALES[key].conn_hooks.get(conn_id, [])
        left = hooks.count("disconnect")
        TALES[key].expect(left == (ConnectionEvent.ADMIT in trace), f"{hooks} of {trace}")
        fine: list[list[str]] = [["connect", "disconnect"], ["disconnect"], []]
        TALES[key].expect(hooks in fine, f"hooks of a connection: {hooks}")
