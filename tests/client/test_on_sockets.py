"""Concurrent actions, chains and callers that leave, over real sockets and onto a real file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

import trivet
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn

pytestmark = pytest.mark.slow

ENDED: dict[str, trio.Event] = {}
CUT: list[str] = []
SEEN: list[int] = []


class Office(trivet.Actor[list[str]], name="office"):
    open_door = Event[str]()
    closed_door = Event[str]()
    broken_door = Event[str]()

    def __init__(self) -> None:
        self.finished = trio.Event()

    def can_subscribe(self, event: Event[Any], conn: Conn[None]) -> bool:
        if event is Office.broken_door:
            raise KeyError("a mistake")
        return event is not Office.closed_door

    def on_state_change(self) -> None:
        SEEN.append(len(self.state))

    @trivet.action(concurrent=True)
    async def wait(self) -> list[str]:
        self.state.append("waits")
        self.broadcast(Office.open_door, "waiting")
        await self.finished.wait()
        return self.state

    @trivet.action(concurrent=True)
    async def finish(self) -> None:
        self.state.append("finished")
        self.finished.set()

    @trivet.action(cancel_with_caller=True)
    async def serve(self, name: str) -> None:
        self.broadcast(Office.open_door, name)
        try:
            await trio.sleep_forever()
        finally:
            CUT.append(name)
            ENDED[name].set()

    @trivet.action
    async def ask_around(self) -> str:
        return await self.client.get_or_create(Branch, "b").call(Branch.ask_back)

    @trivet.action(reentrant=True)
    async def answer(self) -> str:
        return f"answered over a {self.conn.kind}"

    @trivet.action
    async def deadline(self) -> float:
        inner = await self.client.get_or_create(Branch, "b").call(Branch.time_left)
        return max(inner, trivet.current_deadline() - trio.current_time())


class Branch(trivet.Actor, name="branch"):
    @trivet.action
    async def ask_back(self) -> str:
        return await self.client.get(Office, "a").call(Office.answer)

    @trivet.action
    async def time_left(self) -> float:
        return trivet.current_deadline() - trio.current_time()


@asynccontextmanager
async def served(path: Path) -> AsyncGenerator[trivet.Server]:
    ENDED.clear()
    CUT.clear()
    SEEN.clear()
    registry = trivet.Registry(Office, Branch)
    storage = trivet.SqliteStorage(path / "trivet.db")
    async with trio.open_nursery() as nursery:
        with trio.fail_after(30):
            server: trivet.Server = await nursery.start(
                partial(trivet.serve, registry, host="127.0.0.1", port=0, storage=storage)
            )
            yield server
            nursery.cancel_scope.cancel()


async def test_concurrent_actions_wait_for_each_other(tmp_path: Path) -> None:
    async with served(tmp_path) as server, trivet.open_client(server.url) as client:
        office = client.get_or_create(Office, "a")
        async with office.connect() as conn:
            waiting = conn.events(Office.open_door)
            async with trio.open_nursery() as nursery:
                notes: list[list[str]] = []

                async def wait() -> None:
                    notes.append(await conn.call(Office.wait))

                nursery.start_soon(wait)
                await anext(waiting)
                await office.call(Office.finish)
            assert notes == [["waits", "finished"]]
            assert sorted(SEEN) == SEEN
            assert SEEN[-1] == 2


async def test_a_chain_is_let_in_and_a_deadline_passes_on(tmp_path: Path) -> None:
    async with served(tmp_path) as server, trivet.open_client(server.url) as client:
        office = client.get_or_create(Office, "a")
        assert await office.call(Office.ask_around) == "answered over a call"
        async with office.connect() as conn:
            for caller in (office, conn):
                with trio.fail_after(20):
                    assert 0 < await caller.call(Office.deadline) < 20.5


async def test_a_client_that_leaves_cuts_what_ends_with_it(tmp_path: Path) -> None:
    ways = ("connection", "connection deadline", "http", "http deadline")
    async with served(tmp_path) as server, trivet.open_client(server.url) as client:
        office = client.get_or_create(Office, "a")
        async with office.connect() as listening:
            begun = listening.events(Office.open_door)
            for name in ways:
                ENDED[name] = trio.Event()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_serve, office, name)
                    assert await anext(begun) == name
                    if not name.endswith("deadline"):
                        nursery.cancel_scope.cancel()
                await ENDED[name].wait()
        assert list(ways) == CUT


async def _serve(office: trivet.Handle[Office], name: str) -> None:
    seconds = 0.2 if name.endswith("deadline") else 30.0
    if name.startswith("http"):
        with trio.move_on_after(seconds):
            await office.call(Office.serve, name)
        return
    async with office.connect() as conn:
        with trio.move_on_after(seconds):
            await conn.call(Office.serve, name)
        await trio.sleep_forever() if name == "connection" else None


@pytest.mark.parametrize("door", [Office.closed_door, Office.broken_door])
async def test_a_refused_subscription_is_forbidden(
    tmp_path: Path, door: Event[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with served(tmp_path) as server, trivet.open_client(server.url) as client:
        async with client.get_or_create(Office, "a").connect() as conn:
            with trio.fail_after(5), pytest.raises(trivet.Forbidden):
                await anext(conn.events(door))
            assert conn.status == "closed"


class Attic(trivet.Actor[None], name="attic"):
    pass


async def test_a_class_that_the_server_does_not_have(tmp_path: Path) -> None:
    async with served(tmp_path) as server, trivet.open_client(server.url) as client:
        with trio.fail_after(5), pytest.raises(trivet.ActionError, match="'attic'"):
            async with client.get_or_create(Attic, "a").connect():
                raise AssertionError
