"""``check_state``: what it finds, where it says so, and everything lawful that it must not find."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, handle, opened, put_away, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.ports import Storage
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage
from trivet.testing.state import check_state

NURSERIES: list[trio.Nursery] = []
STATES: dict[str, list[int]] = {}


class Careless(Actor[list[int], int], name="careless", call_hooks=False):
    """Changes its state where it must not."""

    said = Event[str]()
    where = ""

    def spoil(self, where: str) -> None:
        if self.where == where:
            self.state.append(1)

    async def run(self) -> None:
        self.spoil("run")
        await trio.sleep(1)
        self.spoil("run later")

    async def on_before_connect(self, params: None) -> None:
        self.spoil("on_before_connect")

    async def create_conn_state(self, params: None) -> int:
        self.spoil("create_conn_state")
        return 0

    def can_subscribe(self, event: Event[str], conn: Conn[int]) -> bool:
        self.spoil("can_subscribe")
        return True

    @action
    def plant(self, where: str) -> None:
        type(self).where = where

    @action
    def begin(self) -> None:
        self.start_soon(self.work)

    async def work(self) -> None:
        self.spoil("task")

    @action
    async def leak(self) -> None:
        NURSERIES[-1].start_soon(self.work)

    @action
    async def steal_from(self, key: str) -> None:
        await trio.sleep(1)
        STATES[key].append(1)
        await trio.sleep(1)

    @action
    async def hold(self) -> None:
        await trio.sleep(2)

    @action(readonly=True)
    def add(self) -> int:
        self.state.append(1)
        return len(self.state)

    @action(readonly=True)
    def replace(self) -> None:
        self.state = [1, 2, 3]

    @action(readonly=True)
    def fail(self) -> None:
        self.state.append(1)
        raise errors.UserError("no", code="no")

    @action(readonly=True)
    async def add_before_it_waits(self) -> None:
        self.state.append(1)
        await trio.sleep(1)

    @action(readonly=True)
    async def add_after_it_has_waited(self) -> None:
        await trio.sleep(1)
        self.state.append(1)

    @action(readonly=True)
    async def add_in_a_child(self) -> None:
        async def child() -> None:
            self.state.append(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)


@pytest.fixture(autouse=True)
def _tidy() -> None:
    Careless.where = ""
    NURSERIES.clear()
    STATES.clear()


def failed(findings: list[str]) -> str:
    """The only finding."""
    (finding,) = findings
    return finding


@asynccontextmanager
async def checked(
    *actors: Any, storage: Storage | None = None
) -> AsyncGenerator[tuple[Runtime, list[str]]]:
    """A runtime whose actors are watched, and what was found when the body is over."""
    findings: list[str] = []
    async with opened(*actors, storage=storage) as runtime:
        with ExitStack() as checking:
            checking.enter_context(check_state(runtime))
            yield runtime, findings
            try:
                checking.close()
            except AssertionError as error:
                findings += str(error).split("\n")


STORES: list[Callable[[], Storage]] = [MemoryStorage, HeldStorage]
ON_EVERY_STORE = pytest.mark.parametrize("store", STORES)


def let_go(storage: Storage) -> Storage:
    if isinstance(storage, HeldStorage):
        storage.holding = False
    return storage


# What it finds


@ON_EVERY_STORE
@pytest.mark.parametrize(
    "name", ["add", "replace", "add_before_it_waits", "add_after_it_has_waited", "add_in_a_child"]
)
@pytest.mark.parametrize("over_a_link", [False, True])
async def test_a_readonly_action_that_changes_the_state(
    name: str, over_a_link: bool, store: Callable[[], Storage], autojump_clock: MockClock
) -> None:
    async with checked(Careless, storage=let_go(store())) as (runtime, findings):
        if over_a_link:
            link = PlayedLink(runtime)
            link.connect(Careless, "a")
            await link.gets("init")
            await link.gets("reply", link.call(name))
        else:
            await call(runtime, getattr(Careless, name))
    assert failed(findings) == f"careless/a: the state was changed by the readonly action {name}"


async def test_a_readonly_action_that_waited_in_the_mailbox(autojump_clock: MockClock) -> None:
    async with checked(Careless) as (runtime, findings), trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Careless.hold)
        await wait_all_tasks_blocked()
        assert await call(runtime, Careless.add) == 1
    assert failed(findings) == "careless/a: the state was changed by the readonly action add"


async def test_a_readonly_action_that_fails(autojump_clock: MockClock) -> None:
    async with checked(Careless) as (runtime, findings):
        with pytest.raises(errors.UserError):
            await call(runtime, Careless.fail)
    assert "readonly" in failed(findings)


@pytest.mark.parametrize("where", ["run", "run later", "task"])
async def test_a_task_that_changes_the_state_in_place(
    where: str, autojump_clock: MockClock
) -> None:
    Careless.where = where
    async with checked(Careless) as (runtime, findings):
        await call(runtime, Careless.begin)
        await trio.sleep(2)
    assert failed(findings).startswith("careless/a: the state was changed outside of a turn, ")


@pytest.mark.parametrize("where", ["on_before_connect", "create_conn_state", "can_subscribe"])
async def test_a_hook_that_has_no_turn(where: str, autojump_clock: MockClock) -> None:
    Careless.where = where
    async with checked(Careless) as (runtime, findings):
        link = PlayedLink(runtime)
        link.connect(Careless, "a")
        await link.gets("init")
        link.subscribe("said")
        await wait_all_tasks_blocked()
    assert "outside of a turn" in failed(findings)


async def test_somebody_else_who_still_has_the_state(autojump_clock: MockClock) -> None:
    async with checked(Careless) as (runtime, findings), trio.open_nursery() as nursery:
        instance = await wake(runtime, Careless)
        nursery.start_soon(call, runtime, Careless.hold)
        await wait_all_tasks_blocked()
        instance.state.value.append(1)  # while another turn runs, and is not to blame
        await trio.sleep(3)
    finding = failed(findings)
    assert "outside of a turn, in test_somebody_else_who_still_has_the_state" in finding
    assert __file__ in finding


async def test_a_task_that_outlives_its_turn(autojump_clock: MockClock) -> None:
    Careless.where = "task"
    async with checked(Careless) as (runtime, findings), trio.open_nursery() as nursery:
        NURSERIES.append(nursery)
        await call(runtime, Careless.leak)
        await trio.sleep(1)
    assert "outside of a turn" in failed(findings)


async def test_a_turn_of_another_actor(autojump_clock: MockClock) -> None:
    async with checked(Careless) as (runtime, findings):
        STATES["a"] = (await wake(runtime, Careless, "a")).state.value
        await call(runtime, Careless.steal_from, "a", key="b")
    finding = failed(findings)
    assert finding.startswith("careless/a: the state was changed outside of a turn, in ")
    assert "Careless.steal_from" in finding


async def test_a_change_right_before_a_turn_is_not_the_turns(autojump_clock: MockClock) -> None:
    async with checked(Careless) as (runtime, findings):
        instance = await wake(runtime, Careless)
        instance.state.value.append(1)
        await call(runtime, Careless.plant, "")
    assert "outside of a turn, in " in failed(findings)


async def test_every_finding_is_told(autojump_clock: MockClock) -> None:
    async with checked(Careless) as (runtime, findings):
        for key in ("a", "b"):
            await call(runtime, Careless.add, key=key)
            await call(runtime, Careless.add_in_a_child, key=key)
    assert [finding.partition(":")[0] for finding in findings] == ["careless/a"] * 2 + [
        "careless/b"
    ] * 2


# Where it says so


async def test_an_error_of_the_body_goes_on_and_has_the_findings_with_it() -> None:
    async with opened(Careless) as runtime:

        async def body() -> None:
            with check_state(runtime):
                await call(runtime, Careless.add)
                raise ValueError("mine")

        with pytest.raises(ValueError, match="mine") as caught:
            await body()
        assert "readonly" in caught.value.__notes__[0]


async def test_an_error_without_findings_has_no_note() -> None:
    async with opened(Careless) as runtime:
        with pytest.raises(ValueError, match="mine") as caught, check_state(runtime):
            raise ValueError("mine")
        assert not hasattr(caught.value, "__notes__")


async def test_it_comes_before_the_first_actor() -> None:
    async with opened(Careless) as runtime:
        await wake(runtime, Careless)
        with pytest.raises(ValueError, match="first actor"), check_state(runtime):
            pass


async def test_afterwards_nothing_is_watched() -> None:
    async with opened(Careless) as runtime:
        with check_state(runtime):
            pass
        instance = await wake(runtime, Careless)
        instance.state.value.append(1)
        await trio.lowlevel.checkpoint()
        with pytest.raises(ValueError, match="first actor"), check_state(runtime):
            pass


# What is lawful


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

    async with checked(Spoiling) as (runtime, findings):
        await call(runtime, Spoiling.spoil)
        assert await call(runtime, Spoiling.count) == 1
    assert findings == []


async def test_actors_without_state_are_left_alone(autojump_clock: MockClock) -> None:
    class Stateless(Actor, name="stateless"):
        @action(readonly=True)
        def answer(self) -> int:
            return 42

    async with checked(Stateless) as (runtime, findings):
        assert await call(runtime, Stateless.answer) == 42
    assert findings == []
