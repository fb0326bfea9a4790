"""Where a segment ends, and where not: each sentence of the contract, by scripts and held saves."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, wake
from tests.runtime.scribes import Host, Scribe, connected, go_on, saved, stored, words
from tests.runtime.stores import HeldStorage
from trivet.declare.action import Action
from trivet.runtime.runtime import Runtime


async def test_a_turn_that_changes_and_says_nothing_is_stored_too() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        instance = await wake(runtime, Scribe)

        async def own_turn() -> None:
            async with instance.actor.turn():
                await instance.actor.play("add 1")

        nursery.start_soon(own_turn)
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1]]
        await storage.store()


@pytest.mark.parametrize("step", ["save", "call b", "resolve b", "connect b", "kick"])
async def test_a_turn_ends_its_segment_before_it_reaches_out(step: str) -> None:
    """Nobody outside hears of it before it is stored; what comes after is another segment."""
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        nursery.start_soon(call, runtime, Scribe.do, f"add 1; {step}; add 2; pause end")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1]]
        assert len(storage.records) == 1  # the other actor does not even exist
        assert link.closing is None
        await storage.store()
        assert await stored(storage) == ([1, 100] if step == "connect b" else [1])
        assert (link.closing is not None) == (step == "kick")
        go_on("end")
        await wait_all_tasks_blocked()
        await storage.store()
        assert (await stored(storage) or [])[-1] == 2


async def test_a_call_over_an_open_connection_waits_for_its_segment_too() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Scribe.do, "connect b")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[100]]
        assert await stored(storage, key="b") == []
        await storage.store()
        assert await stored(storage, key="b") == [0]


async def test_what_a_suspended_turn_has_said_ends_its_segment() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        nursery.start_soon(call, runtime, Scribe.do, "add 1; say one; add 2; pause end; add 3")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1, 2]]
        await storage.store()
        assert words(link) == ["one"]
        go_on("end")  # the change by a local name of the state is noticed
        await wait_all_tasks_blocked()
        await storage.store()
        assert saved(storage)[1:] == [[1, 2, 3]]


@pytest.mark.parametrize("middle", ["save", "say it", "call b", "kick"])
async def test_a_local_name_of_the_state_is_still_watched_after_a_segment(middle: str) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Scribe, storage=storage) as runtime:
        await connected(runtime, Scribe)
        await call(runtime, Scribe.do, f"add 1; {middle}; add 2")
        assert await stored(storage) == [1, 2]


async def test_no_half_of_a_turn_is_stored_because_another_has_ended() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Scribe.now, "add 1")
        await wait_all_tasks_blocked()
        nursery.start_soon(call, runtime, Scribe.now, "add 2")  # behind the save in flight
        await wait_all_tasks_blocked()
        nursery.start_soon(call, runtime, Scribe.do, "add 3; pause end; add 4")
        await wait_all_tasks_blocked()
        await storage.store()
        assert saved(storage) == [[1], [1, 2]]
        go_on("end")
        await wait_all_tasks_blocked()
        await storage.store()
        assert saved(storage)[2:] == [[1, 2, 3, 4]]


@pytest.mark.parametrize("changes", [False, True])
async def test_somebody_outside_stands_behind_what_the_turn_has_changed_by_halves(
    changes: bool,
) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Host, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Host)
        instance = await wake(runtime, Host)
        script = "add 3; pause end; add 4" if changes else "pause end; add 3; add 4"
        nursery.start_soon(do, runtime, Host, script)
        await wait_all_tasks_blocked()
        instance.actor.broadcast(Scribe.said, "outside")
        late = PlayedLink(runtime)
        late.connect(Host, "a")
        link.call("unknown")
        await wait_all_tasks_blocked()
        assert words(link) == ([] if changes else ["outside", "failure"])
        assert [frame[0] for frame in late.frames] == ([] if changes else ["init"])
        assert [3] not in saved(storage)
        go_on("end")
        await wait_all_tasks_blocked()
        assert words(link) == ["outside", "failure"]
        assert late.frames[0][0] == "init"


async def test_effects_keep_their_order_whoever_makes_them() -> None:
    """Events of turns and tasks, replies, callers' answers, an opening and a close: one row."""
    storage, log = HeldStorage(), list[str]()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        instance = await wake(runtime, Scribe)

        async def ask(script: str) -> None:
            await call(runtime, Scribe.now, script)
            log.append("answered")

        link.call("now", "add 1; say one")
        nursery.start_soon(ask, "add 2; say two")
        await wait_all_tasks_blocked()
        instance.actor.broadcast(Scribe.said, "three")
        link.call("read")
        late = PlayedLink(runtime)
        late.connect(Scribe, "a")
        conn = next(iter(instance.conns.values()))
        nursery.start_soon(conn.disconnect, "out")
        await wait_all_tasks_blocked()
        assert words(link) == []
        assert late.frames == []
        assert log == []
        await storage.store()
        assert words(link) == ["one", "reply", "two", "three", "reply"]
        assert log == ["answered"]
        assert late.frames[0][0] == "init"
        assert link.closing == (1000, "out")


