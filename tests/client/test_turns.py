"""Connections that turns open and wait for: whoever would wait for himself is told at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import CallCycleError
from trivet.declare.handle import Client
from trivet.declare.interfaces import Conn
from trivet.declare.registry import Registry
from trivet.open import open_runtime
from trivet.runtime.turn import Turn, current_turn

TURNS: list[Turn | None] = []


class Plain(Actor):
    @action
    def tick(self) -> int:
        return 1

    @action
    async def call_other(self, key: str, over_connection: bool) -> int:
        other = self.client.get_or_create(Plain, key)
        if not over_connection:
            return await other.call(Plain.tick)
        async with other.connect() as conn:
            return await conn.call(Plain.tick)

    @action
    async def call_back_and_forth(self, mine: str, other: str) -> int:
        async with self.client.get_or_create(Plain, other).connect() as conn:
            return await conn.call(Plain.call_other, mine, True)

    @action
    async def visit(self, mine: str) -> int:
        async with self.client.get_or_create(Host, mine).connect() as conn:
            return await conn.call(Host.greet)

    @action
    async def rouse(self, mine: str) -> int:
        async with self.client.get_or_create(Sleeper, mine).connect() as conn:
            return await conn.call(Sleeper.greet)

    @action
    async def connect_with_token(self) -> None:
        async def token() -> None:
            TURNS.append(current_turn())

        TURNS.append(current_turn())
        async with self.client.get_or_create(Guarded, "a").connect(token):
            pass


class Host(Actor):
    """Calls whom its key names before it lets anybody in."""

    async def on_connect(self, conn: Conn) -> None:
        await self.client.get_or_create(Plain, *self.key).call(Plain.tick)

    @action
    def greet(self) -> int:
        return 2


class Sleeper(Actor):
    """Calls whom its key names before it is awake."""

    async def on_wake(self) -> None:
        await self.client.get_or_create(Plain, *self.key).call(Plain.tick)

    @action
    def greet(self) -> int:
        return 3


class Guarded(Actor[None, None, str | None]):
    pass


@asynccontextmanager
async def running() -> AsyncGenerator[Client]:
    async with open_runtime(Registry(Plain, Host, Sleeper, Guarded)) as runtime:
        yield runtime.client


async def test_actors_call_each_other_over_connections() -> None:
    async with running() as client:
        for over_connection in (False, True):
            one = client.get_or_create(Plain, f"one {over_connection}")
            assert await one.call(Plain.call_other, "two", over_connection) == 1


async def test_a_circle_over_connections_is_refused_at_once(autojump_clock: MockClock) -> None:
    async with running() as client:
        start = trio.current_time()
        with pytest.raises(CallCycleError) as caught:
            await client.get_or_create(Plain, "one").call(Plain.call_back_and_forth, "one", "two")
        assert trio.current_time() == start
        assert caught.value.metadata == {"path": ["Plain/two", "Plain/one", "Plain/two"]}


async def test_an_actor_cannot_connect_to_itself_and_wait(autojump_clock: MockClock) -> None:
    async with running() as client:
        with pytest.raises(CallCycleError):
            await client.get_or_create(Plain, "one").call(Plain.call_other, "one", True)
        assert await client.get(Plain, "one").call(Plain.tick) == 1


async def test_a_host_that_calls_its_guest_before_it_opens(autojump_clock: MockClock) -> None:
    async with running() as client:
        start = trio.current_time()
        with pytest.raises(CallCycleError):
            await client.get_or_create(Plain, "guest").call(Plain.visit, "guest")
        assert trio.current_time() == start
        assert await client.get(Plain, "guest").call(Plain.visit, "somebody else") == 2


async def test_a_host_that_calls_its_guest_before_it_wakes(autojump_clock: MockClock) -> None:
    async with running() as client:
        start = trio.current_time()
        with pytest.raises(CallCycleError):
            await client.get_or_create(Plain, "guest").call(Plain.rouse, "guest")
        assert trio.current_time() == start
        assert await client.get(Plain, "guest").call(Plain.rouse, "somebody else") == 3


async def test_a_connection_works_for_no_turn() -> None:
    TURNS.clear()
    async with running() as client:
        await client.get_or_create(Plain, "one").call(Plain.connect_with_token)
    outside, inside = TURNS
    assert outside is not None
    assert inside is None
