"""The ``run`` hook, line by line of the acceptance list: under the mock clock, and over sockets."""

from __future__ import annotations

import trio

from tests.acceptance.journal import JOURNAL
from tests.acceptance.lines import Lines
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Client
from trivet.declare.queue import Queue

SLEEP_AFTER = 0.2


class Runner(Actor[list[str]], name="runner", sleep_after=SLEEP_AFTER):
    """Notes its life."""

    async def on_wake(self) -> None:
        JOURNAL.note("wake")

    async def on_sleep(self) -> None:
        JOURNAL.note("sleep")

    @action
    def add(self, word: str) -> list[str]:
        self.state.append(word)
        return self.state


class Ticker(Runner, name="ticker"):
    async def run(self) -> None:
        while True:
            JOURNAL.note("tick")
            await trio.sleep(0.05)


class Plain(Runner, name="plain"):
    """Has no ``run``."""


class Consumer(Runner, name="consumer"):
    messages = Queue[str, int]()

    async def run(self) -> None:
        while True:
            async with self.receive(Consumer.messages) as delivery:
                async with self.turn():
                    self.state.append(delivery.body)
                delivery.complete(len(self.state))


class Early(Runner, name="early"):
    async def run(self) -> None:
        JOURNAL.note("run")


class Failing(Runner, name="failing"):
    async def run(self) -> None:
        JOURNAL.note("run")
        raise ValueError("nothing came of it")


line = Lines(Ticker, Plain, Consumer, Early, Failing)


@line
async def test_run_starts_after_the_start_hooks(client: Client) -> None:
    await client.get_or_create(Ticker, "a").call(Ticker.add, "x")
    await JOURNAL.until("tick")
    assert JOURNAL.lines[:2] == ["wake", "tick"]


@line
async def test_run_goes_on(client: Client) -> None:
    await client.get_or_create(Ticker, "a").call(Ticker.add, "x")
    await JOURNAL.until("tick", 5)
    assert JOURNAL.lines == ["wake", *["tick"] * 5]


@line
async def test_run_keeps_the_actor_awake(client: Client) -> None:
    await client.get_or_create(Ticker, "a").call(Ticker.add, "x")
    await trio.sleep(3 * SLEEP_AFTER)
    ticks = JOURNAL.count("tick")
    await JOURNAL.until("tick", ticks + 1)
    assert set(JOURNAL.lines[1:]) == {"tick"}


@line
async def test_an_actor_without_run(client: Client) -> None:
    plain = client.get_or_create(Plain, "a")
    assert await plain.call(Plain.add, "x") == ["x"]
    await JOURNAL.until("sleep")
    assert await plain.call(Plain.add, "y") == ["x", "y"]


@line
async def test_run_consumes_a_queue(client: Client) -> None:
    consumer = client.get_or_create(Consumer, "a")
    assert [await consumer.send_and_wait(Consumer.messages, text) for text in "xy"] == [1, 2]
    assert await consumer.call(Consumer.add, "z") == ["x", "y", "z"]


@line
async def test_run_that_waits_for_a_queue_sleeps_and_resumes(client: Client) -> None:
    consumer = client.get_or_create(Consumer, "a")
    assert await consumer.send_and_wait(Consumer.messages, "x") == 1
    await JOURNAL.until("sleep")
    assert await consumer.send_and_wait(Consumer.messages, "y") == 2
    assert JOURNAL.lines[:3] == ["wake", "sleep", "wake"]


@line
async def test_run_that_returns_leaves_an_actor_that_sleeps(client: Client) -> None:
    early = client.get_or_create(Early, "a")
    await early.call(Early.add, "x")
    await JOURNAL.until("sleep")
    assert JOURNAL.lines == ["wake", "run", "sleep"]
    assert await client.get(Early, "a").call(Early.add, "y") == ["x", "y"]
    await JOURNAL.until("run", 2)


@line
async def test_run_that_fails_leaves_an_actor_that_sleeps(client: Client) -> None:
    failing = client.get_or_create(Failing, "a")
    await failing.call(Failing.add, "x")
    await JOURNAL.until("sleep")
    assert JOURNAL.lines == ["wake", "run", "sleep"]
    assert await client.get(Failing, "a").call(Failing.add, "y") == ["x", "y"]
    await JOURNAL.until("run", 2)


test_over_sockets = line.over_sockets()
