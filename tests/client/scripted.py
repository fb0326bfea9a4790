"""A way to an actor that the test plays: every attempt and all that happens in it is scripted."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    nullcontext,
)
from typing import Any, NoReturn

import trio

from trivet.client.connection import LiveConnection, open_connection
from trivet.client.counts import Counts
from trivet.client.session import Ending, Receiver, SessionLost
from trivet.client.values import WireValues
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import ActionError, Error
from trivet.declare.event import Event
from trivet.declare.handle import Connection, LiveTarget
from trivet.declare.registry import definition_of


class Room(Actor[None, None, str | None]):
    said = Event[str]()
    moved = Event[tuple[str, int]]()

    @action
    def say(self, text: str) -> int:
        return len(text)


class Attempt:
    """One run of the dialer, and the session in it."""

    def __init__(self, receiver: Receiver, params: Any) -> None:
        self.receiver = receiver
        self.params = params
        self.started_at = trio.current_time()
        self.log: list[tuple[Any, ...]] = []
        self.closing = False
        self.polite = True
        self.over = False
        self._over = trio.Event()
        self._outcome: Ending | Exception = Ending()

    # What the test does

    def open(self) -> None:
        self.receiver.opened(self)

    def reply(self, call_id: int, output: Any = None) -> None:
        self.receiver.replied(call_id, output)

    def end(self, code: int = 1006, reason: str = "") -> None:
        self._outcome = Ending(code, reason)
        self._over.set()

    def fail(self, error: Exception) -> None:
        self._outcome = error
        self._over.set()

    def refuse(self, error: Error, code: int = 1011) -> None:
        self.receiver.failed(None, error)
        self.end(code, f"{error.group}.{error.code}")

    @property
    def calls(self) -> list[tuple[int, Any]]:
        return [(entry[1], *entry[2]) for entry in self.log if entry[0] == "call"]

    # What the connection does

    def call(self, call_id: int, name: str, arguments: Any, deadline: float, /) -> int | None:
        if self.over:
            return None
        self.log.append(("call", call_id, arguments))
        return len(str(arguments))

    def subscribe(self, event_name: str, *, wanted: bool) -> None:
        self.log.append(("on" if wanted else "off", event_name))

    def close(self) -> None:
        self.closing = True
        if self.polite:
            self.end(1000)

    async def run(self) -> Ending:
        await self._over.wait()
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class ScriptedDialer:
    def __init__(self, *, creates: bool = True) -> None:
        self.values = WireValues(definition_of(Room))
        self.creates = creates
        self.attempts: list[Attempt] = []
        self.running = 0
        self._changed = trio.Event()

    async def run(self, params: Any, receiver: Receiver, /) -> Ending:
        attempt = Attempt(receiver, params)
        self.attempts.append(attempt)
        self._changed.set()
        self.running += 1
        try:
            return await attempt.run()
        finally:
            self.running -= 1

    def waiting(self) -> AbstractContextManager[object]:
        return nullcontext()

    async def dialled(self, number: int) -> Attempt:
        """Wait for an attempt, counted from 0."""
        while len(self.attempts) <= number:
            self._changed = trio.Event()
            await self._changed.wait()
        return self.attempts[number]

    async def opened(self, number: int = 0) -> Attempt:
        attempt = await self.dialled(number)
        attempt.open()
        return attempt


class NoTarget:
    """What a connection asks for things that are not its own; here nothing is."""

    async def call(self, *_: Any) -> NoReturn:
        raise NotImplementedError

    async def call_by_name(self, *_: Any) -> NoReturn:
        raise NotImplementedError

    async def send(self, *_: Any) -> NoReturn:
        raise NotImplementedError

    async def resolve(self) -> str:
        return "the id"

    def fetch(self, *_: object) -> NoReturn:
        raise NotImplementedError

    def websocket(self, *_: object) -> NoReturn:
        raise NotImplementedError

    def connect(self, _: object, /) -> AbstractAsyncContextManager[LiveTarget]:
        raise NotImplementedError

    def watch(self) -> NoReturn:
        raise NotImplementedError


def opening(
    dialer: ScriptedDialer, params: object = None, jitter: float = 1.0
) -> AbstractAsyncContextManager[LiveConnection]:
    return open_connection(dialer, NoTarget(), params, Counts(), lambda: jitter)


@asynccontextmanager
async def connected(
    dialer: ScriptedDialer, params: object = None
) -> AsyncGenerator[tuple[Connection[Room], Attempt, trio.Nursery]]:
    """A connection whose first attempt is open, and a nursery for calls."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dialer.opened)
        async with opening(dialer, params) as live:
            yield Connection[Room](live), dialer.attempts[0], nursery


class Asked:
    """A call in a task of its own, and what became of it."""

    def __init__(self, nursery: trio.Nursery, conn: Connection[Room], text: str) -> None:
        self.scope = trio.CancelScope()
        self.outcome: Any = None
        nursery.start_soon(self._run, conn, text)

    async def _run(self, conn: Connection[Room], text: str) -> None:
        with self.scope:
            try:
                self.outcome = await conn.call(Room.say, text)
            except Error as error:
                self.outcome = error


def lost() -> SessionLost:
    return SessionLost("the network is down")


async def enter(dialer: ScriptedDialer, *, params: object = None) -> Exception | None:
    """Open a connection and leave it; return what that raised."""
    try:
        async with opening(dialer, params):
            return None
    except Exception as error:
        return error


def passing(code: str, group: str = "actor") -> ActionError:
    return ActionError("not now", group=group, code=code)
