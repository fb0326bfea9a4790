"""What `await conn.disconnect()` promises, on real links: each kind of peer, each place.

A raw WebSocket takes the same times; for its own action there stands its own handler.

`tests/runtime/test_disconnect.py` asks the same of played links and of every kind of hook.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.server.matrix_peers import CLOSING, Kind, Peer
from tests.server.serving import Serving, serving
from trivet.client.local import LocalTransport
from trivet.declare.handle import Client
from trivet.protocol.codec import CODECS
from trivet.protocol.messages import ActionRequest, Init
from trivet.runtime.connection import Connection

Place = Literal[
    "another's action",
    "its own action",
    "`run`",
    "two places at once",
    "`run`, while a turn of 20 s holds the actor",
]
BUSY: Final = "`run`, while a turn of 20 s holds the actor"
PLACES: Final[tuple[Place, ...]] = (
    "another's action",
    "its own action",
    "`run`",
    "two places at once",
    BUSY,
)
HOOK: Final = 2
"""Seconds that `on_disconnect` takes."""

WELCOME: Final = CODECS["json"].encode_to_client(Init("actor", "raw")).decode()
"""What the handler of a raw WebSocket says first."""

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "disconnecting.md"


@attrs.frozen
class Report:
    """What was the case when a disconnect returned."""

    took: float
    socket_closed: bool
    visible: bool
    hooks_begun: int
    hooks_ended: int
    handlers_ended: int


class Arena(trivet.Actor[None], name="arena", call_hooks=False):
    noise = trivet.Event[str]()

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.begun = self.ended = self.handlers_ended = 0
        self.victim: Any = None
        self.wanted, self.orders = trio.open_memory_channel[None](10)

    async def on_disconnect(self, conn: trivet.Conn[None]) -> None:
        self.begun += 1
        await trio.sleep(HOOK)
        self.ended += 1

    async def on_websocket(self, socket: trivet.WebSocket[None]) -> None:
        """Serve a raw WebSocket that speaks as a connection does."""
        socket.send(WELCOME)
        try:
            async for message in socket:
                match json.loads(message)["body"]:
                    case {"tag": "ActionRequest", "val": {"name": "shout", "args": [size]}}:
                        socket.send("x" * size)
                    case {"tag": "ActionRequest", "val": {"name": "leave"}}:
                        await self.throw_out()
                    case _:
                        pass
        finally:
            self.handlers_ended += 1

    async def run(self) -> None:
        async for _ in self.orders:
            await self.throw_out()

    async def throw_out(self) -> None:
        victim = self.victim
        assert isinstance(victim, Connection)
        assert victim.inbox is not None
        began = trio.current_time()
        await victim.disconnect("out")
        self.reports.append(
            Report(
                took=trio.current_time() - began,
                socket_closed=victim.inbox.closed.is_set() and is_closed(victim.inbox.link),
                visible=victim.id in self.conns,
                hooks_begun=self.begun,
                hooks_ended=self.ended,
                handlers_ended=self.handlers_ended,
            )
        )

    @trivet.action
    async def kick(self) -> None:
        await self.throw_out()

    @trivet.action
    async def kick_and_let_kick(self) -> None:
        self.wanted.send_nowait(None)
        await self.throw_out()

    @trivet.action
    async def leave(self) -> None:
        await self.throw_out()

    @trivet.action
    async def nap(self) -> None:
        await trio.sleep(20)

    @trivet.action
    def shout(self, size: int) -> None:
        self.broadcast(Arena.noise, "x" * size)


def is_closed(link: Any) -> bool:
    """Whether a link's socket is closed; one in this process has none."""
    return getattr(link, "closed", True) is True


@attrs.define
class Cell:
    site: Serving
    arena: Any

    async def call(self, action: Any) -> None:
        await self.site.server.client.get_or_create(Arena, "a").call(action)

    async def disconnect(self, place: Place, peer: Any) -> None:
        """Have the peer thrown out from somewhere, and wait for the end of everything."""
        async with trio.open_nursery() as nursery:
            if place == BUSY:
                nursery.start_soon(self.call, Arena.nap)
                await wait_all_tasks_blocked()
            if place != "its own action":
                nursery.start_soon(peer.leave_now)
            if place == "another's action":
                nursery.start_soon(self.call, Arena.kick)
            if place == "two places at once":
                nursery.start_soon(self.call, Arena.kick_and_let_kick)
            if place == "its own action":
                nursery.start_soon(peer.call_leave)
            if place in {"`run`", BUSY}:
                await self.arena.wanted.send(None)
            await trio.sleep(40)


