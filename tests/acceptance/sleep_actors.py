"""The actors of the acceptance list's sleep."""

from __future__ import annotations

import math

import trio

from tests.acceptance.journal import JOURNAL
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import WebSocket

__all__ = [
    "GRACE",
    "SLEEP_AFTER",
    "Dozer",
    "Insomniac",
    "Listener",
    "Overrun",
    "Restless",
    "Talker",
]

SLEEP_AFTER = 0.2
GRACE = 0.3


class Dozer(Actor[dict[str, int]], name="dozer", sleep_after=SLEEP_AFTER):
    """Counts its sleeps and wakes in its state, and sleeps when it is idle."""

    said = Event[str]()

    async def on_wake(self) -> None:
        JOURNAL.note("wake")
        self.count("wakes")

    async def on_sleep(self) -> None:
        JOURNAL.note("sleep")
        self.count("sleeps")

    def count(self, what: str) -> None:
        self.state[what] = self.state.get(what, 0) + 1

    @action
    def counts(self) -> dict[str, int]:
        JOURNAL.note("asked")
        return self.state

    @action
    def rest(self) -> None:
        self.sleep()

    @action
    async def work(self, seconds: float) -> None:
        JOURNAL.note("begins")
        await trio.sleep(seconds)
        JOURNAL.note("ends")

    @action
    def work_until(self) -> None:
        """Start work that the end of the actor waits for, and that returns nothing."""
        self.wait_until(self.nothing)

    async def nothing(self) -> None:
        JOURNAL.note("worked")

    @action(concurrent=True)
    async def stay_awake(self) -> None:
        async with self.keep_awake():
            JOURNAL.note("worked")

    @action
    def alarm(self, seconds: float) -> None:
        self.schedule.after(seconds, Dozer.ring)

    @action
    def ring(self) -> None:
        JOURNAL.note("ring")
        self.count("rings")

    async def on_request(self, request: Request) -> Response:
        await self.work(3 * SLEEP_AFTER)
        return Response(b"done")


class Restless(Dozer, name="restless"):
    """Sleeps out of ``run``, once."""

    async def run(self) -> None:
        async with self.turn():
            self.count("runs")
            is_first = self.state["runs"] == 1
        if is_first:
            self.sleep()


class Insomniac(Dozer, name="insomniac", sleep_after=math.inf):
    """Never sleeps by itself."""


class Talker(Dozer, name="talker", sleep_after=math.inf, grace=5):
    """Has work to do at its start and at its end."""

    async def on_wake(self) -> None:
        await super().on_wake()
        self.words = ["said at the start"]
        self.wait_until(self.say_late)
        self.start_soon(self.listen_for_the_end)

    async def say_late(self) -> None:
        await trio.sleep(0.05)
        JOURNAL.note(self.words[0])

    async def listen_for_the_end(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            JOURNAL.note(f"cancelled with {len(self.words)} words")

    async def on_sleep(self) -> None:
        await super().on_sleep()
        self.wait_until(self.say_late_again)

    async def say_late_again(self) -> None:
        await trio.sleep(0.05)
        JOURNAL.note(f"{self.words[0]}, again")

    @action
    def rest_and_tell(self) -> None:
        self.wait_until(self.tell)
        self.sleep()

    async def tell(self) -> None:
        await trio.sleep(0.05)
        self.broadcast(Dozer.said, "good night")


class Listener(Dozer, name="listener"):
    """Works on the messages of raw WebSockets, and when one is closed."""

    sockets: dict[str, WebSocket]

    async def on_wake(self) -> None:
        await super().on_wake()
        self.sockets = {}

    async def on_websocket(self, socket: WebSocket) -> None:
        self.sockets[socket.conn.id] = socket
        JOURNAL.note("opened")
        try:
            async for message in socket:
                if message == "work":
                    await self.work(3 * SLEEP_AFTER)
                socket.send(message)
            await self.work(3 * SLEEP_AFTER)
        finally:
            del self.sockets[socket.conn.id]
            JOURNAL.note("closed")

    async def on_sleep(self) -> None:
        await super().on_sleep()
        for socket in self.sockets.values():
            socket.send("sleeping")
        await trio.sleep(0.05)
        for socket in self.sockets.values():
            socket.send("still sleeping")

    async def on_disconnect(self, conn: Conn[None]) -> None:
        JOURNAL.note("left")


class Overrun(Dozer, name="overrun", sleep_after=math.inf, grace=GRACE):
    """Works on a message for longer than there is time at the end."""

    def __init__(self) -> None:
        self.finished: list[str] = []

    async def on_websocket(self, socket: WebSocket) -> None:
        async for message in socket:
            JOURNAL.note("begins")
            try:
                await trio.sleep(30)
            finally:
                self.finished.append(str(message))
                JOURNAL.note(f"cut with {self.finished}")
