"""Concurrent actions and saves: a segment is whatever all of them have done by then."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, put_away, wake
from tests.runtime.scribes import NUMBERS, PAUSES, Scribe, go_on, saved, words
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.options import Limits
from trivet.declare.registry import definition_of
from trivet.runtime.runtime import Runtime


class Crowd(Actor[list[int], list[int]]):
    """A scribe that writes with several hands."""

    said = Event[str]()

    async def play(self, script: str) -> int:
        return await Scribe.play(cast("Any", self), script)

    def play_now(self, script: str) -> int:
        for step in script.split("; "):
            if step.startswith("say "):
                self.broadcast(Crowd.said, step.removeprefix("say "))
            else:
                Scribe.play_now(cast("Any", self), step)
        return 0

    @action(concurrent=True)
    async def beside(self, script: str) -> int:
        return await self.play(script)

    @action(concurrent=True, readonly=True)
    async def read_beside(self, script: str) -> list[int]:
        await self.play(script)
        return self.state

    @action
    async def do(self, script: str) -> int:
        return await self.play(script)

    @action
    def now(self, script: str) -> int:
        return self.play_now(script)


class Lazy(Crowd, durability="interval"):
    pass


async def connected(runtime: Runtime, actor: type[Actor[Any, Any, Any, Any]] = Crowd) -> PlayedLink:
    link = PlayedLink(runtime)
    link.connect(actor, "a")
    await link.gets("init")
    link.subscribe("said")
    return link


async def stored(
    storage: HeldStorage, actor: type[Actor[Any, Any, Any, Any]] = Crowd
) -> list[int] | None:
    record = await storage.find(definition_of(actor).name, ("a",))
    return None if record is None or record.state is None else NUMBERS.decode(record.state)


async def test_what_it_says_ends_the_segment_of_all_that_was_done() -> None:
    storage = HeldStorage()
    async with opened(Crowd, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime)
        nursery.start_soon(call, runtime, Crowd.do, "add 1; pause turn; add 2")
        await wait_all_tasks_blocked()
        assert saved(storage) == []
        link.call("beside", "add 10; say ten; add 11; pause end; add 12")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1, 10, 11]]
        assert words(link) == []
        await storage.store()
        assert words(link) == ["ten"]
        go_on("end")
        await wait_all_tasks_blocked()
        assert words(link) == ["ten"]
        await storage.store()
        assert words(link) == ["ten", "reply"]
        go_on("turn")
        await wait_all_tasks_blocked()
        await storage.store()
        assert saved(storage) == [[1, 10, 11], [1, 10, 11, 12], [1, 10, 11, 12, 2]]


async def test_no_state_is_stored_in_the_middle_of_one_of_its_steps() -> None:
    storage = HeldStorage()
    async with opened(Crowd, storage=storage) as runtime:
        link = await connected(runtime)
        link.call("beside", "add 1; say one; add 2; pause end")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1, 2]]
        go_on("end")
        storage.holding = False
        await storage.store()


async def test_its_local_name_of_the_state_is_watched_until_it_returns() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Crowd, storage=storage) as runtime:
        link = await connected(runtime)
        link.call("beside", "add 1; pause end; add 2")
        await wait_all_tasks_blocked()
        await call(runtime, Crowd.now, "add 5")
        assert await stored(storage) == [1, 5]
        link.vanish()  # so that its reply is none
        go_on("end")
        await wait_all_tasks_blocked()
        assert await stored(storage) == [1, 5, 2]


@pytest.mark.parametrize("step", ["save", "call b", "resolve b", "kick"])
async def test_it_ends_its_segment_before_it_reaches_out(step: str) -> None:
    storage = HeldStorage()
    async with opened(Crowd, Scribe, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime)
        nursery.start_soon(call, runtime, Crowd.beside, f"add 1; {step}; add 2; pause end")
        await wait_all_tasks_blocked()
        assert saved(storage) == [[1]]
        assert len(storage.records) == 1
        assert link.closing is None
        await storage.store()
        assert await stored(storage) == [1]
        assert (link.closing is not None) == (step == "kick")
        go_on("end")
        await wait_all_tasks_blocked()
        await storage.store()
        assert await stored(storage) == [1, 2]


async def test_what_is_only_read_needs_no_save() -> None:
    storage = HeldStorage()
    async with opened(Crowd, storage=storage) as runtime:
        link = await connected(runtime)
        link.call("read_beside", "say it; pause end")
        await wait_all_tasks_blocked()
        assert words(link) == ["it"]
        go_on("end")
        await link.gets("reply")
    assert storage.saves == []


async def test_a_failed_save_cuts_it(caplog: pytest.LogCaptureFixture) -> None:
    storage = HeldStorage()
    async with opened(Crowd, storage=storage) as runtime:
        link = await connected(runtime)
        link.call("beside", "add 1; pause ever")
        await wait_all_tasks_blocked()
        storage.full = True
        with pytest.raises(errors.ActionError, match="state_not_saved"):
            await call(runtime, Crowd.now, "add 2")
        assert (await link.gets("failure"))[1:] == (1, "actor.state_not_saved")
        storage.full = storage.holding = False
        await call(runtime, Crowd.now, "add 3")
        assert await stored(storage) == [3]
    assert "could not be saved" in caplog.text


async def test_what_it_changes_is_stored_within_the_interval(autojump_clock: MockClock) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Lazy, storage=storage) as runtime:
        link = await connected(runtime, Lazy)
        link.call("beside", "add 1; pause one; add 2; pause two")
        await wait_all_tasks_blocked()
        await trio.sleep(1.5)
        assert await stored(storage, Lazy) == [1]
        go_on("one")
        await trio.sleep(1.5)
        assert await stored(storage, Lazy) == [1, 2]
        go_on("two")
        await link.gets("reply")


async def test_its_last_changes_are_in_the_last_save() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Crowd, storage=storage) as runtime, trio.open_nursery() as nursery:
        link = await connected(runtime)
        link.call("beside", "add 1; pause end; add 2")
        await wait_all_tasks_blocked()
        nursery.start_soon(put_away, runtime, Crowd)
        await wait_all_tasks_blocked()
        go_on("end")
    assert await stored(storage) == [1, 2]


# Any interleaving

HANDS = ("beside", "do", "now")
STEPS = st.sampled_from(["add", "add", "say", "pause", "save"])


@given(
    scripts=st.lists(
        st.tuples(st.sampled_from(HANDS), st.lists(STEPS, min_size=3, max_size=6)),
        min_size=1,
        max_size=5,
    ),
    stores=st.lists(st.booleans(), max_size=12),
    scheduler=st.random_module(),
)
def test_whatever_was_told_is_stored_and_in_order(
    scripts: list[tuple[str, list[str]]], stores: list[bool], scheduler: object
) -> None:
    PAUSES.clear()
    trio.run(live, scripts, stores, clock=MockClock(autojump_threshold=0))


async def live(scripts: list[tuple[str, list[str]]], stores: list[bool]) -> None:
    """Play scripts at once, let the store take its time, and look at every moment between.

    Each change has a number of its own, and each word names the changes of its script before it.
    """
    storage = HeldStorage()
    async with opened(Crowd, storage=storage, limits=Limits(mailbox_wait=1e6)) as runtime:
        link = await connected(runtime)
        expected: list[list[int]] = []
        for index, (name, steps) in enumerate(scripts):
            script, numbers = _script(index, steps, may_wait=name != "now")
            expected.append(numbers)
            link.call(name, script)
        told: set[int] = set()
        for is_stored in [*stores, *[True] * (4 * sum(len(steps) for _, steps in scripts) + 20)]:
            await wait_all_tasks_blocked()
            if is_stored and storage.pending:
                storage.pending[0].succeed()
            else:
                _go_on_one()
            await wait_all_tasks_blocked()
            state = await stored(storage) or []
            told |= {int(n) for word in words(link) for n in _numbers_of(word)}
            assert told <= set(state), "a client was told what a kill would take back"
            _check_order(state, expected)
        assert not storage.pending
        assert [frame[0] for frame in link.frames].count("reply") == len(scripts)
        assert sorted(await stored(storage) or []) == sorted(n for ns in expected for n in ns)
        for save, later in zip(saved(storage), saved(storage)[1:], strict=False):
            assert later is not None
            assert later[: len(save or [])] == save, "states go back"
        instance = await wake(runtime, Crowd)
        assert (
            instance.mailbox.requests == instance.mailbox.beside == instance.mailbox.changing == 0
        )


def _script(index: int, steps: list[str], *, may_wait: bool) -> tuple[str, list[int]]:
    numbers: list[int] = []
    script: list[str] = []
    for step in steps:
        match step:
            case "add":
                numbers.append(100 * (index + 1) + len(numbers))
                script.append(f"add {numbers[-1]}")
            case "say":
                script.append(f"say {','.join(map(str, numbers)) or '-'}")
            case "pause" if may_wait:
                script.append(f"pause {index}.{len(script)}")
                PAUSES[f"{index}.{len(script) - 1}"] = trio.Event()
            case "save" if may_wait:
                script.append("save")
            case _:
                pass
    return "; ".join(script or ["say -"]), numbers


def _go_on_one() -> None:
    name = next((name for name, event in PAUSES.items() if not event.is_set()), None)
    if name is not None:
        go_on(name)


def _numbers_of(word: object) -> list[str]:
    return str(word).split(",") if word not in {"reply", "-", "failure"} else []


def _check_order(state: list[int], expected: list[list[int]]) -> None:
    for numbers in expected:
        mine = [number for number in state if number in numbers]
        assert mine == numbers[: len(mine)], "the changes of one script are not in their order"


class Watching(Actor[list[int]]):
    """Waits in a readonly turn while somebody else writes."""

    @action(readonly=True)
    async def look(self) -> list[int]:
        await trio.sleep(2)
        return self.state

    @action(concurrent=True)
    async def add(self, number: int) -> int:
        await trio.sleep(1)
        self.state.append(number)
        await trio.sleep(2)
        return number


async def test_a_readonly_turn_is_not_trusted_beside_concurrent_actions(
    autojump_clock: MockClock,
) -> None:
    """What changes while it waits is not its doing, and is stored before it is answered."""
    storage = HeldStorage()
    storage.holding = False
    async with opened(Watching, storage=storage) as runtime, trio.open_nursery() as nursery:
        await wake(runtime, Watching)
        nursery.start_soon(call, runtime, Watching.look)
        assert await call(runtime, Watching.add, 1) == 1
        record = await storage.find("Watching", ("a",))
        assert record is not None
        assert record.state is not None
        assert NUMBERS.decode(record.state) == [1]
