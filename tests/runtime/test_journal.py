"""Connections that the store knows: ``on_disconnect`` runs exactly once, across kills too."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, killed, opened, put_away, recorder_of, wake
from tests.runtime.scribes import LEAVING, Host, Scribe, connected, saved, stored, words
from tests.runtime.stores import HeldStorage
from trivet.declare.interfaces import Conn
from trivet.lifecycle.connection import ConnectionEvent
from trivet.ports.records import StoredConnection
from trivet.runtime.runtime import Runtime

LOG: list[str] = []


class Greeter(Host, call_hooks=False):
    async def on_wake(self) -> None:
        LOG.append(f"wake {self.state}")

    async def on_connect(self, conn: Conn[list[int]]) -> None:
        conn.state.append(1)
        self.state.append(1)

    async def on_disconnect(self, conn: Conn[list[int]]) -> None:
        LOG.append(f"leave {conn.close_cause} {conn.state} {self.state}")
        await super().on_disconnect(conn)


@pytest.fixture(autouse=True)
def _fresh_log() -> None:
    LOG.clear()


def immediate() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


async def connections(
    storage: HeldStorage, actor: type[Scribe] = Host
) -> tuple[StoredConnection, ...]:
    record = await storage.find(actor.__name__, ("a",))
    return () if record is None else record.connections


async def do(runtime: Runtime, actor: type[Scribe], script: str) -> Any:
    return await runtime.client.get_or_create(actor, "a").call(Scribe.do, script)


@pytest.mark.parametrize("actor", [Host, Greeter])
async def test_a_connection_is_stored_with_its_opening(actor: type[Host]) -> None:
    storage = HeldStorage()
    async with opened(actor, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(actor, "a")
        await wait_all_tasks_blocked()
        assert link.frames == []
        (save,) = storage.saves
        assert saved(storage) == [[1] if actor is Greeter else None]
        assert len(save.segment.connections) == 1
        save.succeed()
        await wait_all_tasks_blocked()
        assert link.frames == [("init", save.segment.connections[0].id)]
        storage.holding = False


async def test_its_state_is_stored_with_the_segment_and_its_end_with_the_hook() -> None:
    storage = immediate()
    async with opened(Host, storage=storage) as runtime:
        link = await connected(runtime, Host)
        ((_, conn_id),) = link.frames
        await link.gets("reply", link.call("now", "add 1; note 5"))
        segment = storage.saves[-1].segment
        assert saved(storage)[-1] == [1]
        assert [conn.id for conn in segment.connections] == [conn_id]
        await link.gets("reply", link.call("noted"))
        assert storage.saves[-1].segment is segment  # it was only read
        link.vanish()
        await wait_all_tasks_blocked()
        assert storage.saves[-1].segment.ended == (conn_id,)
        assert saved(storage)[-1] == [1, -6]
        assert await connections(storage) == ()


async def test_short_connections_are_not_stored() -> None:
    class Visited(Host, call_hooks=True):
        pass

    storage = immediate()
    async with opened(Visited, storage=storage) as runtime:
        await do(runtime, Visited, "note 5; add 1")
        assert not any(save.segment.connections for save in storage.saves)
        assert await stored(storage, Visited) == [1, -6]


async def test_after_a_kill_each_hook_runs_once_before_the_actor_wakes() -> None:
    storage = immediate()
    async with killed(Greeter, storage=storage) as runtime:
        for number in (5, 7):
            link = await connected(runtime, Greeter)
            await link.gets("reply", link.call("now", f"note {number}"))
        heir = storage.after_kill()
    LOG.clear()
    async with opened(Greeter, storage=heir) as runtime:
        await wake(runtime, Greeter)
        assert LOG == [
            "leave crash [1, 5] [1, 1]",
            "leave crash [1, 7] [1, 1, -7]",
            "wake [1, 1, -7, -9]",
        ]
        assert recorder_of(runtime).steps(ConnectionEvent.TAKE_OVER) == 2
        assert await stored(heir, Greeter) == [1, 1, -7, -9]
        await put_away(runtime, Greeter)
        await wake(runtime, Greeter)
        assert LOG[3:] == ["wake [1, 1, -7, -9]"]


async def test_one_whose_opening_was_not_stored_gets_no_hook() -> None:
    storage = HeldStorage()
    async with killed(Greeter, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Greeter, "a")
        await wait_all_tasks_blocked()
        heir = storage.after_kill()
    assert link.frames == []
    LOG.clear()
    async with opened(Greeter, storage=heir) as runtime:
        await wake(runtime, Greeter)
        assert LOG == ["wake []"]


CUTS = [
    ("pause cut; add 7", [7]),
    ("add 7; pause cut; add 8", [7]),
    ("save; pause cut; add 7", [7]),
    ("say it; pause cut; add 7", [7]),
    ("add 6; save; pause cut; add 7", [6]),
    ("add 6; call b; pause cut; add 7", [6]),
]


@pytest.mark.parametrize("at_start", [False, True])
@pytest.mark.parametrize(("script", "numbers"), CUTS)
async def test_a_hook_that_a_kill_has_cut_runs_again_unless_it_has_stored_anything(
    script: str, numbers: list[int], at_start: bool
) -> None:
    storage = immediate()
    async with killed(Host, Scribe, storage=storage) as runtime:
        link = await connected(runtime, Host)
        await connected(runtime, Host)
        if not at_start:
            LEAVING.append(script)
            link.vanish()
            await wait_all_tasks_blocked()
        storage = storage.after_kill()
    if at_start:
        LEAVING[:] = ["add 1", script]
        async with killed(Host, Scribe, storage=storage) as runtime:
            runtime.nursery.start_soon(wake, runtime, Host)
            await wait_all_tasks_blocked()
            storage = storage.after_kill()
    owed = len(await connections(storage))
    LEAVING[:] = ["add 7"][:owed] if at_start else ["add 7", "add 1"][-owed:]
    async with opened(Host, Scribe, storage=storage) as runtime:
        await wake(runtime, Host)
        found = await stored(storage, Host)
        assert found is not None
        assert sorted(found) == sorted([1, *numbers])
    assert await connections(storage) == ()


async def test_after_a_failed_save_the_next_instance_runs_what_this_one_owes() -> None:
    storage = immediate()
    async with opened(Greeter, storage=storage) as runtime:
        link, other = await connected(runtime, Greeter), await connected(runtime, Greeter)
        storage.holding = True
        link.call("now", "add 9")
        await wait_all_tasks_blocked()
        link.vanish()
        await wait_all_tasks_blocked()
        (save,) = storage.pending
        save.fail()
        storage.holding = False
        await wait_all_tasks_blocked()
        assert not any(line.startswith("leave crash") for line in LOG)
        await other.gets("reply", other.call("read"))
        assert await stored(storage, Greeter) == [1, 1, -2]
        assert len(await connections(storage, Greeter)) == 1
    assert await stored(storage, Greeter) == [1, 1, -2, -2]
    assert await connections(storage, Greeter) == ()


async def test_a_hook_whose_segment_fails_runs_again() -> None:
    storage = immediate()
    async with opened(Host, storage=storage) as runtime:
        link = await connected(runtime, Host)
        storage.holding = True
        link.vanish()
        await wait_all_tasks_blocked()
        storage.saves[-1].fail()
        storage.holding = False
        await wait_all_tasks_blocked()
        assert len(await connections(storage)) == 1
        await wake(runtime, Host)
        assert await stored(storage, Host) == [-1]
        assert await connections(storage) == ()


async def owed_two() -> HeldStorage:
    """A store that knows two connections whose process was killed."""
    storage = immediate()
    async with killed(Host, storage=storage) as runtime:
        await connected(runtime, Host)
        await connected(runtime, Host)
        return storage.after_kill()
    raise AssertionError


async def test_a_full_disk_keeps_nobody_from_reading() -> None:
    storage = await owed_two()
    storage.full = True
    async with opened(Host, storage=storage) as runtime:
        assert await runtime.client.get(Host, "a").call(Scribe.read) == []
        assert len(await connections(storage)) == 2
        storage.full = False
        await put_away(runtime, Host)
        assert await runtime.client.get(Host, "a").call(Scribe.read) == [-1, -1]
    assert await connections(storage) == ()


async def test_what_a_hook_has_stored_before_the_disk_was_full_is_kept() -> None:
    storage = await owed_two()
    LEAVING[:] = ["add 7; save", "add 8", "add 9"]
    storage.holding = True
    async with opened(Host, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(wake, runtime, Host)
        await wait_all_tasks_blocked()
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        storage.saves[1].fail()
        storage.holding = False
        await wait_all_tasks_blocked()
        assert await runtime.client.get(Host, "a").call(Scribe.read) == [7]
        assert len(await connections(storage)) == 1
        await put_away(runtime, Host)
        assert await runtime.client.get(Host, "a").call(Scribe.read) == [7, 9]


async def test_after_a_crash_connections_are_as_they_were() -> None:
    storage = immediate()
    async with opened(Host, storage=storage) as runtime:
        links = [await connected(runtime, Host) for _ in range(2)]
        for number, link in enumerate(links):
            await link.gets("reply", link.call("now", f"note {number}"))
        instance = await wake(runtime, Host)
        ids = set(instance.conns)
        instance.actor.start_soon(instance.actor.play, "fail")
        await wait_all_tasks_blocked()
        assert awake(runtime, Host) is None
        for number, link in enumerate(links):
            reply = link.call("noted")
            assert await link.gets("reply", reply) == ("reply", reply, [number])
        assert set((await wake(runtime, Host)).conns) == ids
        assert all(words(link) == ["reply", "reply"] for link in links)
        assert await stored(storage, Host) == []


@pytest.mark.parametrize("dies", [False, True])
async def test_a_parked_connection_that_is_lost_gets_its_hook(dies: bool) -> None:
    storage = immediate()
    async with killed(Host, storage=storage) as runtime:
        link = await connected(runtime, Host)
        await put_away(runtime, Host)
        if not dies:
            link.vanish()
        await wait_all_tasks_blocked()
        storage = storage.after_kill()
    async with opened(Host, storage=storage) as runtime:
        await wake(runtime, Host)
        assert await stored(storage, Host) == [-1]
        assert await connections(storage) == ()


class Named(Scribe, call_hooks=False):
    async def on_before_connect(self, params: None) -> None:
        LOG.append("before")


@pytest.mark.parametrize("actor", [Greeter, Named, Host])
async def test_a_client_hears_init_once_though_its_instance_ends_before(
    actor: type[Scribe], autojump_clock: MockClock
) -> None:
    storage = HeldStorage()
    async with opened(actor, storage=storage) as runtime, trio.open_nursery() as nursery:
        instance = await wake(runtime, actor)
        nursery.start_soon(do, runtime, actor, "add 0")
        await wait_all_tasks_blocked()
        link = PlayedLink(runtime)
        link.connect(actor, "a")
        await wait_all_tasks_blocked()
        nursery.start_soon(put_away, runtime, actor)
        await trio.sleep(1)
        await storage.store()
        storage.holding = False
        await trio.sleep(20)
        again = awake(runtime, actor)
        assert again is not None
        assert again is not instance
        assert link.frames == [("init", *again.conns)]
        reply = link.call("now", "add 1")
        assert await link.gets("reply", reply)
        assert link.inbox is not None


async def test_a_connection_state_that_does_not_fit_stays_in_the_store() -> None:
    storage = await owed_two()
    first, second = await connections(storage)
    damaged = StoredConnection(id=first.id, state=b"\x63abc")
    storage.damage("Host", damaged, second)
    async with opened(Host, storage=storage) as runtime:
        assert await runtime.client.get(Host, "a").call(Scribe.read) == [-1]
    assert await connections(storage) == (damaged,)
