"""How an instance starts: its hooks, who waits for it, and what a failure leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, opened, put_away, recorder_of, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.registry import definition_of
from trivet.lifecycle.actor import ActorEvent
from trivet.runtime.runtime import Runtime


@attrs.frozen
class Plan:
    """What the start hooks of an actor do: ``{"on_wake": "sleep 3"}``."""

    script: dict[str, str] = attrs.Factory(dict[str, str])


LOG: list[str] = []
SCRIPT: dict[str, str] = {}


class Riser(Actor[list[str], None, None, Plan | None]):
    def __init__(self) -> None:
        LOG.append("init")

    async def create_state(self, input: Plan | None) -> list[str]:
        if input is not None:
            SCRIPT.update(input.script)
        await self.play("create_state")
        return ["made"]

    async def on_create(self, input: Plan | None) -> None:
        await self.play("on_create")
        self.state.append("created")

    async def on_wake(self) -> None:
        await self.play("on_wake")
        self.state.append("woken")

    async def run(self) -> None:
        LOG.append("run")
        await trio.sleep_forever()

    async def play(self, hook: str) -> None:
        LOG.append(hook)
        match SCRIPT.get(hook, "").split():
            case ["fail"]:
                raise errors.UserError("no", code=hook)
            case ["lost"]:
                await self.client.get(Riser, "nobody").call(Riser.get)
            case ["sleep", seconds]:
                await trio.sleep(float(seconds))
            case ["turn"]:
                async with self.turn():
                    pass
            case ["conn"]:
                assert self.conn
            case ["crash"]:
                self.start_soon(self.crash)
                await wait_all_tasks_blocked()
            case ["misfit"]:
                self.state.append(cast("str", 1))
            case ["save"]:
                await self.save()
            case ["task"]:
                self.start_soon(self.stay)
                await wait_all_tasks_blocked()
                raise ValueError("after starting a task")
            case _:
                pass

    async def crash(self) -> None:
        raise ValueError("in a task")

    async def stay(self) -> None:
        try:
            LOG.append("task")
            async with self.turn():
                LOG.append("task has a turn")
        finally:
            LOG.append("task cancelled")

    @action
    def get(self) -> list[str]:
        return self.state


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOG.clear()
    SCRIPT.clear()


async def test_the_first_start_and_later_ones() -> None:
    async with opened(Riser) as runtime:
        assert await call(runtime, Riser.get) == ["made", "created", "woken"]
        await wait_all_tasks_blocked()
        assert LOG == ["init", "create_state", "on_create", "on_wake", "run"]
        LOG.clear()
        await put_away(runtime, Riser)
        assert await call(runtime, Riser.get) == ["made", "created", "woken", "woken"]
        await wait_all_tasks_blocked()
        assert LOG == ["init", "on_wake", "run"]


async def test_input_reaches_the_first_start_only() -> None:
    async with opened(Riser) as runtime:
        room = runtime.client.get_or_create(Riser, "a", input=Plan({"on_wake": "fail"}))
        with pytest.raises(errors.UserError):
            await room.call(Riser.get)
        SCRIPT.clear()
        assert await room.call(Riser.get) == ["made", "created", "woken"]
        assert LOG.count("create_state") == 1


@pytest.mark.parametrize("hook", ["create_state", "on_create", "on_wake"])
async def test_a_failing_start_hook_is_told_to_all_who_wait(hook: str) -> None:
    async with opened(Riser) as runtime, trio.open_nursery() as nursery:
        SCRIPT[hook] = "fail"
        caught: list[errors.Error] = []

        async def ask() -> None:
            with pytest.raises(errors.UserError) as info:
                await call(runtime, Riser.get)
            assert info.value.code == hook
            caught.append(info.value)

        for _ in range(3):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert len({id(error) for error in caught}) == 3
        assert LOG.count(hook) == 1
        assert awake(runtime, Riser) is None
        SCRIPT.clear()
        assert (await call(runtime, Riser.get))[-1] == "woken"


async def test_an_actor_that_failed_before_it_was_stored_does_not_exist() -> None:
    async with opened(Riser) as runtime:
        SCRIPT["on_create"] = "fail"
        with pytest.raises(errors.UserError):
            await call(runtime, Riser.get)
        with pytest.raises(errors.ActionError, match="not_found"):
            await runtime.client.get(Riser, "a").call(Riser.get)


@pytest.mark.parametrize(
    ("hook", "seconds"), [("create_state", 5), ("on_create", 5), ("on_wake", 30)]
)
async def test_a_hook_that_hangs_is_cut(hook: str, seconds: int, autojump_clock: MockClock) -> None:
    async with opened(Riser) as runtime:
        SCRIPT[hook] = "sleep 100"
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Riser.get)
        assert caught.value.code == "callback_timed_out"
        assert caught.value.metadata == {"hook": hook, "limit": seconds}
        assert trio.current_time() == seconds


@pytest.mark.parametrize("hook", ["create_state", "on_create", "on_wake"])
@pytest.mark.parametrize("durable", [False, True])
async def test_start_hooks_may_save(hook: str, durable: bool) -> None:
    storage = HeldStorage()
    storage.durable, storage.holding = durable, False
    async with opened(Riser, storage=storage) as runtime:
        SCRIPT[hook] = "save"
        assert await call(runtime, Riser.get) == ["made", "created", "woken"]
        await put_away(runtime, Riser)
        assert await call(runtime, Riser.get) == ["made", "created", "woken", "woken"]


async def test_a_first_state_that_does_not_fit_is_named() -> None:
    async with opened(Riser) as runtime:
        SCRIPT["on_create"] = "misfit"
        with pytest.raises(errors.ActionError, match="state_not_serializable"):
            await call(runtime, Riser.get)


async def test_calls_wait_for_the_start(autojump_clock: MockClock) -> None:
    async with opened(Riser) as runtime, trio.open_nursery() as nursery:
        SCRIPT["on_wake"] = "sleep 3"
        for _ in range(3):
            nursery.start_soon(call, runtime, Riser.get)
        assert (await call(runtime, Riser.get))[-1] == "woken"
        assert trio.current_time() == 3


async def test_a_caller_who_leaves_does_not_stop_the_start(autojump_clock: MockClock) -> None:
    async with opened(Riser) as runtime:
        SCRIPT["on_wake"] = "sleep 3"
        with trio.move_on_after(1):
            await call(runtime, Riser.get)
        await trio.sleep(3)
        assert awake(runtime, Riser) is not None


@pytest.mark.parametrize("hook", ["create_state", "on_create", "on_wake"])
async def test_start_hooks_have_a_turn_already_and_no_connection(hook: str) -> None:
    async with opened(Riser) as runtime:
        SCRIPT[hook] = "turn"
        with pytest.raises(errors.ActionError, match="already_in_turn"):
            await call(runtime, Riser.get)
        SCRIPT[hook] = "conn"
        with pytest.raises(errors.NoConnectionError):
            await call(runtime, Riser.get)


async def test_a_hook_that_does_not_find_an_actor_is_no_missing_actor() -> None:
    """Else whoever creates on demand would try for ever."""
    async with opened(Riser) as runtime:
        SCRIPT["on_wake"] = "lost"
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Riser.get)
        assert caught.value.metadata == {"name": "Riser", "key": ["nobody"]}
        assert LOG.count("on_wake") == 1


async def test_a_task_that_fails_during_the_start_fails_the_start() -> None:
    async with opened(Riser) as runtime:
        SCRIPT["on_wake"] = "crash"
        with pytest.raises(errors.ActionError, match="restarting"):
            await call(runtime, Riser.get)
        assert awake(runtime, Riser) is None


async def test_a_failed_start_leaves_no_task() -> None:
    async with opened(Riser) as runtime:
        await wait_all_tasks_blocked()
        before = len(runtime.nursery.child_tasks)
        SCRIPT["on_wake"] = "task"
        with pytest.raises(errors.ActionError, match="internal_error"):
            await call(runtime, Riser.get)
        await wait_all_tasks_blocked()
        assert LOG[-2:] == ["task", "task cancelled"]
        for _ in range(3):
            with pytest.raises(errors.ActionError, match="not_found"):
                await runtime.client.get(Riser, "nobody").call(Riser.get)
        await wait_all_tasks_blocked()
        assert len(runtime.nursery.child_tasks) == before


Get = Callable[[Runtime], Any]


def get(runtime: Runtime) -> Any:
    return runtime.client.get(Riser, "a").call(Riser.get)


def get_or_create(runtime: Runtime) -> Any:
    return call(runtime, Riser.get)


def create(runtime: Runtime) -> Any:
    return runtime.client.create(Riser, "a")


async def outcomes(runtime: Runtime, *asks: Get) -> list[str]:
    """Ask in this order, all at once, and tell how each ended."""
    results = [""] * len(asks)

    async def ask(index: int) -> None:
        try:
            await asks[index](runtime)
            results[index] = "ok"
        except errors.ActionError as error:
            results[index] = error.code

    async with trio.open_nursery() as nursery:
        for index in range(len(asks)):
            nursery.start_soon(ask, index)
            await wait_all_tasks_blocked()
    return results


@pytest.mark.parametrize(
    ("asks", "expected"),
    [
        ([get, get_or_create], ["not_found", "ok"]),
        ([get_or_create, get], ["ok", "ok"]),
        ([get, get, get_or_create, get], ["not_found", "not_found", "ok", "not_found"]),
        ([create, get_or_create], ["ok", "ok"]),
        ([create, get], ["ok", "ok"]),
        ([get_or_create, create], ["ok", "duplicate_key"]),
        ([create, create], ["ok", "duplicate_key"]),
        ([get, create], ["not_found", "ok"]),
    ],
)
async def test_asking_while_another_starts_it(
    asks: list[Get], expected: list[str], autojump_clock: MockClock
) -> None:
    SCRIPT.update(create_state="sleep 1", on_wake="sleep 1")
    storage = SlowStorage()
    async with opened(Riser, storage=storage) as runtime:
        assert await outcomes(runtime, *asks) == expected


@pytest.mark.parametrize(
    ("asks", "expected"),
    [
        ([create, get_or_create], ["duplicate_key", "ok"]),
        ([create, get], ["duplicate_key", "ok"]),
        ([create, create], ["duplicate_key", "duplicate_key"]),
        ([get, create], ["ok", "duplicate_key"]),
    ],
)
async def test_asking_while_another_wakes_it(
    asks: list[Get], expected: list[str], autojump_clock: MockClock
) -> None:
    async with opened(Riser, storage=SlowStorage()) as runtime:
        await wake(runtime, Riser)
        await put_away(runtime, Riser)
        SCRIPT.update(on_wake="sleep 1")
        assert await outcomes(runtime, *asks) == expected


class SlowStorage(HeldStorage):
    """Finding an actor takes a second."""

    durable = False

    def __init__(self) -> None:
        super().__init__()
        self.holding = False

    async def _look(self) -> None:
        await trio.sleep(1)
        await super()._look()


async def test_creating_what_exists_names_it() -> None:
    async with opened(Riser) as runtime:
        handle = await runtime.client.create(Riser, "a")
        with pytest.raises(errors.ActionError) as caught:
            await runtime.client.create(Riser, "a")
        assert caught.value.code == "duplicate_key"
        assert caught.value.metadata == {
            "existing_actor_id": await handle.resolve(),
            "key": "a",
        }


async def test_a_store_that_cannot_be_read_fails_those_who_ask_and_nobody_else() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Riser, storage=storage) as runtime:
        actor_id = (await wake(runtime, Riser)).actor_id
        await put_away(runtime, Riser)
        storage.broken = True
        by_id = runtime.client.get_by_id(Riser, actor_id)
        for handle in (runtime.client.get(Riser, "a"), by_id):
            with pytest.raises(errors.ActionError) as caught:
                await handle.call(Riser.get)
            assert caught.value.code == "state_not_loaded"
        link = PlayedLink(runtime)
        link.connect(Riser, "a")
        assert await link.closed() == (1011, "actor.state_not_loaded")
        storage.broken = False
        assert (await by_id.call(Riser.get))[-1] == "woken"


async def test_an_actor_of_another_class_is_not_found() -> None:
    class Other(Riser):
        pass

    async with opened(Riser, Other) as runtime:
        actor_id = (await wake(runtime, Riser)).actor_id
        with pytest.raises(errors.ActionError, match="not_found"):
            await runtime.client.get_by_id(Other, actor_id).call(Riser.get)
        await put_away(runtime, Riser)
        with pytest.raises(errors.ActionError, match="not_found"):
            await runtime.client.get_by_id(Other, actor_id).call(Riser.get)


async def test_an_actor_without_start_hooks_starts_on_the_spot() -> None:
    class Plain(Actor[list[str]]):
        @action
        def get(self) -> list[str]:
            return self.state

    async with opened(Plain) as runtime:
        before = len(runtime.nursery.child_tasks)
        assert await call(runtime, Plain.get) == []
        assert len(runtime.nursery.child_tasks) == before
        assert definition_of(Plain).has_start_hooks is False
        assert recorder_of(runtime).instances["Plain/a"] == [[ActorEvent.START, ActorEvent.READY]]
