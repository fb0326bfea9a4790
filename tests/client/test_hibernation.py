"""Connections through the sleep of their actor: the same in this process and over a network."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.runtime.stores import HeldStorage
from tests.server.serving import serving
from tests.server.web import WAYS, Way
from trivet.client.local import LocalTransport
from trivet.client.network import open_network_transport
from trivet.declare.handle import Address, Client
from trivet.declare.interfaces import Conn
from trivet.declare.registry import definition_of
from trivet.ports.storage import Storage
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage
from trivet.testing.network import MemoryConnection

LOG: list[str] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    LOG.clear()


@attrs.frozen
class Guest:
    name: str = "ann"
    pause: float = 0


class Inn(trivet.Actor[list[str], str, Guest], sleep_after=math.inf, call_hooks=False):
    """Takes a second to fall asleep."""

    said = trivet.Event[str]()
    rang = trivet.Event[str]()

    async def on_before_connect(self, params: Guest) -> None:
        LOG.append(f"{params.name} knocks")
        await trio.sleep(params.pause)

    async def create_conn_state(self, params: Guest) -> str:
        return params.name

    async def on_connect(self, conn: Conn[str]) -> None:
        LOG.append(f"{conn.state} comes")
        if conn.state == "slow":
            await trio.sleep(2)

    async def on_disconnect(self, conn: Conn[str]) -> None:
        LOG.append(f"{conn.state} leaves: {conn.close_cause}")

    async def on_wake(self) -> None:
        LOG.append("wake")
        self.broadcast(
            Inn.rang, f"good morning {sorted(conn.state for conn in self.conns.values())}"
        )

    async def on_sleep(self) -> None:
        LOG.append("sleep")
        self.broadcast(Inn.said, "good night")
        await trio.sleep(1)

    @trivet.action
    def say(self, text: str) -> str:
        LOG.append(f"say {text}")
        self.broadcast(Inn.said, text)
        return f"{self.conn.state} {text}"

    @trivet.action
    def rename(self, name: str) -> None:
        self.conn.state = name

    @trivet.action
    def rest(self) -> None:
        self.sleep()

    @trivet.action
    def fall(self) -> None:
        self.start_soon(self.break_down)

    async def break_down(self) -> None:
        raise ValueError("fallen")


@asynccontextmanager
async def inn(way: Way, storage: Storage | None = None) -> AsyncGenerator[tuple[Runtime, Any]]:
    """The runtime, and a handle of its actor."""
    async with serving(Inn, storage=storage) as site:
        if way == "in process":
            yield site.runtime, Client(LocalTransport(site.runtime)).get_or_create(Inn, "a")
            return

        async def connect() -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            connection = MemoryConnection("server")
            site.server.serve_stream(connection.server)
            return connection.client

        async with open_network_transport("http://server", connect=connect) as transport:
            yield site.runtime, Client(transport).get_or_create(Inn, "a")


def asleep(runtime: Runtime) -> bool:
    return not runtime.directory.instances


def durable() -> HeldStorage:
    store = HeldStorage()
    store.holding = False
    return store


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("store", [MemoryStorage, durable])
async def test_the_client_notices_nothing(way: Way, store: Any, autojump_clock: MockClock) -> None:
    async with inn(way, store()) as (runtime, handle), handle.connect(Guest()) as ann:
        said, rang = ann.events(Inn.said), ann.events(Inn.rang)
        await ann.call(Inn.rename, "eve")
        for night in range(2):
            await ann.call(Inn.rest)
            assert await anext(said) == "good night"
            await trio.sleep(10)
            assert asleep(runtime)
            assert await ann.call(Inn.say, f"{night}") == f"eve {night}"
            assert await anext(rang) == "good morning ['eve']"
            assert await anext(said) == f"{night}"
        assert ann.status == "connected"
    nights = ["sleep", "wake", "say 0", "sleep", "wake", "say 1"]
    assert LOG[:9] == ["wake", "ann knocks", "ann comes", *nights]
    assert LOG.count("eve leaves: client") == 1


async def test_idle_connections_let_it_sleep(autojump_clock: MockClock) -> None:
    class Idle(Inn, sleep_after=10.0):
        pass

    async with serving(Idle) as site:
        client = Client(LocalTransport(site.runtime))
        async with client.get_or_create(Idle, "a").connect(Guest()) as ann:
            for _ in range(3):
                assert await ann.call(Inn.say, "hello") == "ann hello"
                await trio.sleep(100)
                assert asleep(site.runtime)
    assert LOG.count("sleep") == LOG.count("wake") >= 3


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.4])
async def test_what_is_sent_in_the_grace_is_for_the_next(
    way: Way, delay: float, autojump_clock: MockClock
) -> None:
    answers: list[str] = []

    async def ask(connection: Any, text: str) -> None:
        answers.append(await connection.call(Inn.say, text))

    async with inn(way) as (_, handle), handle.connect(Guest()) as ann:
        await ann.call(Inn.rest)
        await trio.sleep(delay)
        late = ann.events(Inn.said)  # subscribed in the grace
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(ask, ann, str(number))
                await wait_all_tasks_blocked()
        assert sorted(answers) == ["ann 0", "ann 1", "ann 2"]
        heard = [await anext(late) for _ in range(3)]
        assert heard == ["0", "1", "2"]
        assert LOG[3:] == ["sleep", "wake", "say 0", "say 1", "say 2"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_crash_is_like_sleep(way: Way, autojump_clock: MockClock) -> None:
    async with inn(way) as (_, handle), handle.connect(Guest()) as ann:
        said = ann.events(Inn.said)
        await ann.call(Inn.rename, "eve")
        await ann.call(Inn.fall)
        await trio.sleep(30)
        assert await ann.call(Inn.say, "still") == "eve still"
        assert await anext(said) == "still"
        assert ann.status == "connected"
    assert LOG.count("ann comes") == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "pause"), [("bob", 2.0), ("slow", 0.0)])
async def test_who_is_being_let_in_as_it_falls_asleep_gets_in(
    way: Way, name: str, pause: float, autojump_clock: MockClock
) -> None:
    async with inn(way) as (runtime, handle), trio.open_nursery() as nursery:
        await handle.call(Inn.rest)
        await trio.sleep(5)

        async def enter() -> None:
            async with handle.connect(Guest(name, pause)) as connection:
                assert await connection.call(Inn.say, "hi") == f"{name} hi"

        nursery.start_soon(enter)
        await trio.sleep(0.5)
        await runtime.put_away(definition_of(Inn), Address(key=("a",)))
    await trio.sleep(5)
    assert LOG.count(f"{name} leaves: client") == 1
    assert LOG.count("say hi") == 1


@pytest.mark.parametrize("way", WAYS)
async def test_kicking_who_is_parked(way: Way, autojump_clock: MockClock) -> None:
    async with inn(way) as (runtime, handle), handle.connect(Guest()) as ann:
        await ann.call(Inn.say, "here")
        (instance,) = runtime.directory.instances
        (conn,) = instance.conns.all()
        await ann.call(Inn.rest)
        await trio.sleep(5)
        assert asleep(runtime)
        await conn.disconnect("out", reconnect=False)
        await trio.sleep(1)
        assert ann.status == "closed"
    assert LOG.count("ann leaves: kick") == 1
