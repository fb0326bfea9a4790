"""Reentrant actions: let into the turn that waits for them, and into no other."""

from __future__ import annotations

import math

import attrs
import pytest
import trio
from hypothesis import given, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, handle, opened, wake
from tests.runtime.scribes import PAUSES, go_on
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.handle import Client
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.runtime.call import current_deadline
from trivet.runtime.runtime import Runtime


class Left(Actor[list[str], list[str]]):
    said = Event[str]()

    @action
    async def go(self, how: str = "back") -> list[str]:
        mine = self.conn
        self.state.append("before")
        self.broadcast(Left.said, "one")
        await self.client.get_or_create(Right, "b").call(Right.relay, how)
        assert self.conn is mine
        self.state.append("after")
        self.broadcast(Left.said, "three")
        return self.state

    @action
    async def go_twice(self) -> None:
        async with trio.open_nursery() as nursery:
            for key in ("b", "c"):
                right = self.client.get_or_create(Right, key)
                nursery.start_soon(right.call_by_name, "relay", "slow")

    @action
    async def go_home(self) -> str:
        return await self.client.get(Left, "a").call(Left.back, "home")

    @action(atomic=True)
    async def go_at_once(self) -> None:
        await self.client.get_or_create(Right, "b").call(Right.relay, "back")

    @action
    async def go_and_give_up(self) -> str:
        async with trio.open_nursery() as nursery:
            right = self.client.get_or_create(Right, "b")
            nursery.start_soon(right.call_by_name, "relay", "late")
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
        self.state.append("given up")
        await trio.sleep(10)
        self.state.append("going on")
        return "given up"

    @action(reentrant=True)
    async def back(self, word: str) -> str:
        with pytest.raises(errors.AlreadyInTurnError):
            async with self.turn():
                pass
        self.conn.state.append(word)
        self.state.append(f"{word} begins")
        self.broadcast(Left.said, "two")
        await trio.lowlevel.checkpoint()
        self.state.append(f"{word} ends")
        return self.conn.kind

    @action(reentrant=True)
    async def back_slowly(self) -> None:
        running = sum(note == "slow begins" for note in self.state)
        assert running == sum(note == "slow ends" for note in self.state)
        self.state.append("slow begins")
        await trio.sleep(1)
        self.state.append("slow ends")

    @action(reentrant=True)
    async def there_and_back(self, depth: int) -> int:
        self.state.append(f"in {depth}")
        if depth:
            right = self.client.get_or_create(Right, "b")
            assert await right.call(Right.there_and_back, depth - 1) == depth - 1
        self.state.append(f"out {depth}")
        return depth

    @action
    def note(self, text: str) -> list[str]:
        self.state.append(text)
        return self.state


class Right(Actor):
    @action(timeout=math.inf)
    async def relay(self, how: str) -> None:
        left = self.client.get(Left, "a")
        match how:
            case "slow":
                await left.call(Left.back_slowly)
            case "plain":
                await left.call(Left.note, "never")
            case "late":
                await trio.sleep(5)
                await left.call(Left.back, "late")
            case "fail":
                await left.call(Left.back, "fail")
                raise errors.UserError("no", code="failed")
            case _:
                assert await left.call(Left.back, how) == "call"

    @action(reentrant=True)
    async def there_and_back(self, depth: int) -> int:
        if depth:
            left = self.client.get(Left, "a")
            assert await left.call(Left.there_and_back, depth - 1) == depth - 1
        return depth

    @action
    async def wait_and_go(self, name: str) -> None:
        await PAUSES.setdefault(name, trio.Event()).wait()
        await self.client.get(Left, "a").call(Left.back, name)


async def test_its_own_chain_is_let_in() -> None:
    async with opened(Left, Right) as runtime:
        link = PlayedLink(runtime)
        link.connect(Left, "a")
        await link.gets("init")
        link.subscribe("said")
        link.call("go")
        link.call("note", "next")
        assert (await link.gets("reply", 1))[2] == [
            "before",
            "back begins",
            "back ends",
            "after",
        ]
        assert (await link.gets("reply", 2))[2][-1] == "next"
        assert [frame[2] for frame in link.frames if frame[0] == "event"] == ["one", "two", "three"]