@asynccontextmanager
async def arena() -> AsyncGenerator[Cell]:
    async with serving(Arena) as site:
        site.runtime.client = Client(LocalTransport(site.runtime))
        await site.server.client.get_or_create(Arena, "a").call(Arena.shout, 0)
        [instance] = site.runtime.directory.instances
        yield Cell(site, instance.actor)


@asynccontextmanager
async def present(cell: Cell, kind: Kind, *, raw: bool) -> AsyncGenerator[Any]:
    """Let a peer of a kind in, and have the arena know it."""
    if kind == "is in this process" and raw:
        handle = cell.site.server.client.get_or_create(Arena, "a")
        async with handle.websocket() as socket:
            assert await socket.receive() == WELCOME
            yield RawInsider(socket)
        return
    if kind == "is in this process":
        handle = cell.site.server.client.get_or_create(Arena, "a")
        async with handle.connect() as conn, trio.open_nursery() as nursery:
            yield Insider(conn, nursery)
            nursery.cancel_scope.cancel()
        return
    peer = Peer(kind, raw=raw)
    cell.site.server.serve_stream(peer.served)
    await peer.enter()
    async with trio.open_nursery() as nursery:
        await peer.prepare()
        await wait_all_tasks_blocked()
        nursery.start_soon(peer.live)
        yield peer
        nursery.cancel_scope.cancel()


@attrs.define
class Insider:
    """A client that needs no network."""

    conn: trivet.Connection[Arena]
    nursery: trio.Nursery

    async def leave_now(self) -> None:
        await trio.lowlevel.checkpoint()

    async def call_leave(self) -> None:
        with pytest.raises(trivet.ConnectionClosed):
            await self.conn.call(Arena.leave)


@attrs.define
class RawInsider:
    """A client that needs no network, by a raw WebSocket."""

    socket: trivet.ClientWebSocket

    async def leave_now(self) -> None:
        await trio.lowlevel.checkpoint()

    async def call_leave(self) -> None:
        leave = CODECS["json"].encode_to_server(ActionRequest(2, "leave", []))
        await self.socket.send(leave.decode())
        assert [message async for message in self.socket] == []


@pytest.mark.parametrize("raw", [False, True], ids=["connection", "raw"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", CLOSING)
async def test_a_disconnect_ends_in_time(
    kind: Kind, place: Place, raw: bool, autojump_clock: MockClock
) -> None:
    async with arena() as cell, present(cell, kind, raw=raw) as peer:
        [victim] = cell.arena.conns.values()
        cell.arena.victim = victim
        await cell.disconnect(place, peer)
        busy = place == BUSY
        expected = Report(
            took=CLOSING[kind] + (5 if busy else HOOK),
            socket_closed=True,
            visible=False,
            hooks_begun=0 if busy else 1,
            hooks_ended=0 if busy else 1,
            # One that waits for the end of its own socket has not ended then.
            handlers_ended=1 if raw and place != "its own action" else 0,
        )
        reports = [
            attrs.evolve(report, took=round(report.took, 3)) for report in cell.arena.reports
        ]
        assert reports == [expected] * (2 if place == "two places at once" else 1)
        if kind != "is in this process":
            assert cell.arena.begun == cell.arena.ended == 1
            assert cell.arena.handlers_ended == raw
            assert cell.site.listener.open_connections == 0
            assert peer.connection.server.is_closed


def test_the_page_says_the_same() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines()]
    told = {row[0]: row[1:] for row in rows if row[0] in CLOSING}
    assert told == {
        kind: [
            *[f"{seconds} s + hook"] * (len(PLACES) - 1),
            f"{seconds} s + 5 s, the hook queued",
        ]
        for kind, seconds in CLOSING.items()
    }
    [head] = [row for row in rows if row[0] == "the peer"]
    assert head[1:] == [*PLACES]
