"""Errors of inner calls that an action or a request passes on: no client repeats the outer one, and
nobody learns the key of the inner actor.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.server.serving import Serving, gateway, serving
from trivet.client.local import LocalTransport
from trivet.client.network import open_network_transport
from trivet.declare.errors import ActionError, Error
from trivet.declare.handle import Address, Client
from trivet.declare.registry import definition_of
from trivet.protocol.faults import Fault, error_of
from trivet.protocol.passing import unwrapped, wrapped

REPEATED = [
    "actor.not_found",
    "actor.starting",
    "actor.stopping",
    "actor.restarting",
    "actor.destroyed_while_waiting_for_ready",
    "guard.service_unavailable",
    "guard.actor_ready_timeout",
]
OTHERS = ["actor.overloaded", "auth.forbidden", "user.tired", "actor.duplicate_key"]


class Inner(trivet.Actor, name="inner"):
    @trivet.action
    def hi(self) -> int:
        return 1


class Slow(trivet.Actor, name="slow", grace=1):
    @trivet.action
    async def wait(self) -> None:
        await trio.sleep_forever()


class Outer(trivet.Actor, name="outer"):
    runs: ClassVar[int] = 0

    async def pass_on(self, reason: str) -> None:
        Outer.runs += 1
        if reason == "actor.not_found":
            await self.client.get(Inner, "the secret").call(Inner.hi)
        group, _, code = reason.partition(".")
        raise error_of(Fault(group, code, "of the other", {"key": "the secret"}))

    @trivet.action
    async def relay(self, reason: str) -> None:
        await self.pass_on(reason)

    async def on_request(self, request: trivet.Request) -> trivet.Response:
        await self.pass_on(request.path[1:])
        raise AssertionError


@asynccontextmanager
async def served() -> AsyncGenerator[Serving]:
    async with serving(Inner, Outer, Slow) as site:
        site.runtime.client = Client(LocalTransport(site.runtime))
        yield site


@asynccontextmanager
async def dialing(site: Serving) -> AsyncGenerator[Client]:
    async def connect() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return site.dial()

    async with open_network_transport("http://server", connect=connect) as transport:
        yield Client(transport)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Outer.runs = 0


@pytest.mark.parametrize("path", ["/action/relay", "/request/{}"])
@pytest.mark.parametrize("reason", [*REPEATED, *OTHERS])
async def test_over_http(path: str, reason: str, autojump_clock: MockClock) -> None:
    async with served() as site:
        address = gateway("outer", path=path.format(reason))
        reply = await site.http().request("POST", address, b'{"args":["%s"]}' % reason.encode())
        if reason in REPEATED:
            group, _, code = reason.partition(".")
            assert (reply.status, reply.error) == (500, "actor.call_failed")
            assert reply.json["metadata"] == {"group": group, "code": code}
        else:
            assert reply.error == reason
        if reason in {"actor.not_found", "actor.duplicate_key"}:
            assert b"secret" not in reply.body


@pytest.mark.parametrize("reason", [*REPEATED, *OTHERS])
@pytest.mark.parametrize("way", ["call", "connection", "fetch"])
async def test_at_trivets_client(way: str, reason: str, autojump_clock: MockClock) -> None:
    async with served() as site:
        async with dialing(site) as client:
            outer: Any = client.get_or_create(Outer, "a")

            async def reach() -> None:
                match way:
                    case "call":
                        await outer.call(Outer.relay, reason)
                    case "fetch":
                        await outer.fetch(f"/{reason}")
                    case _:
                        async with outer.connect() as connection:
                            await connection.call(Outer.relay, reason)

            with pytest.raises(Error) as caught:
                await reach()
            assert f"{caught.value.group}.{caught.value.code}" == reason
            assert Outer.runs == 1
            if reason in {"actor.not_found", "actor.duplicate_key"}:
                assert caught.value.metadata is None


async def test_within_the_process_it_says_all(autojump_clock: MockClock) -> None:
    async with served() as site:
        with pytest.raises(ActionError) as caught:
            await site.runtime.client.get_or_create(Outer, "a").call(Outer.relay, "actor.not_found")
        assert caught.value.metadata == {"name": "inner", "key": ["the secret"]}


async def test_an_actors_own_restart_is_told_as_such(autojump_clock: MockClock) -> None:
    async with served() as site:
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                reply = await site.http().request("POST", gateway("slow", path="/action/wait"))
                assert (reply.status, reply.error) == (503, "actor.restarting")

            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            await site.runtime.put_away(definition_of(Slow), Address(key=("a",)))


@pytest.mark.parametrize("metadata", [None, [], {}, {"group": "a"}, {"group": 1, "code": "b"}])
def test_what_only_looks_wrapped_stays(metadata: object) -> None:
    fault = Fault("actor", "call_failed", "text", metadata)
    assert unwrapped(fault) == fault


def test_what_is_wrapped_comes_out() -> None:
    fault = Fault("actor", "stopping", "text", {"x": 1})
    assert unwrapped(wrapped(fault)) == Fault("actor", "stopping", "text")
