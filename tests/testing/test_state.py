"""``check_state``: what it finds, where it says so, and everything lawful that it must not find."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened, wake
from tests.testing.watched import ON_EVERY_STORE, checked, failed, let_go
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.ports.storage import Storage
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
