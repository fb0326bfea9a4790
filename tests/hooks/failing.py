"""Actors of which one hook goes wrong in one way.

Each actor writes ``hook`` into its state before the hook goes wrong, where a hook may do so, and
goes wrong only while it is armed.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import trio

import trivet.declare.errors as errors
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import WebSocket


class Panic(BaseException):
    """What an extension module raises past ``except Exception``."""


@attrs.define
class Fuse:
    """How a hook goes wrong, once it is armed.

    Attributes:
        way: ``raises``, ``hangs``, ``stopped``, ``panics`` or ``group``.
        armed: Whether it does.
        burnt: How often it did.
    """

    way: str
    armed: bool = False
    burnt: int = 0

    def burn(self) -> None:
        """Go wrong at once."""
        if not self.armed:
            return
        self.burnt += 1
        match self.way:
            case "raises":
                raise ValueError("the hook broke")
            case "panics":
                raise Panic("the hook broke")
            case "group":
                raise ExceptionGroup(
                    "", [ExceptionGroup("", [errors.UserError("no", code="told")])]
                )
            case _:
                pass

    async def smoulder(self) -> None:
        """Go wrong, or wait for that."""
        self.burn()
        if self.armed and (self.way == "hangs" or (self.way == "stopped" and self.burnt == 1)):
            await trio.sleep_forever()


FUSES: list[Fuse] = []


class Subject(Actor[list[str]], call_hooks=False, sleep_after=math.inf):
    """Has no hook yet."""

    said = Event[str]()

    @property
    def fuse(self) -> Fuse:
        return FUSES[-1]

    async def fail(self) -> None:
        self.mark()
        await self.fuse.smoulder()

    def mark(self) -> None:
        if self.fuse.armed:
            self.state.append("hook")

    @action
    def touch(self) -> str:
        return "answered"

    @action
    def write(self) -> str:
        self.mark()
        return "answered"

    @action
    async def act(self) -> str:
        await self.fail()
        return "answered"

    @action
    def begin(self) -> None:
        self.start_soon(self.fuse.smoulder)

    @action
    def drain(self) -> None:
        self.wait_until(self.fuse.smoulder)


class CreatesState(Subject, name="Subject"):
    async def create_state(self, input: None) -> list[str]:
        await self.fuse.smoulder()
        return []


class Creates(Subject, name="Subject"):
    async def on_create(self, input: None) -> None:
        await self.fail()


class Migrates(Subject, name="Subject"):
    async def on_migrate(self, stored: Any, *, new: bool) -> Any:
        if stored is not None:
            stored.append("hook")
        await self.fuse.smoulder()
        return stored


class Wakes(Subject, name="Subject"):
    async def on_wake(self) -> None:
        await self.fail()


class Runs(Subject, name="Subject"):
    async def run(self) -> None:
        await self.fuse.smoulder()


class Sleeps(Subject, name="Subject"):
    async def on_sleep(self) -> None:
        await self.fail()


class Destroys(Subject, name="Subject"):
    async def on_destroy(self) -> None:
        await self.fail()


class Checks(Subject, name="Subject"):
    async def on_before_connect(self, params: None) -> None:
        await self.fuse.smoulder()


class Seats(Actor[list[str], list[str]], call_hooks=False, sleep_after=math.inf):
    """Makes the state of each connection; an actor of its own, for that has a type."""

    @action
    def touch(self) -> str:
        return "answered"

    async def create_conn_state(self, params: None) -> list[str]:
        await FUSES[-1].smoulder()
        return []


class Connects(Subject, name="Subject", call_hooks=False):
    async def on_connect(self, conn: Conn[None]) -> None:
        await self.fail()


class Disconnects(Subject, name="Subject", call_hooks=False):
    async def on_disconnect(self, conn: Conn[None]) -> None:
        await self.fail()


class Responds(Subject, name="Subject"):
    async def on_before_action_response(
        self, action: Action[Any, ..., Any], args: tuple[Any, ...], output: Any
    ) -> Any:
        await self.fuse.smoulder()
        return output


class Watches(Subject, name="Subject"):
    def on_state_change(self) -> None:
        self.fuse.burn()


class Admits(Subject, name="Subject"):
    def can_subscribe(self, event: Event[Any], conn: Conn[None]) -> bool:
        self.fuse.burn()
        return True


class Requests(Subject, name="Subject"):
    async def on_request(self, request: Request) -> Response:
        await self.fail()
        return Response(b"answered")


class Sockets(Subject, name="Subject"):
    async def on_websocket(self, socket: WebSocket[None]) -> None:
        await self.fuse.smoulder()


class Authorizes(Subject, name="Subject"):
    @classmethod
    async def authorize(cls, request: Request) -> bool:
        await FUSES[-1].smoulder()
        return True