async def test_what_is_not_reentrant_is_refused() -> None:
    async with opened(Left, Right) as runtime:
        with pytest.raises(errors.CallCycleError) as caught:
            await call(runtime, Left.go, "plain")
        assert caught.value.metadata == {"path": ["Right/b", "Left/a", "Right/b"]}


async def test_a_failure_behind_it_is_the_callers() -> None:
    async with opened(Left, Right) as runtime:
        with pytest.raises(errors.UserError, match="no"):
            await call(runtime, Left.go, "fail")
        assert await call(runtime, Left.note, "x") == ["before", "fail begins", "fail ends", "x"]


async def test_a_turn_may_call_its_own_actor() -> None:
    async with opened(Left, Right) as runtime:
        assert await call(runtime, Left.go_home) == "call"


async def test_chains_of_any_depth() -> None:
    async with opened(Left, Right) as runtime:
        assert await call(runtime, Left.there_and_back, 8) == 8
        notes = await call(runtime, Left.note, "x")
        inwards = [f"in {depth}" for depth in (8, 6, 4, 2, 0)]
        assert notes == [*inwards, *[f"out {depth}" for depth in (0, 2, 4, 6, 8)], "x"]


async def test_two_at_once_come_in_one_after_the_other(autojump_clock: MockClock) -> None:
    async with opened(Left, Right) as runtime:
        await call(runtime, Left.go_twice)
        assert trio.current_time() == 2
        assert await call(runtime, Left.note, "x") == ["slow begins", "slow ends"] * 2 + ["x"]


async def test_a_stranger_is_let_in_by_nobody() -> None:
    """The turn waits for its actor, but not for this call of it."""
    async with opened(Left, Right) as runtime, trio.open_nursery() as nursery:
        outcomes: list[str] = []

        async def stranger() -> None:
            with pytest.raises(errors.CallCycleError):
                await handle(runtime, Right, "b").call(Right.wait_and_go, "stranger")
            outcomes.append("refused")

        nursery.start_soon(stranger)
        await wait_all_tasks_blocked()
        nursery.start_soon(call, runtime, Left.go)  # queues behind the stranger
        await wait_all_tasks_blocked()
        go_on("stranger")
        await wait_all_tasks_blocked()
        assert outcomes == ["refused"]
        assert "stranger begins" not in await call(runtime, Left.note, "x")


async def test_an_atomic_turn_lets_nobody_in() -> None:
    async with opened(Left, Right) as runtime:
        with pytest.raises(errors.CallCycleError):
            await call(runtime, Left.go_at_once)


async def test_who_has_given_up_is_no_part_of_the_chain_any_more(
    autojump_clock: MockClock,
) -> None:
    async with opened(Left, Right) as runtime:
        assert await call(runtime, Left.go_and_give_up) == "given up"
        await trio.sleep(1)
        notes = await call(runtime, Left.note, "x")
        assert notes == ["given up", "going on", "late begins", "late ends", "x"]


async def test_on_a_durable_store_nothing_of_it_is_told_too_early() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Left, Right, storage=storage) as runtime:
        assert await call(runtime, Left.go) == ["before", "back begins", "back ends", "after"]
        link = PlayedLink(runtime)
        link.connect(Left, "a")
        await link.gets("init")
        link.call("go")
        assert len((await link.gets("reply"))[2]) == 8


async def test_a_queue_behind_what_was_let_in_is_refused_where_it_would_be_for_ever() -> None:
    class Hub(Actor):
        @action
        async def both(self) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.client.get_or_create(Spoke, "first").call, Spoke.first)
                nursery.start_soon(self.client.get_or_create(Spoke, "second").call, Spoke.second)

        @action(reentrant=True)
        async def inner(self) -> None:
            await PAUSES.setdefault("inner", trio.Event()).wait()
            with pytest.raises(errors.CallCycleError):
                await self.client.get(Spoke, "second").call(Spoke.hello)

        @action(reentrant=True)
        async def hello(self) -> None:
            pass

    class Spoke(Actor):
        @action
        async def first(self) -> None:
            await self.client.get(Hub, "a").call(Hub.inner)

        @action
        async def second(self) -> None:
            await wait_all_tasks_blocked()
            go_on("inner")
            await self.client.get(Hub, "a").call(Hub.hello)

        @action
        def hello(self) -> None:
            pass

    async with opened(Hub, Spoke) as runtime:
        await call(runtime, Hub.both)


