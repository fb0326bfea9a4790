"""States that others hold while an atomic turn, or ``on_state_change``, is undone: they stay the same
objects, so that nothing is changed in one that nobody reads any more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, handle, opened, put_away
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.web_socket import WebSocket
from trivet.ports.storage import Storage
from trivet.storage.memory import MemoryStorage


def immediate() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


STORES = pytest.mark.parametrize("make", [immediate, MemoryStorage])
CHANGES = pytest.mark.parametrize("change", ["nothing", "append", "replace", "assign", "first"])


@attrs.define
class Room:
    lines: list[str] = attrs.Factory(list[str])


@attrs.define
class House:
    rooms: list[Room] = attrs.Factory(lambda: [Room()])


class Held(Actor[House], name="held"):
    def __init__(self) -> None:
        self.go_on = trio.Event()

    def change(self, how: str) -> None:
        match how:
            case "append":
                self.state.rooms[0].lines.append("undone")
            case "replace":
                self.state.rooms[0].lines = ["undone"]
            case "assign":
                self.state = House([Room(["undone"])])
            case "first":
                self.state.rooms.insert(0, Room(["undone"]))
            case _:
                pass

    async def on_websocket(self, socket: WebSocket[None]) -> None:
        room = self.state.rooms[0]
        async for message in socket:
            async with self.turn():
                room.lines.append(str(message))
                socket.send(str(len(room.lines)))

    @action(concurrent=True)
    async def add_beside(self) -> list[str]:
        room = self.state.rooms[0]
        room.lines.append("before")
        await self.go_on.wait()
        room.lines.append("after")
        return room.lines

    @action(atomic=True)
    def fail(self, how: str) -> None:
        self.change(how)
        raise errors.UserError("no", code="failed")

    @action
    def end_wait(self) -> None:
        self.go_on.set()

    @action
    def lines(self) -> list[str]:
        return self.state.rooms[0].lines


class Watched(Held, name="watched"):
    undo = ""

    def on_state_change(self) -> None:
        how, self.undo = self.undo, ""
        self.change(how)

    @action
    def touch(self, how: str) -> None:
        self.undo = how
        self.state.rooms.append(Room())


@STORES
@CHANGES
async def test_by_a_concurrent_action(make: Callable[[], Storage], change: str) -> None:
    async with opened(Held, storage=make()) as runtime, trio.open_nursery() as nursery:
        answers: list[list[str]] = []

        async def add() -> None:
            answers.append(await call(runtime, Held.add_beside))

        nursery.start_soon(add)
        await wait_all_tasks_blocked()
        with pytest.raises(errors.UserError):
            await call(runtime, Held.fail, change)
        await call(runtime, Held.end_wait)
        await wait_all_tasks_blocked()
        assert answers == [["before", "after"]]
        assert await call(runtime, Held.lines) == ["before", "after"]
        await put_away(runtime, Held)
        assert await call(runtime, Held.lines) == ["before", "after"]


@STORES
@CHANGES
async def test_by_a_socket_between_its_turns(make: Callable[[], Storage], change: str) -> None:
    async with (
        opened(Held, storage=make()) as runtime,
        handle(runtime, Held).websocket("/") as socket,
    ):
        for number in ("1", "2"):
            await socket.send(f"line {number}")
            assert await anext(socket) == number
            with pytest.raises(errors.UserError):
                await call(runtime, Held.fail, change)
        assert await call(runtime, Held.lines) == ["line 1", "line 2"]


@STORES
@CHANGES
async def test_while_what_on_state_change_did_is_undone(
    make: Callable[[], Storage], change: str
) -> None:
    async with opened(Watched, storage=make()) as runtime, trio.open_nursery() as nursery:
        watched = handle(runtime, Watched)
        nursery.start_soon(watched.call_by_name, "add_beside")
        await wait_all_tasks_blocked()
        expected = nullcontext() if change == "nothing" else pytest.raises(errors.ActionError)
        with expected:
            await watched.call(Watched.touch, change)
        await watched.call(Watched.end_wait)
        await wait_all_tasks_blocked()
        assert await watched.call(Watched.lines) == ["before", "after"]
