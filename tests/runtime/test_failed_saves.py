"""Saves that fail, for every reason: nobody is told anything that is lost, and everybody is told so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.client.scheduling import run_shuffled
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, opened, put_away, recorder_of, wake
from tests.runtime.scribes import Host, Scribe, connected, go_on, saved, stored, words
from tests.runtime.stores import HeldStorage
from trivet.declare.options import Limits
from trivet.lifecycle.actor import ActorEvent
from trivet.ports.errors import StorageError, StorageFull

SMALL = Limits(state_limit=40)


def immediate() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


def refused(storage: HeldStorage) -> None:
    storage.pending[0].fail()


def full(storage: HeldStorage) -> None:
    storage.pending[0].fail(StorageFull("there is no room"))


def nothing(_: HeldStorage) -> None:
    """It fails by itself."""


TOO_LARGE = "; ".join(f"add {number}" for number in range(100_000_000, 100_000_020))

KINDS: list[tuple[str, Callable[[HeldStorage], None], str, Any]] = [
    ("add 1", refused, "state_not_saved", None),
    ("add 1", full, "state_not_saved", {"reason": "storage_full"}),
    ("add 1; spoil", nothing, "state_not_serializable", "@ $[2]"),
    (TOO_LARGE, nothing, "state_too_large", "40"),
]
EVERY_KIND = pytest.mark.parametrize(("script", "fails", "code", "metadata"), KINDS)


@EVERY_KIND
@pytest.mark.parametrize("action", [Scribe.now, Scribe.do])
async def test_everybody_who_waits_is_told(
    script: str, fails: Callable[[HeldStorage], None], code: str, metadata: Any, action: Any
) -> None:
    storage, log = immediate(), list[errors.ActionError]()
    async with (
        opened(Scribe, storage=storage, limits=SMALL) as runtime,
        trio.open_nursery() as nursery,
    ):
        link = await connected(runtime, Scribe)
        await call(runtime, Scribe.now, "add 0")
        instance = await wake(runtime, Scribe)
        storage.holding = True

        async def hears(asked: Callable[..., Any], *args: Any) -> None:
            with pytest.raises(errors.ActionError) as caught:
                await asked(*args)
            log.append(caught.value)

        async def save_outside() -> None:
            await instance.actor.save()

        async def call_outside() -> None:
            await instance.actor.client.get_or_create(Scribe, "b").call(Scribe.now, "add 0")

        nursery.start_soon(hears, call, runtime, action, f"{script}; say lost")
        await wait_all_tasks_blocked()
        if fails is not nothing:
            link.call("read")
            nursery.start_soon(hears, call, runtime, Scribe.read)
            nursery.start_soon(hears, save_outside)
            nursery.start_soon(hears, call_outside)
            await wait_all_tasks_blocked()
            assert log == []
        fails(storage)
        storage.holding = False
        await wait_all_tasks_blocked()
        assert len(log) == (1 if fails is nothing else 4)
        assert {error.code for error in log} == {code}
        if isinstance(metadata, str):
            assert metadata in str(log[0].metadata)
        else:
            assert log[0].metadata == metadata
        assert words(link) == ([] if fails is nothing else ["failure"])
        assert await call(runtime, Scribe.read) == [0]
        assert not link.gone
        assert awake(runtime, Scribe) is not instance
        assert await stored(storage, key="b") is None


@pytest.mark.parametrize("step", ["save", "call b"])
async def test_a_turn_that_waits_for_its_save_is_told(step: str) -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(errors.ActionError, match="state_not_saved"):
                await call(runtime, Scribe.do, f"add 1; {step}; add 2")

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        storage.holding = False
        storage.saves[0].fail()
    assert await stored(storage) == []
    assert len(storage.records) == 1


async def test_what_is_sealed_behind_a_failing_save_is_lost_with_it() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime:
        link = await connected(runtime, Scribe)
        link.call("now", "add 1; say one")
        await wait_all_tasks_blocked()
        link.call("do", "add 2; say two; pause end")  # begins behind a sealed segment
        link.call("now", "add 3; say three")  # waits: the next instance serves it
        await wait_all_tasks_blocked()
        storage.holding = False
        storage.saves[0].fail()
        await wait_all_tasks_blocked()
        assert words(link) == ["failure", "failure", "three", "reply"]
        assert await stored(storage) == [3]


async def test_a_save_in_flight_counts_though_the_next_segment_fails() -> None:
    """The instance after it begins behind that save, not beside it."""
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime:
        link = await connected(runtime, Scribe)
        first = link.call("now", "add 1")
        await wait_all_tasks_blocked()
        second = link.call("now", "spoil")
        link.call("do", "pause never")  # ends the segment before it, which does not fit
        await wait_all_tasks_blocked()
        assert {frame[:2] for frame in link.frames[1:]} == {
            ("failure", number) for number in (first, second, 3)
        }
        reply = link.call("read")
        await wait_all_tasks_blocked()
        assert len(link.frames) == 4  # nobody reads before it is known what the store has
        storage.holding = False
        storage.saves[0].succeed()
        assert await link.gets("reply", reply) == ("reply", reply, [1])


class Waking(Scribe):
    async def on_wake(self) -> None:
        self.state.append(1)


async def test_a_start_that_cannot_be_stored_fails() -> None:
    storage = immediate()
    async with opened(Waking, storage=storage) as runtime:
        handle = runtime.client.get_or_create(Waking, "a")
        storage.full = True
        with pytest.raises(errors.ActionError) as caught:
            await handle.call(Scribe.read)
        assert caught.value.metadata == {"reason": "storage_full"}
        storage.full = False
        assert await handle.call(Scribe.read) == [1]
        await put_away(runtime, Waking)
        storage.full = True
        with pytest.raises(errors.ActionError, match="state_not_saved"):
            await handle.call(Scribe.read)
        assert await stored(storage, Waking) == [1]
        storage.full = False
        assert await handle.call(Scribe.read) == [1, 1]


async def test_a_full_disk_leaves_readers_and_links_alone() -> None:
    storage = immediate()
    async with opened(Scribe, storage=storage) as runtime:
        link = await connected(runtime, Scribe)
        await call(runtime, Scribe.now, "add 1")
        storage.full = True
        for _ in range(3):
            with pytest.raises(errors.ActionError, match="state_not_saved"):
                await call(runtime, Scribe.now, "add 2")
            assert await call(runtime, Scribe.read) == [1]
        assert words(link) == []
        assert not link.gone
        link.vanish()
        storage.full = False  # and it works again by itself
        await call(runtime, Scribe.now, "add 3")
        assert await stored(storage) == [1, 3]


@pytest.mark.parametrize("seed", range(12))
def test_an_opening_that_cannot_be_stored_is_given_up_soon(seed: int) -> None:
    """A client that knocks at a full disk must not make its actor crash for ever.

    Nor may it get two connections, whichever task hears first of the failed save.
    """
    run_shuffled(knock_at_a_full_disk, seed=seed)


async def knock_at_a_full_disk() -> None:
    storage = immediate()
    async with opened(Host, storage=storage) as runtime:
        link = await connected(runtime, Host)
        storage.full = True
        late = PlayedLink(runtime)
        late.connect(Host, "a")
        assert await late.closed() == (1011, "actor.starting")
        lives = recorder_of(runtime).instances["Host/a"]
        assert sum(life.count(ActorEvent.CRASH) for life in lives) == 2
        assert late.frames == []
        reply = link.call("read")
        assert await link.gets("reply", reply) == ("reply", reply, [])
        storage.full = False


async def test_the_last_save_may_fail() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        link.call("do", "add 1; say one; pause end")
        await wait_all_tasks_blocked()
        nursery.start_soon(put_away, runtime, Scribe)
        await wait_all_tasks_blocked()
        storage.saves[0].succeed()
        go_on("end")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1]]
        link.call("read")
        await wait_all_tasks_blocked()
        assert words(link) == ["one", "reply", "reply"]


async def test_a_failing_last_save_loses_what_nobody_was_told() -> None:
    storage = immediate()
    async with opened(Host, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Host)
        storage.holding = True
        link.call("now", "add 1")
        await wait_all_tasks_blocked()
        nursery.start_soon(put_away, runtime, Host)
        await wait_all_tasks_blocked()
        storage.pending[0].fail(StorageError("the disk says no"))
        storage.holding = False
        await wait_all_tasks_blocked()
        assert words(link) == ["failure"]
        reply = link.call("read")
        assert await link.gets("reply", reply) == ("reply", reply, [])


async def test_a_failed_save_and_what_it_drops_are_counted() -> None:
    storage = immediate()
    async with opened(Scribe, storage=storage) as runtime:
        link = await connected(runtime, Scribe)
        storage.holding = True
        link.call("do", "add 1; say one; say two; pause a")
        await wait_all_tasks_blocked()
        storage.pending[0].fail()
        await link.gets("failure")
        assert runtime.counters == {"save_failed": 1, "effect_dropped": 2, "actor_crashed": 1}
        storage.holding = False
