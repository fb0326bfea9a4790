"""The actors of the acceptance list's queues."""

from __future__ import annotations

from typing import Any

import trio

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.declare.queue import Queue

__all__ = ["Child", "Desk", "Parent", "Runner", "Tight"]


class Desk(Actor[list[str]], name="desk"):
    """Receives when it is told to, beside its turns."""

    greeting = Queue[str]()
    tasks = Queue[str, str]()
    a = Queue[str]()
    b = Queue[str]()

    @action(concurrent=True)
    async def next(self, patience: float = 10) -> str | None:
        with trio.move_on_after(patience):
            async with self.receive(Desk.greeting) as delivery:
                return delivery.body
        return None

    @action(concurrent=True)
    async def next_of_any(self) -> str:
        async with self.receive() as delivery:
            return f"{delivery.queue.slot}: {delivery.body}"

    @action(concurrent=True)
    async def batch(self, count: int) -> list[str]:
        got: list[str] = []
        while len(got) < count:
            async with self.receive(Desk.a, Desk.b) as delivery:
                got.append(f"{delivery.queue.slot}: {delivery.body}")
        return got

    @action(concurrent=True)
    async def try_all(self) -> list[str]:
        got: list[str] = []
        while True:
            async with self.try_receive() as delivery:
                if delivery is None:
                    return got
                got.append(str(delivery.body))

    @action(concurrent=True)
    async def collect(self, seconds: float) -> list[str]:
        """Receive in a loop, until the time is over."""
        got: list[str] = []
        with trio.move_on_after(seconds):
            while True:
                async with self.receive(Desk.greeting) as delivery:
                    got.append(delivery.body)
        return got

    @action
    def say(self, text: str) -> None:
        self.enqueue(Desk.greeting, text)

    @action(concurrent=True)
    async def work(self, seconds: float = 0) -> str:
        async with self.receive(Desk.tasks) as delivery:
            await trio.sleep(seconds)
            delivery.complete(f"{delivery.body} done")
            return delivery.body

    @action(concurrent=True)
    async def fail_at_work(self) -> str:
        async with self.receive(Desk.tasks) as delivery:
            return delivery.body  # and has not completed it

    @action(concurrent=True)
    async def put_back(self) -> str:
        async with self.receive(Desk.greeting) as delivery:
            delivery.retry()
            return delivery.body

    @action(concurrent=True)
    async def complete_without_a_result(self) -> str:
        async with self.receive(Desk.greeting) as delivery:
            delivery.complete()
            return delivery.body

    @action(concurrent=True)
    async def receive_within(self) -> None:
        async with self.receive(Desk.tasks), self.receive(Desk.tasks):
            pass

    @action(concurrent=True)
    async def complete_twice(self) -> None:
        async with self.receive(Desk.tasks) as delivery:
            delivery.complete("first")
            delivery.complete("second")

    @action
    def rest(self) -> None:
        self.sleep()


class Tight(Actor[None], name="tight", limits=Limits(queue_messages=1, queue_body=64)):
    messages = Queue[str]()


class Runner(Actor[list[str]], name="runner", sleep_after=0.2):
    """Receives in ``run``; counts its lives."""

    messages = Queue[str, int]()

    async def on_wake(self) -> None:
        self.state.append("wakes")

    async def run(self) -> None:
        while True:
            async with self.receive(Runner.messages) as delivery:
                async with self.turn():
                    self.state.append(delivery.body)
                delivery.complete(self.state.count("wakes"))

    @action
    def seen(self) -> list[str]:
        return self.state


class Child(Actor[list[str]], name="child"):
    """Drains many queues."""

    q0, q1, q2, q3 = (Queue[str](name=f"q{number}") for number in range(4))

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for queue in (Child.q0, Child.q1, Child.q2, Child.q3):
                nursery.start_soon(self.drain, queue)

    async def drain(self, queue: Queue[str, None]) -> None:
        while True:
            async with self.receive(queue) as delivery, self.turn():
                self.state.append(delivery.body)

    @action
    def drained(self) -> list[str]:
        return sorted(self.state)


class Parent(Actor[list[str]], name="parent"):
    """Makes children, from an action or in ``run``."""

    wanted = Queue[str, str]()

    async def make(self, key: str) -> str:
        child: Any = self.client.get_or_create(Child, key)
        for queue in (Child.q0, Child.q1, Child.q2, Child.q3):
            for number in range(3):
                await child.send(queue, f"{queue.slot} {number}")
        return key

    async def run(self) -> None:
        while True:
            async with self.receive(Parent.wanted) as delivery:
                delivery.complete(await self.make(delivery.body))

    @action
    async def make_child(self, key: str) -> str:
        return await self.make(key)
