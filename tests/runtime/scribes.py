"""Actors whose turns play a script, with pauses that the test ends.

A script is a row of steps: ``add 1; say hello; pause here; save``.
"""

from __future__ import annotations

from typing import Any, cast

import trio

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.registry import definition_of
from trivet.declare.values import Place, shape_of
from trivet.runtime.runtime import Runtime

NUMBERS = shape_of(list[int], place=Place.STATE, where="Scribe: state")

PAUSES: dict[str, trio.Event] = {}
LEAVING: list[str] = []
"""The scripts that the next ``on_disconnect`` hooks play, if the test has put any here."""


def go_on(name: str) -> None:
    """End a pause, also one that is still to come."""
    PAUSES.setdefault(name, trio.Event()).set()


def forget_scripts() -> None:
    PAUSES.clear()
    LEAVING.clear()


class Scribe(Actor[list[int], list[int]], call_hooks=False):
    said = Event[str]()

    async def play(self, script: str) -> int:
        """Play a script, the state in a local name from its first change on."""
        numbers: list[int] | None = None
        for step in script.split("; "):
            match step.split():
                case ["add", number]:
                    numbers = self.state if numbers is None else numbers
                    numbers.append(int(number))
                case ["pause", name]:
                    await PAUSES.setdefault(name, trio.Event()).wait()
                case ["save"]:
                    await self.save()
                case ["call", key]:
                    await self.client.get_or_create(Scribe, key).call(Scribe.now, "add 0")
                case ["resolve", key]:
                    await self.client.get_or_create(Scribe, key).resolve()
                case ["connect", key]:
                    async with self.client.get_or_create(Scribe, key).connect() as other:
                        await self.play("add 100")
                        await other.call(Scribe.now, "add 0")
                case ["kick"]:
                    for conn in tuple(self.conns.values()):
                        await conn.disconnect("out")
                case ["put", key, value]:
                    await self.kv.put(key, value.encode())
                case ["remove", key]:
                    await self.kv.delete(key)
                case ["background", *rest]:
                    self.start_soon(self.play, " ".join(rest))
                case _:
                    self.play_now(step)
        return len(numbers or [])

    def play_now(self, script: str) -> int:
        for step in script.split("; "):
            match step.split():
                case ["add", number]:
                    self.state.append(int(number))
                case ["say", word]:
                    self.broadcast(Scribe.said, word)
                case ["note", number]:
                    self.conn.state.append(int(number))
                case ["spoil"]:
                    self.state.append(cast("Any", "no number"))
                case ["fail"]:
                    raise errors.UserError("no", code="failed")
                case _:
                    raise AssertionError(step)
        return 0

    @action
    async def do(self, script: str) -> int:
        return await self.play(script)

    @action(atomic=True)
    async def at_once(self, script: str) -> int:
        return await self.play(script)

    @action(atomic=True)
    def at_once_now(self, script: str) -> int:
        return self.play_now(script)

    @action
    def now(self, script: str) -> int:
        return self.play_now(script)

    @action(readonly=True)
    def read(self) -> list[int]:
        return self.state

    @action(readonly=True)
    async def read_slowly(self, script: str) -> list[int]:
        numbers = self.state
        await self.play(script)
        return numbers

    @action
    def noted(self) -> list[int]:
        return self.conn.state


class Host(Scribe, call_hooks=False):
    """Stores its connections, for it has a hook that each of them is owed."""

    async def on_disconnect(self, conn: Conn[list[int]]) -> None:
        await self.play(LEAVING.pop(0) if LEAVING else f"add {-sum(conn.state) - 1}")


async def connected(runtime: Runtime, actor: type[Scribe], key: str = "a") -> PlayedLink:
    """Connect and subscribe; what the store has to do for that is done."""
    link = PlayedLink(runtime)
    link.connect(actor, key)
    await link.gets("init")
    link.subscribe("said")
    return link


def words(link: PlayedLink) -> list[object]:
    """What a client has heard: the words of events, the kinds of all other frames."""
    return [frame[-1] if frame[0] == "event" else frame[0] for frame in link.frames[1:]]


async def stored(
    storage: HeldStorage, actor: type[Scribe] = Scribe, key: str = "a"
) -> list[int] | None:
    """The state of an actor as it would be found after a kill."""
    record = await storage.find(definition_of(actor).name, (key,))
    return None if record is None or record.state is None else NUMBERS.decode(record.state)


def saved(storage: HeldStorage) -> list[list[int] | None]:
    """The states that the saves begun so far have to store, ``None`` where it is unchanged."""
    return [None if save.data is None else NUMBERS.decode(save.data) for save in storage.saves]
