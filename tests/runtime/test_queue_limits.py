"""What does not fit into a queue: too many messages, too large ones, and others' tokens."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, handle, opened, wake
from tests.runtime.test_queues import STORES, Desk, desk, send
from trivet.declare.actor import Actor
from trivet.declare.options import Limits
from trivet.declare.queue import Queue
from trivet.storage.memory import MemoryStorage


@STORES
async def test_there_is_a_bound_on_messages(
    make: type[MemoryStorage], autojump_clock: MockClock
) -> None:
    limits = Limits(queue_messages=2)
    async with opened(Desk, storage=make(), limits=limits) as runtime:
        actor = await desk(runtime)
        await send(runtime, "a", "b")
        for attempt in (send(runtime, "c"), call(runtime, Desk.note, "c")):
            with pytest.raises(errors.ActionError) as caught:
                await attempt
            assert (caught.value.group, caught.value.code) == ("queue", "full")
            assert caught.value.metadata == {"limit": 2}
        async with actor.receive() as delivery:  # one that is worked on counts still
            with pytest.raises(errors.ActionError):
                await send(runtime, "c")
            delivery.complete()
            await send(runtime, "c")
        assert [await actor.next() for _ in "bc"] == ["b", "c"]


async def test_there_is_a_bound_on_their_size(autojump_clock: MockClock) -> None:
    async with opened(Desk, limits=Limits(queue_body=100)) as runtime:
        await send(runtime, "x" * 90)
        for attempt in (send(runtime, "x" * 120), call(runtime, Desk.note, "x" * 120)):
            with pytest.raises(errors.ActionError) as caught:
                await attempt
            assert str(caught.value).startswith("queue.message_too_large")
            assert caught.value.metadata == {"size": 122, "limit": 100}


async def test_what_does_not_fit_is_refused_at_the_sender(autojump_clock: MockClock) -> None:
    class Other(Actor[None]):
        notes = Queue[str]()

    class Bare(Actor[None]):
        pass

    async with opened(Desk, Bare) as runtime:
        wrong: Any = 5
        with pytest.raises(errors.ValidationError):
            await handle(runtime, Desk).send(Desk.notes, wrong)
        with pytest.raises(LookupError, match=r"<queue Other.notes> is no queue of Desk"):
            await handle(runtime, Desk).send(Other.notes, "x")
        assert not runtime.directory.instances
        actor = await desk(runtime)
        for attempt in (actor.receive, actor.try_receive):
            with pytest.raises(LookupError):
                attempt(Other.notes)
        with pytest.raises(LookupError):
            actor.enqueue(Other.notes, "x")
        with pytest.raises(LookupError, match="Bare has no queues"):
            (await wake(runtime, Bare)).actor.receive()