# Any chain


@attrs.define(eq=False)
class Visit:
    """One call of a tree of calls: whom it asks, and what each of those asks in turn."""

    key: str
    reentrant: bool
    calls: list[Visit] = attrs.Factory(list["Visit"])


VISITS: list[Visit] = []
RUNNING: dict[str, list[int]] = {}


class Node(Actor[list[int], list[str]]):
    @action(timeout=math.inf)
    async def plain(self, index: int) -> int:
        return await self.live(index)

    @action(reentrant=True, timeout=math.inf)
    async def let_in(self, index: int) -> int:
        return await self.live(index)

    async def live(self, index: int) -> int:
        inside = RUNNING.setdefault(self.key[0], [])
        mine = self.conn
        inside.append(index)
        self.state.append(index)
        try:
            for following in VISITS[index].calls:
                await trio.lowlevel.checkpoint()
                assert inside[-1] == index, "somebody runs beside"
                await visit(self.client, following)
                assert self.conn is mine
                assert inside[-1] == index
        finally:
            assert inside.pop() == index
        return index


REFUSED: list[Visit] = []


async def visit(client: Client, wanted: Visit) -> None:
    index = len(VISITS)
    VISITS.append(wanted)
    chosen = Node.let_in if wanted.reentrant else Node.plain
    try:
        assert await client.get_or_create(Node, wanted.key).call(chosen, index) == index
    except errors.CallCycleError:
        assert not wanted.reentrant or len(TREES) > 1, "its own chain was not let in"
        REFUSED.append(wanted)


TREES: list[Visit] = []

TREE: st.SearchStrategy[Visit] = st.recursive(
    st.builds(Visit, st.sampled_from("abc"), st.booleans()),
    lambda inner: st.builds(
        Visit, st.sampled_from("abc"), st.booleans(), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(trees=st.lists(TREE, min_size=1, max_size=4), scheduler=st.random_module())
def test_chains_come_in_and_strangers_wait(trees: list[Visit], scheduler: object) -> None:
    for kept in (VISITS, REFUSED, TREES):
        kept.clear()
    RUNNING.clear()
    TREES.extend(trees)
    trio.run(grow, trees, clock=MockClock(autojump_threshold=0))
    assert all(inside == [] for inside in RUNNING.values())


async def grow(trees: list[Visit]) -> None:
    async with opened(Node, limits=Limits(mailbox_wait=math.inf)) as runtime:
        with trio.fail_after(1000):
            async with trio.open_nursery() as nursery:
                for tree in trees:
                    nursery.start_soon(visit, runtime.client, tree)
        await everything_is_idle(runtime)


async def everything_is_idle(runtime: Runtime) -> None:
    for key in "abc":
        instance = await wake(runtime, Node, key)
        assert instance.mailbox.holder is None
        assert instance.mailbox.requests == 0
        assert instance.own_tasks.calls == ()
        assert len(instance.conns) == 0


async def test_hooks_of_a_short_connection_run_around_it() -> None:
    class Hooked(Actor[list[str]]):
        async def on_connect(self, conn: Conn[None]) -> None:
            self.state.append("connects")

        async def on_disconnect(self, conn: Conn[None]) -> None:
            self.state.append("leaves")

        @action
        async def go(self) -> list[str]:
            await self.client.get_or_create(Mirror, "b").call(Mirror.go)
            return self.state

        @action(reentrant=True)
        async def back(self) -> None:
            self.state.append("back")

    class Mirror(Actor):
        @action
        async def go(self) -> float:
            await self.client.get(Hooked, "a").call(Hooked.back)
            return current_deadline()

    async with opened(Hooked, Mirror) as runtime:
        assert await call(runtime, Hooked.go) == ["connects", "connects", "back", "leaves"]
