"""``handle.watch``: how an actor stands first, then every step of its life, and nothing left over."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import handle, opened, put_away, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Address, Subscription
from trivet.declare.registry import definition_of
from trivet.declare.watching import Change
from trivet.runtime.crash_record import BUDGET
from trivet.runtime.runtime import Runtime


class Subject(Actor[list[str]]):
    breaks = False

    async def on_wake(self) -> None:
        if self.breaks:
            raise ValueError("on_wake broke")

    async def fall(self) -> None:
        raise ValueError("a task broke")

    @action
    def crash(self) -> None:
        self.start_soon(self.fall)

    @action
    def touch(self) -> None:
        self.state.append("x")

    @action
    async def see(self) -> list[str]:
        """Follow another actor from a turn, which that one's turn may wait for."""
        other = self.client.get_or_create(Subject, "b")
        async with other.watch() as changes:
            first = (await anext(changes)).status
            await other.call(Subject.touch)
            return [first, (await anext(changes)).status]


async def destroy(runtime: Runtime) -> None:
    await runtime.destroy(definition_of(Subject), Address(key=("a",)))


async def read(changes: Subscription[Change], log: list[str]) -> None:
    async for change in changes:
        log.append(change.status)  # noqa: PERF401  # the test reads it while it grows


async def test_every_step_is_told_in_order(autojump_clock: MockClock) -> None:
    log: list[str] = []
    async with opened(Subject) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(read, runtime.client.get(Subject, "a").watch(), log)
        await wait_all_tasks_blocked()
        assert log == ["absent"]
        await wake(runtime, Subject)
        await put_away(runtime, Subject)
        await wake(runtime, Subject)
        await destroy(runtime)
        await wait_all_tasks_blocked()
        assert log == ["absent", "awake", "asleep", "awake", "destroyed"]
        assert not nursery.child_tasks  # the iteration is over


async def test_crashes_and_rests_are_told(autojump_clock: MockClock) -> None:
    log: list[str] = []
    async with opened(Subject) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(read, handle(runtime, Subject).watch(), log)
        for _ in range(BUDGET):
            await handle(runtime, Subject).call(Subject.crash)
            await wait_all_tasks_blocked()
        assert log == ["absent", *["awake", "crashed"] * BUDGET, "unavailable"]
        await trio.sleep(10)
        assert log[-1] == "asleep"  # nobody misses it
        link = PlayedLink(runtime)
        link.connect(Subject, "a")
        await link.gets("init")
        assert log[-1] == "awake"
        nursery.cancel_scope.cancel()


async def test_starts_that_fail_are_crashes(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(Subject) as runtime, handle(runtime, Subject).watch() as changes:
        await wake(runtime, Subject)
        await put_away(runtime, Subject)
        assert (await anext(changes)).status == "asleep"
        monkeypatch.setattr(Subject, "breaks", True)
        with pytest.raises(errors.ActionError):
            await wake(runtime, Subject)
        assert (await anext(changes)).status == "crashed"


@pytest.mark.parametrize("durable", [False, True])
async def test_the_first_item_says_how_it_stands(durable: bool, autojump_clock: MockClock) -> None:
    storage = HeldStorage() if durable else None
    if storage is not None:
        storage.holding = False
    async with opened(Subject, storage=storage) as runtime:
        target = handle(runtime, Subject)

        async def first() -> Change:
            async with target.watch() as changes:
                return await anext(changes)

        now = await first()
        assert (now.status, now.actor_id, now.generation) == ("absent", None, 0)
        await target.call(Subject.touch)
        now = await first()
        assert (now.status, now.actor_id, now.generation) == ("awake", await target.resolve(), 1)
        assert abs(now.at - datetime.now(UTC)) < timedelta(minutes=1)
        await put_away(runtime, Subject)
        assert (await first()).status == "asleep"
        await target.call(Subject.touch)
        assert (await first()).generation == 2
        await target.call(Subject.crash)
        await wait_all_tasks_blocked()
        assert (await first()).status == "crashed"
        for _ in range(BUDGET - 1):
            await target.call(Subject.crash)
            await wait_all_tasks_blocked()
        assert (await first()).status == "unavailable"
        await trio.sleep(100)
        assert (await first()).status == "asleep"
        assert len(runtime.watchers) == 0


async def test_by_its_id_only_that_actor_is_followed(autojump_clock: MockClock) -> None:
    async with opened(Subject) as runtime:
        actor_id = await handle(runtime, Subject).resolve()
        by_id, log = runtime.client.get_by_id(Subject, actor_id), list[str]()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, by_id.watch(), log)
            await wait_all_tasks_blocked()
            await destroy(runtime)
            await wake(runtime, Subject)
        assert log == ["awake", "destroyed"]
        log.clear()
        await read(by_id.watch(), log)
        assert log == ["destroyed"]


async def test_what_happens_while_the_store_is_asked_is_not_lost(autojump_clock: MockClock) -> None:
    async with opened(Subject, storage=HeldStorage()) as runtime:
        changes = handle(runtime, Subject).watch()
        log: list[str] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, changes, log)
            nursery.start_soon(wake, runtime, Subject)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert log in (["absent", "awake"], ["awake"])


async def test_a_reader_that_is_too_slow_is_told(autojump_clock: MockClock) -> None:
    async with opened(Subject) as runtime, handle(runtime, Subject).watch() as changes:
        await anext(changes)
        for _ in range(600):
            await wake(runtime, Subject)
            await put_away(runtime, Subject)
        seen = [(await anext(changes)).status for _ in range(1024)]
        assert seen == ["awake", "asleep"] * 512
        with pytest.raises(errors.SubscriptionOverflow):
            await anext(changes)
        assert runtime.client.counters["status_dropped"] == 1200 - 1024


async def test_nothing_is_left_of_who_has_stopped(autojump_clock: MockClock) -> None:
    async with opened(Subject) as runtime:
        async with handle(runtime, Subject).watch() as changes:
            await anext(changes)
            assert len(runtime.watchers) == 1
        assert len(runtime.watchers) == 0
        with pytest.raises(StopAsyncIteration):
            await anext(changes)
        abandoned = handle(runtime, Subject).watch()
        await anext(abandoned)
        tasks = len(runtime.nursery.child_tasks)
        del abandoned
        gc.collect()
        assert len(runtime.watchers) == 0
        assert len(runtime.nursery.child_tasks) == tasks


async def test_it_ends_with_the_runtime(autojump_clock: MockClock) -> None:
    log: list[str] = []
    async with trio.open_nursery() as nursery:
        async with opened(Subject) as runtime:
            await wake(runtime, Subject)
            nursery.start_soon(read, handle(runtime, Subject).watch(), log)
            await wait_all_tasks_blocked()
    assert log == ["awake", "asleep"]


async def test_an_actor_follows_another(autojump_clock: MockClock) -> None:
    async with opened(Subject) as runtime:
        assert await handle(runtime, Subject).call(Subject.see) == ["absent", "awake"]


async def test_over_a_network_it_says_that_it_is_not_there() -> None:
    from trivet.open import open_client

    async with open_client("http://localhost:1") as client:
        with pytest.raises(NotImplementedError, match="over a network"):
            client.get(Subject, "a").watch()
