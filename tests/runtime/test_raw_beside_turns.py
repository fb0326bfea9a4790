"""Raw sockets and streams beside the turns of their actor: what each may do to the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.runtimes import awake, call, handle, opened
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import ActionError, ConnectionLost, UserError
from trivet.declare.options import Limits
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import ClientWebSocket, WebSocket

BOUND = 200_000
MANY = 400


class Unready:
    """A body that cannot even be begun."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise ValueError("a mistake")


class Echo(Actor[list[int]], limits=Limits(outbox_bytes=BOUND)):
    def __init__(self) -> None:
        self.socket: WebSocket[None] | None = None
        self.go_on = trio.Event()
        self.read = 0

    async def on_request(self, request: Request) -> Response:
        return Response(cast("Any", Unready()))

    async def on_websocket(self, socket: WebSocket[None]) -> None:
        self.socket = socket
        async for message in socket:
            self.read += 1
            socket.send(message)

    @action
    async def change_and_wait(self) -> None:
        self.state.append(1)
        await self.go_on.wait()

    @action(atomic=True)
    async def change_and_close(self) -> None:
        assert self.socket is not None
        self.state.append(1)
        await self.socket.close()

    @action(atomic=True)
    async def say_much_and_fail(self) -> None:
        assert self.socket is not None
        self.state.append(1)
        for _ in range(MANY):
            self.socket.send("x" * 1000)
        raise UserError("never mind")

    @action(readonly=True)
    def numbers(self) -> list[int]:
        return self.state


def settled() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


async def send_often(socket: ClientWebSocket, message: str, times: int) -> None:
    for _ in range(times):
        await socket.send(message)


async def test_who_answers_each_message_cannot_fill_the_gate(autojump_clock: MockClock) -> None:
    message = "x" * 1000
    async with opened(Echo, storage=settled()) as runtime, trio.open_nursery() as nursery:
        async with handle(runtime, Echo).websocket() as socket:
            await socket.send(message)
            assert await socket.receive() == message
            instance = awake(runtime, Echo)
            assert instance is not None
            nursery.start_soon(call, runtime, Echo.change_and_wait)
            await wait_all_tasks_blocked()
            nursery.start_soon(send_often, socket, message, MANY)
            await wait_all_tasks_blocked()
            assert 1 < instance.actor.read < BOUND / len(message) / 2
            instance.actor.go_on.set()
            for _ in range(MANY):
                assert await socket.receive() == message


async def test_an_atomic_turn_that_has_changed_anything_closes_no_socket(
    autojump_clock: MockClock,
) -> None:
    async with opened(Echo, storage=settled()) as runtime:
        async with handle(runtime, Echo).websocket() as socket:
            await wait_all_tasks_blocked()
            with pytest.raises(ActionError, match="atomic_turn"):
                await call(runtime, Echo.change_and_close)
            await socket.send("still there")
            assert await socket.receive() == "still there"
        assert await call(runtime, Echo.numbers) == []


async def test_what_an_atomic_turn_takes_back_takes_no_room_in_the_gate(
    autojump_clock: MockClock,
) -> None:
    async with opened(Echo, storage=settled()) as runtime, trio.open_nursery() as nursery:
        async with handle(runtime, Echo).websocket() as socket:
            await wait_all_tasks_blocked()
            with pytest.raises(UserError, match="never mind"):
                await call(runtime, Echo.say_much_and_fail)
            await socket.send("hello")
            assert await socket.receive() == "hello"
            instance = awake(runtime, Echo)
            assert instance is not None
            nursery.start_soon(call, runtime, Echo.change_and_wait)
            await wait_all_tasks_blocked()
            await send_often(socket, "x", 9)
            await wait_all_tasks_blocked()
            assert instance.actor.read == 10
            instance.actor.go_on.set()


async def test_one_task_reads_a_socket(autojump_clock: MockClock) -> None:
    async with opened(Echo) as runtime, handle(runtime, Echo).websocket() as socket:
        await wait_all_tasks_blocked()
        instance = awake(runtime, Echo)
        assert instance is not None
        with pytest.raises(trio.BusyResourceError):
            await anext(instance.actor.socket)
        await socket.send("hello")
        assert await socket.receive() == "hello"


async def test_a_body_that_cannot_be_begun_breaks_off_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Echo) as runtime:
        with pytest.raises(ConnectionLost):
            await handle(runtime, Echo).fetch("/")
        assert "a mistake" in caplog.text
        assert await call(runtime, Echo.numbers) == []
        instance = awake(runtime, Echo)
        assert instance is not None
        assert instance.connections == ()
