"""Messages from others: by short connections with hooks, refused where waiting would be for ever."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, handle, opened, recorder_of, wake
from tests.runtime.test_queues import STORES
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.declare.queue import Queue
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage


class Ring(Actor[None], name="ring"):
    work = Queue[str, str]()

    async def run(self) -> None:
        while True:
            async with self.receive(Ring.work) as delivery:
                delivery.complete(delivery.body.upper())

    @action
    async def ask(self, key: str, word: str) -> str:
        return await self.client.get_or_create(Ring, key).send_and_wait(Ring.work, word)

    @action
    async def ask_through(self, key: str) -> str:
        return await self.client.get_or_create(Ring, key).call(Ring.ask, self.key[0], "back")


async def test_waiting_for_a_result_closes_a_circle_like_a_call(autojump_clock: MockClock) -> None:
    async with opened(Ring) as runtime:
        assert await call(runtime, Ring.ask, "b", "hello") == "HELLO"
        with pytest.raises(errors.CallCycleError) as caught:
            await call(runtime, Ring.ask_through, "b")
        assert caught.value.metadata == {"path": ["ring/b", "ring/a", "ring/b"]}


class Gated(Actor[None, str, str], name="gated"):
    news = Queue[str]()
    orders = Queue[str]()

    def __init__(self) -> None:
        self.log: list[str] = []

    async def on_before_connect(self, params: str) -> None:
        if params == "banned":
            raise errors.UserError("out", code="banned")

    async def create_conn_state(self, params: str) -> str:
        return params

    async def on_connect(self, conn: Conn[str]) -> None:
        self.log.append(f"{conn.state} {conn.kind} comes")
        await trio.sleep(1)

    async def on_disconnect(self, conn: Conn[str]) -> None:
        self.log.append(f"{conn.state} leaves: {conn.close_cause}")

    def can_publish(self, queue: Queue[Any, Any], conn: Conn[str]) -> bool:
        assert conn.id in self.conns
        if conn.state == "broken":
            raise ValueError("secret")
        answer: Any = "yes" if conn.state == "odd" else conn.state == "ann" or queue is Gated.news
        return answer

    @action(concurrent=True)
    async def read(self) -> str:
        async with self.receive() as delivery:
            return str(delivery.body)


async def gated(runtime: Runtime, who: str, queue: Queue[str, None]) -> None:
    await handle(runtime, Gated).with_params(who).send(queue, f"from {who}")


@STORES
async def test_a_message_comes_by_a_short_connection(
    make: type[MemoryStorage], autojump_clock: MockClock
) -> None:
    async with opened(Gated, storage=make()) as runtime:
        await gated(runtime, "ann", Gated.orders)
        await wait_all_tasks_blocked()
        actor: Gated = (await wake(runtime, Gated)).actor
        assert actor.log == ["ann call comes", "ann leaves: client"]
        assert not actor.conns


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("bob", "auth.forbidden"),
        ("broken", "auth.forbidden"),
        ("odd", "auth.forbidden"),
        ("banned", "user.banned"),
    ],
)
async def test_who_may_not_is_refused(who: str, error: str, autojump_clock: MockClock) -> None:
    async with opened(Gated) as runtime:
        with pytest.raises(errors.ActionError) as caught:
            await gated(runtime, who, Gated.orders)
        assert f"{caught.value.group}.{caught.value.code}" == error
        assert "secret" not in str(caught.value)
        assert recorder_of(runtime).counts["message_refused"] == (who != "banned")
        await wait_all_tasks_blocked()
        instance = await wake(runtime, Gated)
        assert instance.actor.log[1:] == ([] if who == "banned" else [f"{who} leaves: client"])
        assert instance.host.queues is not None
        assert instance.host.queues.lengths == {}


class Open(Gated, name="open", call_hooks=False):
    def can_publish(self, queue: Queue[Any, Any], conn: Conn[str]) -> bool:
        self.log.append(f"{conn.kind} asks for {queue.slot}")
        return queue is Gated.news


async def test_can_publish_is_asked_without_other_hooks(autojump_clock: MockClock) -> None:
    async with opened(Open) as runtime:
        await handle(runtime, Open).send(Gated.news, "x")
        with pytest.raises(errors.Forbidden):
            await handle(runtime, Open).send(Gated.orders, "x")
        instance = await wake(runtime, Open)
        assert instance.actor.log == ["call asks for news", "call asks for orders"]
        assert not instance.connections
        instance.actor.enqueue(Gated.orders, "its own")  # nobody is asked
