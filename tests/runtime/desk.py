"""An actor whose actions run beside its turns, and note in its state what they do."""

from __future__ import annotations

from contextvars import ContextVar

import pytest
import trio

import trivet.declare.errors as errors
from tests.runtime.scribes import PAUSES
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.runtime.call import current_deadline

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


async def pause(name: str) -> None:
    await PAUSES.setdefault(name, trio.Event()).wait()


class Desk(Actor[list[str], list[str]]):
    """Notes what is done in its state."""

    @action(concurrent=True)
    async def watch(self, name: str) -> list[str]:
        self.state.append(f"{name} begins")
        await pause(name)
        self.state.append(f"{name} ends")
        return self.state

    @action(concurrent=True, timeout=3)
    async def watch_briefly(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.state.append("cut")

    @action(concurrent=True)
    async def replace(self, text: str) -> None:
        self.state = [text]

    @action(concurrent=True, readonly=True)
    async def look(self, name: str) -> int:
        await pause(name)
        return len(self.state)

    @action
    async def hold(self, name: str) -> str:
        self.state.append(f"{name} holds")
        await pause(name)
        return "held"

    @action
    def note(self, text: str) -> list[str]:
        self.state.append(text)
        return self.state

    @action(concurrent=True)
    async def remember(self, text: str) -> list[str]:
        self.conn.state.append(text)
        await trio.lowlevel.checkpoint()
        return self.conn.state

    @action(concurrent=True)
    async def remember_in_a_turn(self, text: str) -> str:
        conn = self.conn
        async with self.turn():
            with pytest.raises(errors.AlreadyInTurnError):
                async with self.turn():
                    pass
            self.state.append(text)
            assert self.conn is conn
        return conn.kind

    @action(concurrent=True)
    async def deadline(self) -> float:
        return current_deadline()

    @action(concurrent=True)
    async def paint(self, colour: str) -> str:
        before = COLOUR.get()
        COLOUR.set(colour)
        await trio.lowlevel.checkpoint()
        assert COLOUR.get() == colour
        return before

    @action(concurrent=True)
    async def fail(self) -> None:
        raise errors.UserError("no", code="failed")

    @action(concurrent=True)
    async def start_another(self) -> bool:
        connected = trio.Event()

        async def look() -> None:
            with pytest.raises(errors.NoConnectionError):
                _ = self.conn
            with pytest.raises(errors.NotInTurnError):
                self.state = []
            connected.set()

        self.start_soon(look)
        await connected.wait()
        return True

    @action(concurrent=True)
    async def leave_a_task(self) -> None:
        nursery = NURSERIES[-1]
        nursery.start_soon(self.late)

    async def late(self) -> None:
        await pause("late")
        with pytest.raises(errors.NoConnectionError):
            _ = self.conn
        with pytest.raises(errors.NotInTurnError):
            self.state = []


NURSERIES: list[trio.Nursery] = []


class Host(Desk):
    """Has hooks for those who come and go."""

    async def on_connect(self, conn: Conn[list[str]]) -> None:
        with pytest.raises(errors.NoConnectionError):
            _ = self.conn
        self.state.append(f"{conn.kind} connects")
        await trio.lowlevel.checkpoint()

    async def on_disconnect(self, conn: Conn[list[str]]) -> None:
        await trio.lowlevel.checkpoint()
        self.state.append(f"{conn.kind} leaves")
