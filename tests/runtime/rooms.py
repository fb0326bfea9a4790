"""Actors that log what happens to them, and whose hooks play a script."""

from __future__ import annotations

import trio

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, handle
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.runtime.runtime import Runtime

LOG: list[str] = []
SCRIPT: dict[str, str] = {}


async def play(hook: str) -> None:
    match SCRIPT.get(hook, "").split():
        case ["fail"]:
            raise errors.UserError("no", code=hook)
        case ["sleep", seconds]:
            await trio.sleep(float(seconds))
        case _:
            pass


class Quiet(Actor[list[str], list[str]], call_hooks=False):
    """Runs no hook when a client leaves."""

    said = Event[str]()

    async def on_wake(self) -> None:
        LOG.append("on_wake")
        await play("on_wake")

    async def on_before_connect(self, params: None) -> None:
        LOG.append("before")
        await play("before")

    async def on_connect(self, conn: Conn[list[str]]) -> None:
        LOG.append("on_connect")
        await play("on_connect")

    @action
    def say(self, text: str) -> int:
        self.state.append(text)
        self.broadcast(Quiet.said, text)
        return len(self.state)

    @action
    def remember(self, text: str) -> list[str]:
        self.conn.state.append(text)
        return self.conn.state

    @action
    async def nap(self, seconds: float) -> str:
        await trio.sleep(seconds)
        return "napped"

    @action
    def get(self) -> list[str]:
        return self.state


class Room(Quiet, call_hooks=False):
    async def on_disconnect(self, conn: Conn[list[str]]) -> None:
        assert conn.id not in self.conns
        LOG.append(f"on_disconnect {conn.close_cause}")
        self.state.append("somebody left")
        await play("on_disconnect")


def knock(runtime: Runtime, actor: type[Quiet] = Room, key: str = "a") -> PlayedLink:
    link = PlayedLink(runtime)
    link.connect(actor, key)
    return link


async def entered(runtime: Runtime, actor: type[Quiet] = Room, key: str = "a") -> PlayedLink:
    link = knock(runtime, actor, key)
    await link.gets("init")
    return link


def standing(runtime: Runtime, actor: type[Quiet] = Room) -> int:
    """How many connections the actor's instance keeps, visible or not."""
    instance = awake(runtime, actor)
    return 0 if instance is None else len(instance.reception.connections) + len(instance.conns)


async def texts(runtime: Runtime) -> list[str]:
    said: list[str] = await handle(runtime, Room).call(Quiet.get)
    return said
