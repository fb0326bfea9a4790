"""Actors whose actions take their time, or much space."""

from __future__ import annotations

import math

import trio

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import ActionError, UserError

__all__ = ["Brief", "Pair", "Patient", "Steady", "Worker"]


class Brief(Actor, name="brief", action_timeout=0.05):
    """Cuts actions soon."""

    @action
    async def wait_forever(self) -> None:
        await trio.sleep_forever()

    @action
    def answer(self) -> str:
        return "still here"

    @action
    def compute(self) -> str:
        """Take longer than the timeout, which cannot cut what does not await."""
        end = trio.current_time() + 0.06
        while trio.current_time() < end:
            pass
        return "computed"


class Steady(Actor, name="steady", action_timeout=30):
    """Has more time than it needs."""

    @action
    async def answer(self) -> str:
        await trio.lowlevel.checkpoint()
        return "in time"


class Patient(Actor, name="patient", action_timeout=math.inf):
    """Lets its actions run, with one exception."""

    @action(timeout=0.05)
    async def wait_briefly(self) -> None:
        await trio.sleep_forever()

    @action
    async def outlast(self) -> str:
        """Take longer than the timeout of another class."""
        try:
            await self.client.get_or_create(Brief).call(Brief.wait_forever)
        except ActionError as error:
            return error.code
        return "nothing was cut"


class Worker(Actor[list[str]], name="worker"):
    """Does things in every way that an action may be written."""

    @action
    def add(self, text: str) -> list[str]:
        self.state.append(text)
        return self.state

    @action
    async def add_later(self, text: str) -> list[str]:
        await trio.lowlevel.checkpoint()
        return self.add(text)

    @action
    async def delegate(self, text: str) -> list[str]:
        """Return what another coroutine returns, which fails for want of a text."""
        return await self.check_and_add(text)

    async def check_and_add(self, text: str) -> list[str]:
        await trio.lowlevel.checkpoint()
        if not text:
            raise UserError("A text is wanted", code="empty")
        return self.add(text)

    @action(name="notes.add")
    def add_note(self, text: str) -> str:
        self.state.append(text)
        return text

    @action(name="notes.archive.count")
    def count_notes(self) -> int:
        return len(self.state)

    @action
    def length(self, text: str) -> int:
        return len(text)

    @action
    def repeat(self, times: int) -> str:
        return "x" * times


class Pair(Actor, name="pair", concurrent=True):
    """Has one action that waits for another."""

    def __init__(self) -> None:
        self.finished = trio.Event()

    @action
    async def wait(self) -> str:
        await self.finished.wait()
        return "waited"

    @action
    async def finish(self) -> str:
        self.finished.set()
        return "finished"