async def test_a_turn_that_only_reads_stands_behind_earlier_ones() -> None:
    storage, log = HeldStorage(), list[Any]()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:

        async def ask(action: Action[Any, ..., Any], *args: Any) -> None:
            log.append(await call(runtime, action, *args))

        nursery.start_soon(ask, Scribe.now, "add 1")
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, Scribe.read)
        nursery.start_soon(ask, Scribe.read_slowly, "say it")
        await wait_all_tasks_blocked()
        assert log == []
        await storage.store()
        assert sorted(log, key=str) == [0, [1], [1]]
        assert len(storage.saves) == 1


@pytest.mark.parametrize("action", [Scribe.now, Scribe.do, Scribe.at_once, Scribe.read_slowly])
async def test_with_nothing_to_save_everything_leaves_at_once(action: Any) -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime:
        link = await connected(runtime, Scribe)
        await do(runtime, Scribe, "say it", action)
        assert words(link) == ["it"]
        assert storage.saves == []


async def test_what_a_turn_says_before_it_suspends_leaves_at_once_too() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        nursery.start_soon(call, runtime, Scribe.do, "say it; pause end")
        await wait_all_tasks_blocked()
        assert words(link) == ["it"]
        go_on("end")
    assert storage.saves == []


async def test_queued_synchronous_calls_share_a_save() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Scribe.do, "add 0; pause end")
        await wait_all_tasks_blocked()
        for number in range(1, 5):
            nursery.start_soon(call, runtime, Scribe.now, f"add {number}")
            await wait_all_tasks_blocked()
        go_on("end")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[0]]
        await storage.store()
        assert saved(storage)[1:] == [[0, 1, 2, 3, 4]]


async def test_what_a_trusted_turn_lends_itself_to_is_stored() -> None:
    """The turn only reads, but the hook that borrows it does not."""
    storage = HeldStorage()
    storage.holding = False
    async with opened(Host, storage=storage) as runtime:
        link = await connected(runtime, Host)
        assert await do(runtime, Host, "kick", Scribe.read_slowly) == [-1]
        assert await stored(storage, Host) == [-1]
        assert link.gone


class EagerLink(PlayedLink):
    """Calls within the moment that it hears Init, as a client in this process may."""

    def push(self, frame: Any, **how: Any) -> bool:
        stands = super().push(frame, **how)
        if frame[0] == "init":
            self.call("do", "add 2; say two; pause end")
        return stands


async def test_an_effect_that_leads_to_another_does_not_let_it_out_too_early() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        nursery.start_soon(call, runtime, Scribe.now, "add 1")
        await wait_all_tasks_blocked()
        eager = EagerLink(runtime)
        eager.connect(Scribe, "a")
        await wait_all_tasks_blocked()
        link.call("now", "say one")
        await wait_all_tasks_blocked()
        storage.saves[0].succeed()
        await wait_all_tasks_blocked()
        assert words(link) == ["one", "reply"]
        assert saved(storage) == [[1], [1, 2]]
        await storage.store()
        assert words(link) == ["one", "reply", "two"]
        go_on("end")
        await wait_all_tasks_blocked()
        await storage.store()


class Doorkeeper(Scribe):
    async def on_connect(self, conn: Any) -> None:
        self.state.append(1)
        raise errors.UserError(f"you are number {len(self.state)}", code="full")


class Preflight(Scribe, call_hooks=True):
    async def on_before_connect(self, params: None) -> None:
        if self.state:
            raise errors.UserError("closed", code="closed")


async def test_a_refusal_rests_on_what_its_hook_has_changed() -> None:
    storage = HeldStorage()
    async with opened(Doorkeeper, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Doorkeeper, "a")
        await wait_all_tasks_blocked()
        assert link.frames == []
        assert link.closing is None
        await storage.store()
        assert [frame[0] for frame in link.frames] == ["failure"]
        assert link.closing is not None


async def test_a_refusal_before_the_connection_rests_on_what_the_hook_has_read() -> None:
    storage, log = HeldStorage(), list[str]()
    async with opened(Preflight, storage=storage) as runtime, trio.open_nursery() as nursery:
        instance = await wake(runtime, Preflight)

        async def change() -> None:
            async with instance.actor.turn():
                instance.actor.play_now("add 1")

        nursery.start_soon(change)
        await wait_all_tasks_blocked()
        link = PlayedLink(runtime)
        link.connect(Preflight, "a")

        async def ask() -> None:
            with pytest.raises(errors.ActionError, match="closed"):
                await do(runtime, Preflight, "add 2", Scribe.now)
            log.append("refused")

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert (link.frames, link.closing, log) == ([], None, [])
        await storage.store()
        assert [frame[0] for frame in link.frames] == ["failure"]
        assert log == ["refused"]


class Short(Scribe, call_hooks=True):
    async def on_disconnect(self, conn: Any) -> None:
        await self.play("pause left")


async def test_an_answer_does_not_wait_for_the_hook_of_its_short_connection(
    autojump_clock: MockClock,
) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Short, storage=storage) as runtime:
        assert await do(runtime, Short, "add 1") == 1
        assert trio.current_time() == 0
        assert await stored(storage, Short) == [1]
        go_on("left")


async def test_a_kick_leaves_within_its_time_whatever_the_store_does(
    autojump_clock: MockClock,
) -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        nursery.start_soon(call, runtime, Scribe.do, "add 1; kick")
        await link.closed()
        assert link.aborted
        assert trio.current_time() == 5
        await storage.store()


async def do(runtime: Runtime, actor: type[Scribe], script: str, action: Any = Scribe.do) -> Any:
    return await runtime.client.get_or_create(actor, "a").call(action, script)
