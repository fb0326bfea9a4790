"""Children: they end with their parent, each with its own hook, and none outlives it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.runtime.families import (
    LOG,
    Calling,
    Child,
    Parent,
    Unready,
    family,
    ids,
    is_there,
    quick,
)
from tests.runtime.runtimes import awake, killed, opened, put_away
from trivet.declare.handle import Address
from trivet.declare.registry import definition_of
from trivet.ports.storage import Storage


@pytest.fixture(autouse=True)
def forget() -> None:
    LOG.clear()


@pytest.fixture(params=["memory", "durable"])
def store(request: pytest.FixtureRequest) -> Storage:
    return quick() if request.param == "durable" else trivet.MemoryStorage()


async def test_a_parent_finds_its_own(store: Storage) -> None:
    async with opened(Parent, Child, storage=store) as runtime:
        parent, parent_id = await family(runtime, ("b", 0), ("a", 0))
        await runtime.client.create(Child, "alone", input=0.0)
        assert await parent.call(Parent.found) == ["b", "a"]
        assert len(await ids(runtime, parent_id)) == 2
        with pytest.raises(trivet.ActionError) as caught:
            await parent.call(Parent.have, "alone")
        assert caught.value.code == "duplicate_key"


async def test_they_end_all_at_once_after_their_parents_hook(
    store: Storage, autojump_clock: MockClock
) -> None:
    async with opened(Parent, Child, storage=store) as runtime:
        parent, parent_id = await family(runtime, ("a", 2), ("b", 2))
        await put_away(runtime, Child, "b")  # it is woken for its hook
        LOG.clear()
        start = trio.current_time()
        await parent.call(Parent.end)
        assert LOG[0].startswith("p ends")
        assert {line.partition(" ")[0] for line in LOG[1:3]} == {"a", "b"}
        assert len(LOG) == 5
        assert trio.current_time() - start < 3
        assert not await is_there(runtime, parent_id)
        assert await ids(runtime, parent_id) == []


async def test_so_do_the_children_of_children(store: Storage, autojump_clock: MockClock) -> None:
    async with opened(Parent, Child, storage=store) as runtime:
        _, parent_id = await family(runtime)
        await runtime.client.get(Parent, "p").call(Parent.have_parent, "q")
        middle = await runtime.client.get(Parent, "q").resolve()
        leaf = await runtime.client.get(Parent, "q").call(Parent.have, "a", 1)
        await runtime.destroy(definition_of(Parent), Address(actor_id=parent_id))
        assert [line.partition(" at")[0] for line in LOG] == [
            "p ends",
            "q ends",
            "a ends",
            "a ended",
        ]
        for actor_id in (parent_id, middle, leaf):
            assert not await is_there(runtime, actor_id)


async def test_the_grace_of_the_parent_is_that_of_all(
    store: Storage, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Parent, Child, storage=store) as runtime:
        parent, parent_id = await family(runtime, ("a", 1000))
        start = trio.current_time()
        await parent.call(Parent.end)
        assert 10 <= trio.current_time() - start < 10.5
        assert await ids(runtime, parent_id) == []
        assert not await is_there(runtime, parent_id)
        assert "cut at the end of the grace: on_destroy" in caplog.text


async def test_sleep_and_crash_do_nothing_to_them(
    store: Storage, autojump_clock: MockClock
) -> None:
    async with opened(Parent, Child, storage=store) as runtime:
        parent, parent_id = await family(runtime, ("a", 0))
        child = awake(runtime, Child, "a")
        await put_away(runtime, Parent, "p")
        assert awake(runtime, Child, "a") is child is not None
        assert await parent.call(Parent.found) == ["a"]
        await parent.call(Parent.fail)
        await trio.sleep(1)
        assert awake(runtime, Child, "a") is child
        assert await parent.call(Parent.found) == ["a"]
        assert LOG == []
        assert len(await ids(runtime, parent_id)) == 1


async def test_a_child_ends_its_parent(store: Storage, autojump_clock: MockClock) -> None:
    async with opened(Parent, Child, storage=store) as runtime:
        _, parent_id = await family(runtime, ("a", 0))
        start = trio.current_time()
        with pytest.raises(trivet.ActionError) as caught:
            await runtime.client.get(Child, "a").call(Child.end_parent)
        assert caught.value.code == "restarting"
        await wait_all_tasks_blocked()
        assert not await is_there(runtime, parent_id)
        assert trio.current_time() == start
        assert [line.partition(" at")[0] for line in LOG] == ["p ends", "a ends", "a ended"]
        assert await ids(runtime, parent_id) == []


async def test_a_grandchild_ends_them_all(store: Storage, autojump_clock: MockClock) -> None:
    async with opened(Parent, Child, storage=store) as runtime:
        _, parent_id = await family(runtime)
        await runtime.client.get(Parent, "p").call(Parent.have_parent, "q")
        await runtime.client.get(Parent, "q").call(Parent.have, "a")
        with pytest.raises(trivet.ActionError) as caught:
            await runtime.client.get(Child, "a").call(Child.end_parent)
        assert caught.value.code == "restarting"
        await wait_all_tasks_blocked()
        assert trio.current_time() == 0
        assert not await is_there(runtime, parent_id)
        assert [line[0] for line in LOG] == ["p", "q", "a", "a"]
        assert await runtime.storage.list("Child") == []


async def test_the_hook_of_a_child_does_not_wait_for_its_parent(autojump_clock: MockClock) -> None:
    async with opened(Calling, Parent) as runtime:
        parent = runtime.client.get_or_create(Parent, "p")
        await parent.call(Parent.have_another, "Calling", 0)
        await parent.call(Parent.end)
        assert LOG == ["p ends at 0", "refused"]


async def test_a_kill_in_the_middle_leaves_no_orphan(autojump_clock: MockClock) -> None:
    storage = quick()
    async with killed(Parent, Child, storage=storage) as runtime:
        parent, parent_id = await family(runtime, ("a", 0), ("b", 1000))
        runtime.nursery.start_soon(parent.call, Parent.end)
        await trio.sleep(5)
        assert len(await ids(runtime, parent_id)) == 1
        heir = storage.after_kill()
    LOG.clear()
    async with opened(Parent, Child, storage=heir) as runtime:
        await trio.sleep(5)
        assert LOG == []  # nobody goes on with it by himself
        assert await is_there(runtime, parent_id)
        assert await runtime.client.get(Parent, "p").call(Parent.found) == ["b"]
        await runtime.client.get(Parent, "p").call(Parent.end)
        assert await ids(runtime, parent_id) == []
        assert not await is_there(runtime, parent_id)


async def test_on_a_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(Parent, Child, storage=trivet.SqliteStorage(path)) as runtime:
        _, parent_id = await family(runtime, ("a", 0))
        await runtime.client.get(Parent, "p").call(Parent.have_parent, "q")
        await runtime.client.get(Parent, "q").call(Parent.have, "b")
    async with opened(Parent, Unready, storage=trivet.SqliteStorage(path)) as runtime:
        assert len(await ids(runtime, parent_id)) == 2
        await runtime.client.get(Parent, "p").call(Parent.end)
        assert await ids(runtime, parent_id) == []
        for name, key in (("Parent", "p"), ("Parent", "q"), ("Child", "a"), ("Child", "b")):
            assert await runtime.storage.identify_by_key(name, (key,)) is None


class Early(trivet.Actor[int]):
    async def on_wake(self) -> None:
        assert await self.find_children(Child) == []
        await self.create_child(Child, "a", input=0.0)


class Late(trivet.Actor):
    async def on_destroy(self) -> None:
        assert await self.find_children(Child) == []
        try:
            await self.create_child(Child, "a", input=0.0)
        except trivet.ActionError as error:
            LOG.append(f"{error.group}.{error.code}")

    @trivet.action
    def end(self) -> None:
        self.destroy()


async def test_when_there_are_none(store: Storage) -> None:
    async with opened(Parent, Child, Early, Late, storage=store) as runtime:
        with pytest.raises(trivet.ActionError) as caught:
            await runtime.client.get_or_create(Early, "e").resolve()
        assert (caught.value.group, caught.value.code) == ("actor", "starting")
        await runtime.client.get_or_create(Late, "e").call(Late.end)
        assert LOG == ["actor.stopping"]
        with pytest.raises(trivet.ActionError) as caught:
            await runtime.client.get_or_create(Parent, "p").call(Parent.have_atomically)
        assert caught.value.code == "atomic_turn"
        assert awake(runtime, Child, "a") is None


async def test_they_are_of_the_same_namespace(store: Storage) -> None:
    async with opened(Parent, Child, storage=store) as runtime:
        parent_id = await runtime.create(definition_of(Parent), ("p",), None, "other")
        parent = runtime.client.get_by_id(Parent, parent_id)
        child_id = await parent.call(Parent.have, "a")
        record = await runtime.storage.identify(child_id)
        assert record is not None
        assert (record.name, record.parent) == ("\0other\0Child", parent_id)
        assert await parent.call(Parent.found) == ["a"]
        await parent.call(Parent.end)
        assert not await is_there(runtime, child_id)
