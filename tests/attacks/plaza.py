"""What is attacked: an actor that honest clients share with hostile ones, and one with a door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import attrs
import trio

import trivet

SECRET = "the-password-is-swordfish"


class Plaza(trivet.Actor[int], name="plaza"):
    """Everybody talks to everybody; lets everybody in."""

    said = trivet.Event[int]()
    noise = trivet.Event[str]()

    @trivet.action
    def say(self) -> int:
        self.state += 1
        self.broadcast(Plaza.said, self.state)
        return self.state

    @trivet.action
    def echo(self, value: Any = None) -> Any:
        return value

    @trivet.action
    def add(self, left: int, right: int = 0) -> int:
        return left + right

    @trivet.action
    async def answer_later(self) -> str:
        await trio.lowlevel.checkpoint()
        return "later"

    @trivet.action
    def shout(self, size: int) -> None:
        self.broadcast(Plaza.noise, "x" * size)

    @trivet.action
    def large(self, size: int) -> str:
        return "x" * size

    @trivet.action
    def break_down(self) -> None:
        raise ValueError(SECRET)

    def hidden(self) -> str:
        return SECRET


@attrs.frozen
class Ticket:
    code: str


class Gate(trivet.Actor[None, None, Ticket], name="gate"):
    """Asks for a ticket."""

    async def on_before_connect(self, params: Ticket) -> None:
        if params.code != "valid":
            raise trivet.UserError("No ticket", code="no_ticket")
        await trio.lowlevel.checkpoint()

    async def on_disconnect(self, conn: trivet.Conn[None]) -> None:
        await trio.lowlevel.checkpoint()

    @trivet.action
    def pass_through(self) -> str:
        return "through"


@attrs.frozen
class Size:
    width: int


class Board(trivet.Actor[int, None, None, Size], name="board"):
    """Needs an input."""

    async def create_state(self, input: Size) -> int:
        await trio.lowlevel.checkpoint()
        return input.width

    @trivet.action
    def area(self) -> int:
        return self.state


class Stage(trivet.Actor[None], name="stage"):
    """Answers raw HTTP, and serves raw WebSockets."""

    async def on_request(self, request: trivet.Request) -> trivet.Response:
        match request.path:
            case "/injection":
                return trivet.Response(headers={"x-echo": unquote(request.query)})
            case "/smuggle":
                return trivet.Response(b"x", headers={"content-length": "0"})
            case "/envelope":
                return trivet.Response(headers={"x-rivet-error": "actor.not_found"})
            case "/endless":
                return trivet.Response(self.endless())
            case _:
                return trivet.Response(request.body)

    async def endless(self) -> AsyncIterator[bytes]:  # noqa: ASYNC900  # the actor closes it
        while True:
            yield b"x" * 10_000

    async def on_websocket(self, socket: trivet.WebSocket[None]) -> None:
        async for message in socket:
            socket.send(message)


REGISTRY = trivet.Registry(Plaza, Gate, Board, Stage)
