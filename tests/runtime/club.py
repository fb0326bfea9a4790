"""An actor whose members throw each other out, and note what was the case when they had."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from tests.runtime.links import Manner, PlayedLink
from tests.runtime.runtimes import awake, opened
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.runtime.connection import Connection
from trivet.runtime.instance import Instance
from trivet.runtime.runtime import Runtime


@attrs.frozen
class Guest:
    """Who connects, how its ``on_disconnect`` behaves, and whom its hooks throw out, and when."""

    name: str
    leaves: str = "quick"
    throws_out_at: str = ""
    throws_out: str = ""
    waits: float = 0


@attrs.define
class Report:
    """What was the case when a disconnect returned."""

    took: float
    gone: bool
    visible: bool
    left: bool
    hooks_running: int


class Club(Actor[None, Guest, Guest], call_hooks=False):
    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.log: list[str] = []
        self.hooks_running = 0
        self.kept: Conn[Guest] | None = None
        self.wanted, self.orders = trio.open_memory_channel[str](10)

    async def create_conn_state(self, params: Guest) -> Guest:
        return params

    async def on_connect(self, conn: Conn[Guest]) -> None:
        await self.throw_out_at("connect", conn)

    async def on_disconnect(self, conn: Conn[Guest]) -> None:
        self.hooks_running += 1
        self.log.append(f"{conn.state.name} leaves")
        assert conn.id not in self.conns
        try:
            await self.throw_out_at("disconnect", conn)
            match conn.state.leaves:
                case "slow":
                    await trio.sleep(3)
                case "hanging":
                    await trio.sleep_forever()
                case "failing":
                    await trio.sleep(1)
                    raise ValueError("something broke")
                case _:
                    pass
        finally:
            self.hooks_running -= 1
            self.log.append(f"{conn.state.name} left")

    async def throw_out_at(self, hook: str, conn: Conn[Guest]) -> None:
        if conn.state.throws_out_at == hook:
            await trio.sleep(conn.state.waits)
            await self.throw_out(conn.state.throws_out)

    async def run(self) -> None:
        async for name in self.orders:
            self.start_soon(self.throw_out, name)

    def guest(self, name: str) -> Conn[Guest]:
        conn = self.conns.find(lambda conn: conn.state.name == name)
        assert conn is not None
        return conn

    async def throw_out(self, name: str) -> None:
        await self.disconnect(self.guest(name))

    async def disconnect(self, conn: Conn[Guest]) -> None:
        assert isinstance(conn, Connection)
        assert conn.inbox is not None
        began, running = trio.current_time(), self.hooks_running
        await conn.disconnect("out")
        self.reports.append(
            Report(
                took=trio.current_time() - began,
                gone=conn.inbox.closed.is_set(),
                visible=conn.id in self.conns,
                left=conn.ended.is_set(),
                hooks_running=self.hooks_running - running,
            )
        )

    @action
    async def kick(self, name: str) -> str:
        await self.throw_out(name)
        self.log.append("kicked")
        return "done"

    @action
    async def kick_twice(self, name: str) -> None:
        conn = self.guest(name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.disconnect, conn)
            nursery.start_soon(self.disconnect, conn)

    @action
    async def kick_kept(self) -> None:
        assert self.kept is not None
        await self.disconnect(self.kept)

    @action
    async def nap(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.log.append("napped")


@attrs.define
class Scene:
    """Ann and Bob in the club; Bob is going to be thrown out."""

    runtime: Runtime
    ann: PlayedLink
    bob: PlayedLink

    @property
    def instance(self) -> Instance:
        instance = awake(self.runtime, Club)
        assert instance is not None
        return instance

    @property
    def club(self) -> Any:
        return self.instance.actor

    def enter(self, guest: Guest, manner: Manner = "polite") -> PlayedLink:
        link = PlayedLink(self.runtime, manner=manner)
        link.connect(Club, "a", params=guest)
        return link


@asynccontextmanager
async def scene(manner: Manner = "polite", leaves: str = "quick") -> AsyncGenerator[Scene]:
    async with opened(Club) as runtime:
        it = Scene(runtime, PlayedLink(runtime), PlayedLink(runtime))
        it.ann, it.bob = it.enter(Guest("ann")), it.enter(Guest("bob", leaves), manner)
        await it.ann.gets("init")
        await it.bob.gets("init")
        yield it
        await trio.sleep(30)
        assert it.club.log.count("bob leaves") == it.club.log.count("bob left") == 1
        assert it.bob.gone
