"""Atomic actions: what they change and say leaves together, or nothing of it was ever there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, put_away, wake
from tests.runtime.scribes import LEAVING, Host, Scribe, connected, go_on, saved, stored, words
from tests.runtime.stores import HeldStorage
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.registry import definition_of
from trivet.ports.storage import Storage
from trivet.storage.memory import MemoryStorage


def immediate() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


STORES = pytest.mark.parametrize("make", [immediate, MemoryStorage])


@attrs.frozen
class Sum:
    total: int = 0


class Ledger(Actor[Sum, list[int]], call_hooks=False):
    """Its state is immutable."""

    changed = Event[int]()

    @action(atomic=True)
    async def add(self, number: int, then: str) -> int:
        """Change everything that an action can change, and say so."""
        self.state = Sum(self.state.total + number)
        self.conn.state.append(number)
        self.broadcast(Ledger.changed, number)
        match then:
            case "fail":
                raise errors.UserError("no", code="failed")
            case "misfit":
                return cast("int", "no number")
            case "hang":
                await trio.sleep_forever()
            case _:
                return self.state.total

    @action
    def read(self) -> tuple[int, list[int]]:
        return self.state.total, self.conn.state


class Clerk(Ledger, call_hooks=False):
    async def on_before_action_response(
        self, action: Action[Any, ..., Any], args: tuple[Any, ...], output: Any
    ) -> Any:
        if args[1:] == ("refused",):
            self.state = Sum(1000)
            raise errors.UserError("no", code="refused")
        return output


ENDINGS = [
    ("fail", "failed"),
    ("misfit", "internal_error"),
    ("hang", "action_timed_out"),
    ("refused", "refused"),
]


@STORES
@pytest.mark.parametrize(("then", "code"), ENDINGS)
async def test_what_fails_was_never_there(
    make: type[Storage], then: str, code: str, autojump_clock: MockClock
) -> None:
    storage = make()
    async with opened(Clerk, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Clerk, "a")
        link.subscribe("changed")
        for then_again in ("", then):
            number = link.call("add", 1, then_again)
            await link.gets("reply" if then_again == "" else "failure", number)
        assert link.frames[-1][-1].endswith(code)
        assert await link.gets("reply", link.call("read")) == ("reply", 3, [1, [1]])
        assert [frame for frame in link.frames if frame[0] == "event"] == [("event", "changed", 1)]
        await put_away(runtime, Clerk)
        assert await link.gets("reply", link.call("read")) == ("reply", 4, [1, [1]])


@STORES
@pytest.mark.parametrize("action", [Scribe.at_once, Scribe.at_once_now])
@pytest.mark.parametrize("over_a_link", [False, True])
@pytest.mark.parametrize("queued", [False, True])
async def test_in_every_entrance(
    make: type[Storage], action: Action[Any, ..., Any], over_a_link: bool, queued: bool
) -> None:
    async with opened(Scribe, storage=make()) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        if queued:
            nursery.start_soon(call, runtime, Scribe.do, "pause end")
            await wait_all_tasks_blocked()

        async def attempt(script: str) -> None:
            if over_a_link:
                link.call(action.slot, script)
            else:
                with suppress(errors.UserError):
                    await call(runtime, action, script)

        for script in ("add 1; say kept", "add 2; say lost; fail"):
            nursery.start_soon(attempt, script)
            await wait_all_tasks_blocked()
        go_on("end")
        await wait_all_tasks_blocked()
        assert words(link)[:1] == ["kept"]
        assert "lost" not in words(link)
        assert await call(runtime, Scribe.read) == [1]


@STORES
async def test_others_keep_their_place_in_the_row(make: type[Storage]) -> None:
    async with opened(Scribe, storage=make()) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        instance = await wake(runtime, Scribe)
        for ending in ("fail", "say too"):
            script = f"add 1; say mine; pause {ending[:3]}; {ending}"
            link.call("at_once", script)
            await wait_all_tasks_blocked()
            instance.actor.broadcast(Scribe.said, "outside")
            await wait_all_tasks_blocked()
            assert words(link)[-1:] in ([], ["failure"])
            go_on(ending[:3])
            await wait_all_tasks_blocked()
        assert words(link) == ["outside", "failure", "mine", "outside", "too", "reply"]
        nursery.cancel_scope.cancel()


@STORES
@pytest.mark.parametrize("step", ["save", "call b", "resolve b", "kick"])
@pytest.mark.parametrize("before", ["add 1", "say it", "note 1"])
async def test_what_cannot_be_taken_back_is_refused_after_a_change(
    make: type[Storage], step: str, before: str
) -> None:
    async with opened(Scribe, storage=make()) as runtime:
        link = await connected(runtime, Scribe)
        number = link.call("at_once", f"{before}; {step}")
        frame = await link.gets("failure", number)
        assert frame[2] == "actor.atomic_turn"
        assert link.closing is None
        assert await call(runtime, Scribe.read) == []
        assert words(link) == ["failure"]


@STORES
@pytest.mark.parametrize("step", ["save", "call b", "resolve b", "kick"])
async def test_before_a_change_it_may_be_done(
    make: type[Storage], step: str, autojump_clock: MockClock
) -> None:
    async with opened(Host, Scribe, storage=make()) as runtime:
        link = await connected(runtime, Host)
        handle = runtime.client.get(Host, "a")
        with pytest.raises(errors.UserError):
            await handle.call(Scribe.at_once, f"{step}; add 1; say lost; fail")
        assert trio.current_time() == 0  # nothing has kept a goodbye back
        assert await handle.call(Scribe.read) == ([-1] if step == "kick" else [])
        assert link.aborted is False
        await handle.call(Scribe.at_once, f"{step}; add 2")
        assert (await handle.call(Scribe.read))[-1] == 2


@STORES
@pytest.mark.parametrize("step", ["save", "call b", "say bye"])
async def test_a_hook_that_borrows_it_is_bound_by_none_of_this(
    make: type[Storage], step: str
) -> None:
    LEAVING.append(f"add 5; {step}; add 6")
    storage = make()
    async with opened(Host, Scribe, storage=storage) as runtime:
        await connected(runtime, Host)
        handle = runtime.client.get(Host, "a")
        with pytest.raises(errors.UserError):
            await handle.call(Scribe.at_once, "kick; add 1; fail")
        assert await handle.call(Scribe.read) == [5, 6]


async def test_no_half_of_it_is_ever_stored() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        instance = await wake(runtime, Scribe)
        nursery.start_soon(call, runtime, Scribe.at_once, "add 1; say one; pause end; add 2")
        await wait_all_tasks_blocked()
        instance.actor.start_soon(instance.actor.save)
        late = PlayedLink(runtime)
        late.connect(Scribe, "a")
        await wait_all_tasks_blocked()
        assert (storage.saves, words(link), late.frames) == ([], [], [])
        go_on("end")
        await wait_all_tasks_blocked()
        await storage.store()
        assert saved(storage) == [[1, 2]]


@pytest.mark.parametrize("durable", [False, True])
async def test_somebody_who_saves_meanwhile_waits_for_its_end(durable: bool) -> None:
    """Also where nothing else waits for saves."""
    storage, log = immediate(), list[str]()
    storage.durable = durable
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        instance = await wake(runtime, Scribe)

        async def save() -> None:
            await instance.actor.save()
            log.append("saved")

        link.call("at_once", "add 1; say one; pause end; add 2")
        await wait_all_tasks_blocked()
        nursery.start_soon(save)
        await wait_all_tasks_blocked()
        assert (await stored(storage), words(link), log) == ([], [], [])
        go_on("end")
        await wait_all_tasks_blocked()
        assert (await stored(storage), words(link), log) == ([1, 2], ["one", "reply"], ["saved"])


class Stubborn(Scribe):
    @action(atomic=True)
    async def resist(self) -> None:
        self.state.append(2)
        self.broadcast(Scribe.said, "half")
        with trio.CancelScope(shield=True):
            await trio.sleep(60)


@STORES
async def test_the_last_save_leaves_out_one_that_resists(
    make: type[Storage], autojump_clock: MockClock
) -> None:
    storage = make()
    async with opened(Stubborn, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Stubborn)
        await runtime.client.get(Stubborn, "a").call(Scribe.now, "add 1")
        link.call("resist")
        await wait_all_tasks_blocked()
        nursery.start_soon(put_away, runtime, Stubborn)
        await trio.sleep(30)
        record = await storage.find(definition_of(Stubborn).name, ("a",))
        await trio.sleep(60)
        assert "event" not in {frame[0] for frame in link.frames}
        assert record is not None
        assert record.state is not None
        assert await runtime.client.get(Stubborn, "a").call(Scribe.read) == [1]


async def test_a_failed_save_of_others_takes_it_along() -> None:
    storage = HeldStorage()
    async with opened(Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime, Scribe)
        link.call("now", "add 1")
        await wait_all_tasks_blocked()
        link.call("at_once", "add 2; say two; pause never")
        await wait_all_tasks_blocked()
        storage.holding = False
        storage.saves[0].fail()
        await wait_all_tasks_blocked()
        assert words(link) == ["failure", "failure"]
        assert await call(runtime, Scribe.read) == []
        nursery.cancel_scope.cancel()
