"""Raw HTTP and raw WebSockets behind the gate: nothing leaves before what it rests on is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.runtimes import awake, handle, killed, opened
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import ActionError, ConnectionLost
from trivet.declare.fetching import FetchedResponse
from trivet.declare.interfaces import Conn
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import WebSocket
from trivet.runtime.runtime import Runtime


class Page(Actor[list[str]]):
    def __init__(self) -> None:
        self.go_on = trio.Event()

    async def on_request(self, request: Request) -> Response:
        self.state.append(request.path)
        if request.path == "/stream":
            return Response(self.pieces())
        return Response(str(len(self.state)).encode())

    async def pieces(self) -> AsyncIterator[bytes]:  # noqa: ASYNC900  # the actor closes it
        yield b"first"
        await self.go_on.wait()
        async with self.turn():
            self.state.append("piece")
        yield b"second"

    async def on_websocket(self, socket: WebSocket[None]) -> None:
        async for message in socket:
            async with self.turn():
                self.state.append(str(message))
            socket.send("stored")


class Fetched:
    """A fetch in a task of its own."""

    response: FetchedResponse | None = None
    error: Exception | None = None

    def __init__(self, nursery: trio.Nursery, runtime: Runtime, path: str) -> None:
        nursery.start_soon(self._run, runtime, path)

    @property
    def is_over(self) -> bool:
        return self.response is not None

    async def _run(self, runtime: Runtime, path: str) -> None:
        try:
            self.response = await handle(runtime, Page).fetch(path)
        except (ActionError, ConnectionLost) as error:
            self.error = error


async def test_a_response_waits_for_its_segment(autojump_clock: MockClock) -> None:
    store = HeldStorage()
    store.holding = False
    async with opened(Page, storage=store) as runtime, trio.open_nursery() as nursery:
        await handle(runtime, Page).resolve()
        store.holding = True
        fetched = Fetched(nursery, runtime, "/")
        await wait_all_tasks_blocked()
        assert not fetched.is_over
        store.saves[-1].succeed()
        await wait_all_tasks_blocked()
        assert fetched.response is not None
        assert fetched.response.body == b"1"
        store.holding = False


@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_a_failed_save_takes_the_response_back(path: str, autojump_clock: MockClock) -> None:
    store = HeldStorage()
    store.holding = False
    async with opened(Page, storage=store) as runtime, trio.open_nursery() as nursery:
        await handle(runtime, Page).resolve()
        store.holding = True
        fetched = Fetched(nursery, runtime, path)
        await wait_all_tasks_blocked()
        store.saves[-1].fail()
        store.holding = False
        await wait_all_tasks_blocked()
        assert isinstance(fetched.error, ActionError)
        assert fetched.error.code == "state_not_saved"
        assert (await handle(runtime, Page).fetch("/")).body == b"1"


async def test_a_piece_waits_for_what_was_changed_before_it(autojump_clock: MockClock) -> None:
    store = HeldStorage()
    store.holding = False
    async with opened(Page, storage=store) as runtime:
        async with handle(runtime, Page).fetch("/stream") as response:
            pieces = aiter(response)
            assert await anext(pieces) == b"first"
            store.holding = True
            instance = awake(runtime, Page)
            assert instance is not None
            instance.actor.go_on.set()
            with trio.move_on_after(10) as scope:
                await anext(pieces)
            assert scope.cancelled_caught
            store.holding = False
            store.saves[-1].succeed()
            assert await anext(pieces) == b"second"


async def test_a_message_waits_for_what_was_changed_before_it(autojump_clock: MockClock) -> None:
    store = HeldStorage()
    store.holding = False
    async with opened(Page, storage=store) as runtime:
        async with handle(runtime, Page).websocket() as socket:
            await socket.send("one")
            assert await socket.receive() == "stored"
            store.holding = True
            await socket.send("two")
            with trio.move_on_after(10) as scope:
                await socket.receive()
            assert scope.cancelled_caught
            store.holding = False
            store.saves[-1].succeed()
            assert await socket.receive() == "stored"


async def test_a_failed_save_closes_a_socket_and_says_nothing(autojump_clock: MockClock) -> None:
    store = HeldStorage()
    store.holding = False
    async with opened(Page, storage=store) as runtime:
        async with handle(runtime, Page).websocket() as socket:
            await socket.send("one")
            assert await socket.receive() == "stored"
            store.holding = True
            await socket.send("two")
            await wait_all_tasks_blocked()
            store.saves[-1].fail()
            store.holding = False
            assert [message async for message in socket] == []
            assert socket.close_code == 1012
        assert (await handle(runtime, Page).fetch("/")).body == b"2"


class Owing(Actor[list[str]]):
    async def on_websocket(self, socket: WebSocket[None]) -> None:
        async for message in socket:
            socket.send(message)

    async def on_disconnect(self, conn: Conn[None]) -> None:
        self.state.append(f"{conn.kind} {conn.close_cause}")

    @action
    def read(self) -> list[str]:
        return self.state


async def stay(runtime: Runtime, *, raw: bool) -> None:
    """Be a client until the process is killed."""
    actor = handle(runtime, Owing)
    if not raw:
        async with actor.connect():
            await trio.sleep_forever()
    async with actor.websocket() as socket:
        await socket.send("here")
        assert await socket.receive() == "here"
        await trio.sleep_forever()


async def test_after_a_kill_a_connection_is_what_it_was(autojump_clock: MockClock) -> None:
    store = HeldStorage()
    store.holding = False
    async with killed(Owing, storage=store) as runtime:
        for raw in (True, False):
            runtime.nursery.start_soon(partial(stay, runtime, raw=raw))
            await wait_all_tasks_blocked()
        heir = store.after_kill()
    async with opened(Owing, storage=heir) as runtime:
        left = await handle(runtime, Owing).call(Owing.read)
        assert left == ["websocket crash", "connection crash"]
