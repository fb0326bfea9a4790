"""What cannot start, or resists, is removed as it is when it is destroyed; so it keeps nobody."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet
from tests.runtime.families import (
    LOG,
    Child,
    Parent,
    Slow,
    Stubborn,
    Unready,
    family,
    ids,
    is_there,
    quick,
)
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import opened
from trivet.declare.handle import Address
from trivet.declare.registry import definition_of
from trivet.ports.storage import Storage


@pytest.fixture(autouse=True)
def forget() -> None:
    LOG.clear()


@pytest.fixture(params=["memory", "durable"])
def store(request: pytest.FixtureRequest) -> Storage:
    return quick() if request.param == "durable" else trivet.MemoryStorage()


async def test_what_resists_is_removed_as_it_is(
    store: Storage, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Parent, Stubborn, storage=store) as runtime:
        parent, parent_id = await family(runtime)
        await parent.call(Parent.have_another, "Stubborn", 0)
        (child_id,) = await ids(runtime, parent_id)
        await parent.call(Parent.end)
        assert trio.current_time() == 15  # its grace, and what a hook has that is cut
        assert not await is_there(runtime, child_id)
        assert not await is_there(runtime, parent_id)
    assert "Stubborn/a is destroyed without on_destroy: the grace of its parent" in caplog.text


@pytest.mark.parametrize(("seconds", "end"), [(3, 6), (1000, 15)])
async def test_one_that_is_just_being_born_ends_too(
    seconds: float, end: float, store: Storage, autojump_clock: MockClock
) -> None:
    limits = trivet.Limits(hook_time=5)
    async with opened(Parent, Slow, storage=store, limits=limits) as runtime:
        parent, parent_id = await family(runtime)
        await parent.call(Parent.have_beside, seconds)
        await parent.call(Parent.end)
        assert trio.current_time() <= end
        assert await ids(runtime, parent_id) == []
        assert not await is_there(runtime, parent_id)
        assert await runtime.storage.list("Slow") == []
        assert not runtime.directory.births(parent_id)
    assert LOG[1:] == (["a ends at 3", "a ended at 6"] if seconds == 3 else [])


async def test_a_child_that_cannot_be_removed_keeps_its_parent(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = quick()
    async with opened(Parent, Child, storage=storage) as runtime:
        parent, parent_id = await family(runtime, ("a", 0))
        storage.full = True
        with pytest.raises(trivet.ActionError) as caught:
            await parent.call(Parent.end)
        assert caught.value.code == "state_not_saved"
        storage.full = False
        assert len(await ids(runtime, parent_id)) == 1
        await trio.sleep(30)
        await parent.call(Parent.end)
        assert await ids(runtime, parent_id) == []
        assert not await is_there(runtime, parent_id)
    assert "Parent/p is not destroyed: its children could not be removed" in caplog.text


async def test_one_that_cannot_start_is_no_hindrance(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = quick()
    async with opened(Parent, Child, storage=storage) as runtime:
        _, parent_id = await family(runtime, ("a", 0), ("b", 0))
    async with opened(Parent, Unready, storage=storage) as runtime:
        assert await runtime.client.get(Parent, "p").call(Parent.end) == "ended"
        assert await ids(runtime, parent_id) == []
        assert not await is_there(runtime, parent_id)
    assert LOG == ["p ends at 0"]
    assert "Child/a is destroyed without on_destroy: rivetkit.internal_error" in caplog.text


async def test_nor_is_one_whose_class_is_gone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = quick()
    async with opened(Parent, Child, storage=storage) as runtime:
        _, parent_id = await family(runtime, ("a", 0))
    async with opened(Parent, storage=storage) as runtime:
        await runtime.client.get(Parent, "p").call(Parent.end)
        assert await ids(runtime, parent_id) == []
        assert not await is_there(runtime, parent_id)
    assert "the registry does not have its class" in caplog.text


async def test_the_operator_destroys_what_cannot_start(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    storage = quick()
    async with opened(Child, storage=storage) as runtime:
        actor_id = await (await runtime.client.create(Child, "a", input=0.0)).resolve()
    async with opened(Unready, storage=storage) as runtime:
        child = runtime.client.get(Unready, "a")
        for _ in range(5):
            with pytest.raises(trivet.Error):
                await child.call(Unready.my_name)
        with pytest.raises(trivet.ActionError) as caught:
            await child.call(Unready.my_name)
        assert caught.value.code == "unavailable"
        async with child.watch() as changes:
            assert (await anext(changes)).status == "unavailable"
            await runtime.destroy(definition_of(Unready), Address(actor_id=actor_id))
            assert not await is_there(runtime, actor_id)
            assert (await anext(changes)).status == "destroyed"
        assert runtime.supervisor.supervised == ()
        with pytest.raises(trivet.ActionError) as caught:
            await runtime.destroy(definition_of(Unready), Address(key=("a",)))
        assert caught.value.code == "not_found"
    assert "Child/a is destroyed without on_destroy: actor.unavailable" in caplog.text


BROKEN = {"wake": False}


class Frail(Parent, call_hooks=False):
    async def on_wake(self) -> None:
        if BROKEN["wake"]:
            raise RuntimeError("no")

    async def on_disconnect(self, conn: trivet.Conn[None]) -> None:
        LOG.append("never")


async def test_its_children_have_their_hooks_and_its_clients_hear_so(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(Frail, Child, storage=quick()) as runtime:
        parent = runtime.client.get_or_create(Frail, "p")
        await parent.call(Frail.have, "a")
        link = PlayedLink(runtime)
        link.connect(Frail, "p")
        await link.gets("init")
        parent_id = await parent.resolve()
        monkeypatch.setitem(BROKEN, "wake", True)
        await parent.call(Frail.fail)
        await wait_all_tasks_blocked()
        await runtime.destroy(definition_of(Frail), Address(actor_id=parent_id))
        assert LOG == ["a ends at 0", "a ended at 0"]
        assert await link.closed() == (4002, "actor.destroyed")
        assert await ids(runtime, parent_id) == []
        assert not await is_there(runtime, parent_id)
        await trio.sleep(60)
    assert "never" not in LOG
