"""Queues, as the official client puts messages in, as scenarios of ``queues.mjs``."""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import pytest
import trio

from tests.interop.node import Encoding, JavaScript, Node
from tests.interop.test_calls import reason
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.declare.queue import Queue
from trivet.declare.registry import Registry
from trivet.declare.wire_names import camel_case
from trivet.open import serve
from trivet.server.serve import Server

pytestmark = pytest.mark.interop


@attrs.frozen
class Job:
    page_url: str


@attrs.frozen
class Result:
    status_code: int


class Clerk(Actor[None], name="clerk", limits=Limits(queue_messages=3)):
    new_jobs = Queue[Job, Result]()
    notes = Queue[Any]()

    async def run(self) -> None:
        while True:
            async with self.receive(Clerk.new_jobs) as delivery:
                delivery.complete(Result(len(delivery.body.page_url)))

    @action(concurrent=True)
    async def next_note(self) -> Any:
        async with self.receive(Clerk.notes) as delivery:
            return delivery.body

    @action
    def die(self) -> None:
        self.destroy()


@pytest.fixture
async def server(nursery: trio.Nursery) -> Server:
    registry = Registry(Clerk, naming=camel_case)
    server: Server = await nursery.start(partial(serve, registry, port=0))
    return server


@pytest.fixture
def javascript(node: Node, server: Server, encoding: Encoding) -> JavaScript:
    return JavaScript(node, server.url, encoding)


async def test_a_handle_sends(javascript: JavaScript) -> None:
    body = {"text": "é", "numbers": [1, 2.5, None]}
    assert await javascript.run("queues.sent", body) == ["completed", body]


async def test_a_connection_sends(javascript: JavaScript) -> None:
    assert await javascript.run("queues.sentOverAConnection", ["x"]) == ["x"]


async def test_who_waits_gets_the_result(javascript: JavaScript) -> None:
    answer = await javascript.run("queues.waited", {"pageUrl": "12345"})
    assert answer == {"status": "completed", "response": {"statusCode": 5}}


async def test_who_waits_too_long_is_told(javascript: JavaScript) -> None:
    answer, note = await javascript.run("queues.waitedInVain")
    assert answer["status"] == "timedOut"
    assert note == "late"


async def test_a_queue_that_is_not_declared_swallows(javascript: JavaScript) -> None:
    assert (await javascript.run("queues.undeclared"))["status"] == "completed"


async def test_what_does_not_fit_is_refused(javascript: JavaScript) -> None:
    errors = await javascript.run("queues.refused")
    assert reason(errors["full"]) == "queue.full"
    assert errors["full"]["metadata"] == {"limit": 3}
    assert reason(errors["large"]) == "queue.message_too_large"
    assert reason(errors["wrong"]) == "actor.validation_error"


async def test_a_handle_of_a_destroyed_actor_reaches_the_next(javascript: JavaScript) -> None:
    assert await javascript.run("queues.afterDestruction") == "new"
