"""An actor that does whatever ends a connection, for the tables about that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

import trivet
from tests.server.actors import SECRET


class TooYoung(trivet.UserError):
    code = "too_young"


ERRORS: dict[str, Callable[[], BaseException]] = {
    "UserError": lambda: trivet.UserError("the text"),
    "UserError with a code": lambda: trivet.UserError("the text", code="full"),
    "UserError with metadata": lambda: trivet.UserError(
        "the text", code="full", metadata={"room": [1, "a"]}
    ),
    "banned": lambda: trivet.UserError("the text", code="banned"),
    "a subclass of UserError": lambda: TooYoung("the text"),
    "Error with a group": lambda: trivet.Error(
        "the text", group="connection", code="custom_error", metadata={"why": 1}
    ),
    "Forbidden": lambda: trivet.Forbidden("the text"),
    "ValueError": lambda: ValueError(SECRET),
    "an error of the system": lambda: FileNotFoundError(2, SECRET, SECRET),
    "a group of errors": lambda: ExceptionGroup(SECRET, [trivet.UserError(SECRET), ValueError()]),
}


@attrs.frozen
class Order:
    """What shall go wrong for this client.

    Attributes:
        slow: The hook that takes for ever.
        fails: The error that its first hook raises.
    """

    slow: str = ""
    fails: str = ""


class Bouncer(trivet.Actor[None, Order, Order], name="bouncer"):
    loud = trivet.Event[str]()
    secret = trivet.Event[str]()

    async def on_before_connect(self, params: Order) -> None:
        await self.dawdle(params, "on_before_connect")
        if params.fails:
            raise ERRORS[params.fails]()

    async def create_conn_state(self, params: Order) -> Order:
        await self.dawdle(params, "create_conn_state")
        return params

    async def on_connect(self, conn: trivet.Conn[Order]) -> None:
        await self.dawdle(conn.state, "on_connect")

    async def dawdle(self, params: Order, hook: str) -> None:
        if params.slow == hook:
            await trio.sleep_forever()

    def can_subscribe(self, event: trivet.Event[Any], conn: trivet.Conn[Order]) -> bool:
        return event is not Bouncer.secret

    @trivet.action
    def echo(self, text: str) -> str:
        return text

    @trivet.action
    def shout(self, size: int) -> None:
        self.broadcast(Bouncer.loud, "x" * size)

    @trivet.action
    def fail(self, how: str) -> None:
        raise ERRORS[how]()

    @trivet.action
    async def rest(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @trivet.action
    async def leave(self, reason: str | None, *, for_good: bool = False) -> None:
        await self.conn.disconnect(reason, reconnect=not for_good)
