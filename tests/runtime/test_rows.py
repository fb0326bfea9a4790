"""Rows: stored with the turn that writes them, or at once outside of turns; read as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, handle, instance_of, opened, put_away, recorder_of, wake
from tests.runtime.scribes import Scribe, connected, go_on, saved, stored, words
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.options import Durability
from trivet.ports.errors import RecordDamaged
from trivet.ports.records import Row, Segment, Write
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage


async def kept(storage: MemoryStorage, actor: str = "Scribe") -> dict[str, str]:
    """What is stored of the rows of the one actor of a name."""
    [record] = await storage.list(actor)
    rows = await MemoryStorage.scan(storage, record.id, "kv", b"", None)
    return {row.key.decode(): row.value.decode() for row in rows}


async def seen(runtime: Runtime, *, reverse: bool = False, limit: int | None = None) -> str:
    """What the actor reads of its rows, in order."""
    rows = (await wake(runtime, Scribe)).rows
    found = await rows.scan("kv", b"", None, reverse=reverse, limit=limit)
    keys = await rows.get("kv", *(row.key for row in found))
    assert keys == dict(found)
    return " ".join(f"{row.key.decode()}={row.value.decode()}" for row in found)


def written(storage: HeldStorage) -> list[list[str]]:
    """The rows that the saves begun so far have to store."""
    return [
        [f"{one.key.decode()}={(one.value or b'').decode()}" for one in save.segment.writes]
        for save in storage.saves
    ]


async def begin(runtime: Runtime, nursery: trio.Nursery, script: str) -> None:
    nursery.start_soon(call, runtime, Scribe.do, script)
    await wait_all_tasks_blocked()


async def test_what_a_turn_writes_is_stored_with_its_state_in_one_save() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        await begin(
            runtime, nursery, "add 1; put a 1; put b 2; remove a; put b 3; pause end; add 2"
        )
        assert await seen(runtime) == "b=3"
        assert storage.saves == []
        go_on("end")
        await wait_all_tasks_blocked()
        assert (saved(storage), written(storage)) == ([[1, 2]], [["a=", "b=3"]])
        assert await seen(runtime) == "b=3"
        await storage.store()
        assert await kept(storage) == {"b": "3"}
        assert await seen(runtime) == "b=3"


async def test_half_a_turn_is_not_stored_because_somebody_else_says_something() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        await begin(runtime, nursery, "put a 1; pause end; put b 1")
        instance = await wake(runtime, Scribe)
        instance.gate.emit(
            partial(instance.conns.broadcast, instance.definition.event(Scribe.said), "x", None)
        )
        await wait_all_tasks_blocked()
        assert (await kept(storage), words(link)) == ({}, [])
        go_on("end")
        await wait_all_tasks_blocked()
        assert (await kept(storage), words(link)) == ({"a": "1", "b": "1"}, ["x"])


async def test_what_a_turn_says_ends_the_segment_of_its_rows_too() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        await begin(runtime, nursery, "put a 1; say it; pause end; put b 1")
        assert (await kept(storage), words(link)) == ({"a": "1"}, ["it"])
        go_on("end")
        await wait_all_tasks_blocked()
        assert await kept(storage) == {"a": "1", "b": "1"}


async def test_a_write_outside_of_turns_is_stored_at_once_without_the_state() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        await begin(runtime, nursery, "add 1; put mine 1; pause end; add 2")
        rows = (await wake(runtime, Scribe)).rows
        rows.write(Write("kv", b"a", b"1"), Write("kv", b"b", b"2"), alarm=5.0)
        assert (saved(storage), written(storage)) == ([None], [["a=1", "b=2"]])
        assert await seen(runtime) == "a=1 b=2 mine=1"
        rows.put("kv", b"a", b"3")
        rows.put("kv", b"b", None)
        assert await seen(runtime) == "a=3 mine=1"
        storage.pending[0].succeed()
        assert written(storage)[1:] == [["a=3", "b="]]
        await storage.store()
        assert await kept(storage) == {"a": "3"}
        assert [when for when, _ in await storage.alarms(9)] == [5.0]
        go_on("end")
        await wait_all_tasks_blocked()
        await storage.store()
        assert await kept(storage) == {"a": "3", "mine": "1"}
        assert await stored(storage) == [1, 2]


async def test_the_last_write_of_a_row_wins_whoever_made_it() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        await begin(runtime, nursery, "put a 1; put b 1; pause end; put b 3")
        rows = (await wake(runtime, Scribe)).rows
        rows.put("kv", b"a", b"2")
        rows.put("kv", b"b", b"2")
        assert await seen(runtime) == "a=2 b=2"
        go_on("end")
        await wait_all_tasks_blocked()
        assert await seen(runtime) == "a=2 b=3"
        assert await kept(storage) == {"a": "2", "b": "3"}


async def test_a_write_outside_stands_behind_turns_that_are_over() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        await begin(runtime, nursery, "add 1")
        await begin(runtime, nursery, "add 2; put a 1")
        rows = (await wake(runtime, Scribe)).rows
        rows.put("kv", b"b", b"1")
        storage.pending[0].succeed()
        assert (saved(storage), written(storage)) == ([[1], [1, 2]], [[], ["a=1", "b=1"]])
        await storage.store()


async def test_what_is_said_behind_a_write_waits_for_it() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime:
        instance = await wake(runtime, Scribe)
        heard: list[str] = []
        instance.rows.put("kv", b"a", b"1")
        instance.gate.emit(lambda: heard.append("told"))
        await wait_all_tasks_blocked()
        assert heard == []
        await storage.store()
        assert heard == ["told"]


async def test_a_failed_save_drops_rows_with_everything_else() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        results: list[object] = []

        async def ask() -> None:
            with pytest.raises(errors.ActionError) as caught:
                await call(runtime, Scribe.do, "add 1; put a 1")
            results.append(caught.value.code)

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        storage.pending[0].fail()
        await wait_all_tasks_blocked()
        storage.holding = False
        assert results == ["state_not_saved"]
        assert (await seen(runtime), await call(runtime, Scribe.read)) == ("", [])


@pytest.mark.parametrize("durability", get_args(Durability))
async def test_a_fenced_save_ends_the_instance(
    durability: Durability, autojump_clock: MockClock
) -> None:
    class Fencer(Actor[list[int]], durability=durability):
        @action
        async def put(self) -> None:
            self.state.append(1)
            await self.kv.put("a", b"1")
            await self.save()

        @action
        def read(self) -> list[int]:
            return self.state

    storage = HeldStorage()
    storage.holding = False
    async with opened(Fencer, storage=storage) as runtime:
        first = await wake(runtime, Fencer)
        assert first.generation == 1
        later = Segment(actor_id=first.actor_id, generation=7)
        MemoryStorage.commit(storage, later, lambda _: None)
        with pytest.raises(errors.ActionError, match="could not be saved"):
            await call(runtime, Fencer.put)
        await wait_all_tasks_blocked()
        assert await call(runtime, Fencer.read) == []
        assert (await wake(runtime, Fencer)).generation == 8
        await call(runtime, Fencer.put)
        assert await kept(storage, "Fencer") == {"a": "1"}
        assert recorder_of(runtime).counts["actor_crashed"] == 1


async def test_the_generation_rises_with_each_life(autojump_clock: MockClock) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scribe, storage=storage) as runtime:
        for life in (1, 2, 3):
            await call(runtime, Scribe.do, "add 1")
            instance = await wake(runtime, Scribe)
            record = await storage.load(instance.actor_id)
            assert record is not None
            assert instance.generation == record.generation == life
            await put_away(runtime, Scribe)


# Reading


async def test_a_scan_counts_what_lies_over_the_store() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        puts = "; ".join(f"put {key} 1" for key in "abcdefgh")
        await call(runtime, Scribe.do, puts)
        await begin(runtime, nursery, "remove a; remove c; put aa 2; put z 2; put d 2; pause end")
        assert await seen(runtime, limit=0) == ""
        assert await seen(runtime, limit=1) == "aa=2"
        assert await seen(runtime, limit=3) == "aa=2 b=1 d=2"
        assert await seen(runtime, limit=99) == "aa=2 b=1 d=2 e=1 f=1 g=1 h=1 z=2"
        assert await seen(runtime, limit=3, reverse=True) == "z=2 h=1 g=1"
        rows = (await wake(runtime, Scribe)).rows
        assert await rows.scan("kv", b"aa", b"d") == [Row(b"aa", b"2"), Row(b"b", b"1")]
        assert await rows.scan("queue", b"", None) == []
        go_on("end")


class SlowStorage(HeldStorage):
    """Lets something happen between reading and answering.

    Attributes:
        meanwhile: What.
    """

    meanwhile: Callable[[], None] | None = None

    async def scan(self, *args: Any, **options: Any) -> list[Row]:
        rows = await super().scan(*args, **options)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return rows


async def test_an_answer_is_how_things_are_when_it_comes() -> None:
    storage = SlowStorage()
    storage.holding = False
    async with opened(Scribe, storage=storage) as runtime:
        await call(runtime, Scribe.do, "put a 1; put b 1; put c 1; put d 1")
        rows = (await wake(runtime, Scribe)).rows

        def change() -> None:
            rows.write(Write("kv", b"a", None), Write("kv", b"c", b"2"), Write("kv", b"bb", b"2"))
            assert not storage.pending  # it is stored, and lies over nothing any more

        storage.meanwhile = change
        assert await seen(runtime) == "b=1 bb=2 c=2 d=1"
        storage.meanwhile = partial(rows.put, "kv", b"b", None)
        assert await seen(runtime, limit=2) == "bb=2 c=2"


async def test_what_cannot_be_read_is_told() -> None:
    class Damaged(HeldStorage):
        async def get(self, *args: Any, **options: Any) -> dict[bytes, bytes]:
            raise RecordDamaged("a row is another")

    storage = Damaged()
    async with opened(Scribe, storage=storage) as runtime:
        rows = (await wake(runtime, Scribe)).rows
        with pytest.raises(errors.ActionError) as caught:
            await rows.get("kv", b"a")
        assert caught.value.code == "state_corrupt"
        storage.broken = True
        with pytest.raises(errors.ActionError) as caught:
            await rows.scan("kv", b"", None)
        assert caught.value.code == "state_not_loaded"
        assert recorder_of(runtime).counts["load_failed"] == 2


# Levels


class Lazy(Scribe, durability="interval", call_hooks=False):
    pass


async def test_an_interval_stores_rows_with_the_state(autojump_clock: MockClock) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Lazy, storage=storage) as runtime:
        await handle(runtime, Lazy).call(Lazy.do, "add 1; put a 1")
        (await wake(runtime, Lazy)).rows.put("kv", b"b", b"1")
        assert await kept(storage, "Lazy") == {}
        await trio.sleep(2)
        assert await kept(storage, "Lazy") == {"a": "1", "b": "1"}
        (await wake(runtime, Lazy)).rows.put("kv", b"b", b"2")
        await trio.sleep(2)
        assert await kept(storage, "Lazy") == {"a": "1", "b": "2"}


async def test_what_an_interval_could_not_store_is_still_read(autojump_clock: MockClock) -> None:
    storage = HeldStorage()
    async with opened(Lazy, storage=storage) as runtime:
        await handle(runtime, Lazy).call(Lazy.do, "add 1; put a 1; put b 1")
        await trio.sleep(2)
        storage.pending[0].fail()
        rows = (await wake(runtime, Lazy)).rows
        rows.put("kv", b"b", None)
        assert await rows.scan("kv", b"", None) == [Row(b"a", b"1")]
        storage.holding = False
        await trio.sleep(2)
        assert await kept(storage, "Lazy") == {"a": "1"}


async def test_nobody_keeps_more_in_memory_than_a_bound(autojump_clock: MockClock) -> None:
    storage = MemoryStorage()
    async with opened(Scribe, storage=storage) as runtime:
        rows = (await wake(runtime, Scribe)).rows
        for number in range(1024):
            rows.put("queue", b"%d" % number, None)
        rows.put("kv", b"a", b"1")
        await trio.sleep(1)
        assert (await kept(storage), rows.is_changed) == ({"a": "1"}, False)


# The start


class Starter(Actor[None], call_hooks=False):
    async def on_create(self, input: None) -> None:
        await self.kv.put("made", b"1")

    async def on_wake(self) -> None:
        await self.kv.put("woken", str(await self.kv.get("made")).encode())


async def test_what_is_written_at_the_creation_is_stored_with_it(
    autojump_clock: MockClock,
) -> None:
    storage = HeldStorage()
    async with opened(Starter, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(wake, runtime, Starter)
        await wait_all_tasks_blocked()
        assert await kept(storage, "Starter") == {"made": "1"}
        await storage.store()
        assert await kept(storage, "Starter") == {"made": "1", "woken": "b'1'"}


async def test_the_alarm_is_stored_with_its_segment() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scribe, storage=storage) as runtime:
        instance = await wake(runtime, Scribe)
        for when in (5.0, 2.0):
            instance.rows.set_alarm(when)
        assert await storage.alarms(9) == [(2.0, instance.actor_id)]
        instance.rows.set_alarm(math.inf)
        assert await storage.alarms(9) == []


class Riser(Actor[None], call_hooks=False):
    @action
    def wake_me(self, when: float) -> None:
        instance_of(self).rows.set_alarm(when)


async def test_a_turn_that_only_sets_the_alarm_has_something_to_store() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Riser, storage=storage) as runtime:
        await call(runtime, Riser.wake_me, 5.0)
        assert [when for when, _ in await storage.alarms(9)] == [5.0]
