"""Queues: bodies and results have the types of their declaration; the marked lines are errors."""

from __future__ import annotations

from typing import Any, reveal_type

from five import Job, Lobby, Result, Worker

import trivet


class Overseer(trivet.Actor[int]):
    orders = trivet.Queue[Job, Result]()
    hints = trivet.Queue[str]()

    async def run(self) -> None:
        async with self.receive(Overseer.orders) as order:
            reveal_type(order)  # is Delivery[Job, Result]
            reveal_type(order.body)  # is Job
            order.complete(Result(200))
            order.complete()  # E1 the result is missing
            order.complete("fine")  # E2 wrong result
        async with self.receive(Overseer.hints) as hint:
            reveal_type(hint.body)  # is str
            hint.complete()
            hint.complete("thanks")  # E3 it has no results
        async with self.receive(Overseer.orders, Overseer.hints) as either:
            reveal_type(either.body)  # is Job | str
            either.complete(Result(200))
        async with self.receive() as anything:
            reveal_type(anything.body)  # is Any
        async with self.try_receive(Overseer.hints) as perhaps:
            perhaps.body  # E4 there may be none
            if perhaps is not None:
                perhaps.retry()
        self.receive(Lobby.frame)  # E5 an event is not a queue
        self.enqueue(Overseer.hints, "go on")
        self.enqueue(Overseer.hints, 5)  # E6 wrong body

    def can_publish(self, queue: trivet.Queue[Any, Any], conn: trivet.Conn[None]) -> bool:
        return queue is Overseer.hints


async def use(client: trivet.Client) -> None:
    worker = client.get_or_create(Worker, "w")
    reveal_type(await worker.send_and_wait(Worker.jobs, Job("u")))  # is Result
    reveal_type(await worker.send_and_wait(Worker.pings, "u"))  # is None
    await worker.send_and_wait(Worker.pings, Job("u"))  # E7 wrong body
    async with worker.connect() as conn:
        await conn.send(Worker.pings, "u")
        number: int = await conn.send_and_wait(Worker.jobs, Job("u"))  # E8 wrong result
        print(number)
