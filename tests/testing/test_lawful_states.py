"""What ``check_state`` must not find: everything that is lawful."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, handle, put_away
from tests.runtime.stores import HeldStorage
from tests.testing.watched import ON_EVERY_STORE, checked, let_go
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.ports.errors import NotStored
from trivet.ports.storage import Storage
from trivet.runtime.runtime import Runtime


class Lawful(Actor[list[int], list[int]], name="lawful"):
    """Changes its state wherever it may."""

    async def create_state(self, input: None) -> list[int]:
        return [0]

    async def on_create(self, input: None) -> None:
        self.state.append(1)

    async def on_wake(self) -> None:
        await trio.sleep(1)
        self.state.append(2)

    async def run(self) -> None:
        seen = self.state
        async with self.turn():
            seen.append(3)
            await trio.sleep(1)
            self.state = [*seen, 4]
        try:
            await trio.sleep_forever()
        finally:
            async with self.turn():
                self.state.append(5)

    async def on_connect(self, conn: Conn[list[int]]) -> None:
        self.state.append(6)
        await trio.sleep(1)
        self.state.append(6)

    async def on_disconnect(self, conn: Conn[list[int]]) -> None:
        self.state.append(7)
        await trio.sleep(1)
        self.state.append(8)

    async def create_conn_state(self, params: None) -> list[int]:
        return list(self.state)

    @action
    def add(self) -> None:
        self.state.append(9)

    @action
    async def add_slowly(self) -> None:
        async def child() -> None:
            self.state.append(10)
            await trio.sleep(1)
            self.state.append(11)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            nursery.start_soon(child)

    @action
    async def never_end(self) -> None:
        self.state.append(12)
        await trio.sleep_forever()

    @action(atomic=True)
    async def undo(self) -> None:
        self.state.append(13)
        await trio.sleep(1)
        raise errors.UserError("no", code="no")

    @action(readonly=True)
    def read(self) -> list[int]:
        return self.state

    @action(readonly=True)
    async def read_slowly(self) -> list[int]:
        await trio.sleep(1)
        return self.state

    @action(readonly=True)
    async def kick(self) -> list[int]:
        for conn in tuple(self.conns.values()):
            if conn is not self.conn:
                await conn.disconnect("out")  # whose hook may change the state
        return self.state


class Plain(Lawful, name="plain", call_hooks=False):
    """Answers at once what it can."""


async def fails(runtime: Runtime, action: Any) -> None:
    with pytest.raises(errors.Error):
        await call(runtime, action)


async def ask(runtime: Runtime, actor: type[Lawful], name: str) -> None:
    await handle(runtime, actor).call(getattr(actor, name))


@ON_EVERY_STORE
@pytest.mark.parametrize("actor", [Lawful, Plain])
async def test_what_is_lawful_is_not_found(
    actor: type[Lawful], store: Callable[[], Storage], autojump_clock: MockClock
) -> None:
    async with checked(actor, storage=let_go(store())) as (runtime, findings):
        link = PlayedLink(runtime)
        link.connect(actor, "a")
        await link.gets("init")
        for name in ("add", "read", "add_slowly", "read_slowly", "add", "read"):
            await link.gets("reply", link.call(name))
            await ask(runtime, actor, name)
        with pytest.raises(errors.UserError):
            await ask(runtime, actor, "undo")
        await ask(runtime, actor, "kick")
        assert link.gone
        async with trio.open_nursery() as nursery:
            for name in ("add", "add_slowly", "read", "read_slowly", "add"):
                nursery.start_soon(ask, runtime, actor, name)
        with trio.move_on_after(1):
            await ask(runtime, actor, "never_end")  # cut in the end
        await put_away(runtime, actor)
        await ask(runtime, actor, "add")
        await put_away(runtime, actor)
    assert findings == []


async def test_an_instance_that_is_rebuilt_is_not_found(autojump_clock: MockClock) -> None:
    storage = HeldStorage()
    storage.holding = False
    async with checked(Plain, storage=storage) as (runtime, findings):
        await ask(runtime, Plain, "add")
        storage.full = True
        with pytest.raises(errors.ActionError, match="state_not_saved"):
            await ask(runtime, Plain, "add")
        storage.full = False
        await ask(runtime, Plain, "add")
    assert findings == []


async def test_an_atomic_turn_that_is_undone_at_the_end_is_not_found(
    autojump_clock: MockClock,
) -> None:
    class Stubborn(Actor[list[int]], name="stubborn", grace=1):
        @action(atomic=True)
        async def resist(self) -> None:
            self.state.append(1)
            with trio.CancelScope(shield=True):
                await trio.sleep(100)

        @action(readonly=True)
        def read(self) -> list[int]:
            return self.state

    async with checked(Stubborn) as (runtime, findings), trio.open_nursery() as nursery:
        nursery.start_soon(fails, runtime, Stubborn.resist)
        await wait_all_tasks_blocked()
        await put_away(runtime, Stubborn)
        assert await call(runtime, Stubborn.read) == []
    assert findings == []


async def test_a_state_that_cannot_be_stored_is_borne(autojump_clock: MockClock) -> None:
    class Spoiling(Actor[list[int]], name="spoiling"):
        @action
        def spoil(self) -> None:
            wrong: Any = "no number"
            self.state.append(wrong)

        @action(readonly=True)
        def count(self) -> int:
            return len(self.state)

    found: list[list[str]] = []

    async def spoil_and_count() -> None:
        async with checked(Spoiling) as (runtime, findings):
            found.append(findings)
            await call(runtime, Spoiling.spoil)
            assert await call(runtime, Spoiling.count) == 1

    with pytest.raises(NotStored):
        await spoil_and_count()
    assert found == [[]]


async def test_actors_without_state_are_left_alone(autojump_clock: MockClock) -> None:
    class Stateless(Actor, name="stateless"):
        @action(readonly=True)
        def answer(self) -> int:
            return 42

    async with checked(Stateless) as (runtime, findings):
        assert await call(runtime, Stateless.answer) == 42
    assert findings == []


async def test_concurrent_actions_change_the_state_at_any_time(autojump_clock: MockClock) -> None:
    class Busy(Actor[list[int]], name="busy"):
        @action(concurrent=True)
        async def add(self, number: int) -> None:
            self.state.append(number)
            await trio.sleep(1)
            self.state.append(-number)
            await trio.sleep(1)
            self.state = [*self.state, 0]

        @action
        def now(self) -> int:
            return len(self.state)

        @action(readonly=True)
        async def slow(self) -> int:
            await trio.sleep(1.5)
            return len(self.state)

    async with checked(Busy) as (runtime, findings), trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Busy.slow)
        for number in (1, 2):
            nursery.start_soon(call, runtime, Busy.add, number)
            await wait_all_tasks_blocked()
            await call(runtime, Busy.now)
    assert findings == []


async def test_what_a_concurrent_action_has_left_behind_changes_nothing(
    autojump_clock: MockClock,
) -> None:
    class Leaving(Actor[list[int]], name="leaving"):
        async def later(self) -> None:
            await trio.sleep(1)
            self.state.append(1)

        @action(concurrent=True)
        async def leave(self) -> None:
            self.start_soon(self.later)

    async with checked(Leaving) as (runtime, findings):
        await call(runtime, Leaving.leave)
        await trio.sleep(2)
    assert len(findings) == 1
    assert "outside of a turn" in findings[0]
