"""Stored messages that cannot be read: they stay where they are, or fail the start."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, handle, opened, put_away, recorder_of, wake
from tests.runtime.stores import HeldStorage
from tests.runtime.test_queues import Desk, durable
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.queue import Queue
from trivet.ports.errors import RecordDamaged
from trivet.ports.records import Row


async def test_messages_of_a_queue_that_is_gone_stay(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Old(Actor[None], name="plant"):
        leaves = Queue[str]()
        roots = Queue[str]()

    class New(Actor[None], name="plant"):
        leaves = Queue[str]()

    class Odd(Actor[None], name="plant"):
        leaves = Queue[int]()
        roots = Queue[str]()

    storage = durable()
    async with opened(Old, storage=storage) as runtime:
        await handle(runtime, Old).send(Old.roots, "r")
        await handle(runtime, Old).send(Old.leaves, "l")
    async with opened(New, storage=storage) as runtime:
        actor = (await wake(runtime, New)).actor
        assert "queues that the class does not have any more: roots" in caplog.text
        async with actor.receive() as delivery:
            assert delivery.body == "l"
            delivery.retry()
    async with opened(Odd, storage=storage) as runtime:
        actor = (await wake(runtime, Odd)).actor
        async with actor.receive() as delivery:
            assert delivery.body == "r"
            delivery.retry()
        async with actor.try_receive(Odd.leaves) as nothing:
            assert nothing is None
        assert "a stored message of leaves does not fit its type" in caplog.text
        assert recorder_of(runtime).counts["message_unreadable"] == 1
    async with opened(Old, storage=storage) as runtime:
        actor = (await wake(runtime, Old)).actor
        async with actor.receive() as delivery:
            assert delivery.body == "r"
        async with actor.receive() as delivery:
            assert delivery.body == "l"


class Unread(HeldStorage):
    async def scan(self, *args: Any, **options: Any) -> list[Row]:
        raise RecordDamaged("a row is another")


async def test_messages_that_cannot_be_read_fail_the_start(autojump_clock: MockClock) -> None:
    class Plain(Actor[int]):
        @action
        def look(self) -> int:
            return self.state

    storage = Unread()
    storage.holding = False
    async with opened(Plain, Desk, storage=storage) as runtime:
        for _ in range(2):
            assert await call(runtime, Plain.look) == 0  # it has no queues to read
            await put_away(runtime, Plain)
        assert await call(runtime, Desk.look) is None  # a new one has nothing to read
        await put_away(runtime, Desk)
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Desk.look)
        assert caught.value.code == "state_corrupt"
