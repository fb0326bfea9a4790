"""Callers that go away: what they cut, and what they do not."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, handle, opened, recorder_of, wake
from tests.runtime.scribes import PAUSES, go_on
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.protocol.messages import ActionRequest
from trivet.runtime.call import current_deadline
from trivet.runtime.runtime import Runtime

LOG: list[str] = []


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    LOG.clear()


async def work(name: str) -> None:
    LOG.append(f"{name} begins")
    try:
        await PAUSES.setdefault(name, trio.Event()).wait()
    except trio.Cancelled:
        LOG.append(f"{name} cut")
        raise
    LOG.append(f"{name} ends")


class Shop(Actor):
    @action(cancel_with_caller=True)
    async def serve(self, name: str) -> None:
        await work(name)

    @action(cancel_with_caller=True, concurrent=True)
    async def serve_beside(self, name: str) -> None:
        await work(name)

    @action
    async def keep(self, name: str) -> None:
        await work(name)

    @action(cancel_with_caller=True)
    async def kick_the_caller(self) -> None:
        await self.conn.disconnect("out")
        await work("after the kick")

    @action(cancel_with_caller=True, concurrent=True)
    async def kick_the_caller_beside(self) -> None:
        await self.conn.disconnect("out")
        await work("after the kick")

    @action(cancel_with_caller=True)
    async def order(self, name: str) -> None:
        await self.client.get_or_create(Shop, "supplier").call(Shop.serve, name)

    @action
    async def order_anyway(self, name: str) -> float:
        return await self.client.get_or_create(Shop, "supplier").call(Shop.deadline)

    @action
    async def deadline(self) -> float:
        return current_deadline()

    @action
    def hello(self) -> str:
        return "hello"


async def connected(runtime: Runtime) -> PlayedLink:
    link = PlayedLink(runtime)
    link.connect(Shop, "a")
    await link.gets("init")
    return link


@pytest.mark.parametrize("action", [Shop.serve, Shop.serve_beside])
async def test_a_cancelled_caller_cuts_it(action: Action[Any, ..., Any]) -> None:
    async with opened(Shop) as runtime:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, runtime, action, "work")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await wait_all_tasks_blocked()
        assert LOG == ["work begins", "work cut"]
        assert recorder_of(runtime).counts["reply_dropped"] == 1
        assert await call(runtime, Shop.hello) == "hello"


@pytest.mark.parametrize("action", [Shop.serve, Shop.serve_beside])
async def test_a_deadline_that_passes_cuts_it(
    action: Action[Any, ..., Any], autojump_clock: MockClock
) -> None:
    async with opened(Shop) as runtime:
        with trio.move_on_after(2):
            await call(runtime, action, "work")
        await wait_all_tasks_blocked()
        assert LOG == ["work begins", "work cut"]
        assert trio.current_time() == 2


@pytest.mark.parametrize("name", ["serve", "serve_beside"])
@pytest.mark.parametrize("cause", ["client", "network"])
async def test_a_client_that_leaves_cuts_it(name: str, cause: str) -> None:
    async with opened(Shop) as runtime:
        link, other = await connected(runtime), await connected(runtime)
        link.call(name, "work")
        await wait_all_tasks_blocked()
        other.call("serve_beside", "other work")
        await wait_all_tasks_blocked()
        link.vanish("client" if cause == "client" else "network")
        await wait_all_tasks_blocked()
        assert LOG == ["work begins", "other work begins", "work cut"]
        go_on("other work")
        await other.gets("reply", 1)


async def test_what_waits_of_a_client_that_leaves_does_not_begin() -> None:
    async with opened(Shop) as runtime:
        link = await connected(runtime)
        for name, work_name in (("keep", "one"), ("serve", "two"), ("keep", "three")):
            link.call(name, work_name)
        await wait_all_tasks_blocked()
        link.vanish()
        for work_name in ("one", "two", "three"):
            go_on(work_name)
        await wait_all_tasks_blocked()
        assert LOG == ["one begins", "one ends", "three begins", "three ends"]
        assert recorder_of(runtime).counts["reply_dropped"] == 3
        instance = await wake(runtime, Shop)
        assert instance.mailbox.requests == 0


async def test_a_deadline_over_the_wire_cuts_it(autojump_clock: MockClock) -> None:
    async with opened(Shop) as runtime:
        link = await connected(runtime)
        for index, name in enumerate(["serve", "serve_beside", "keep"]):
            request = ActionRequest(index, name, [name], deadline=2000 + 1000 * index)
            assert link.inbox is not None
            link.inbox.receive(request, 10)
        await wait_all_tasks_blocked()
        await link.gets("failure", 0)
        assert trio.current_time() == 2
        await link.gets("failure", 1)
        assert trio.current_time() == 3
        go_on("keep")
        await link.gets("reply", 2)
        assert [frame[2] for frame in link.frames if frame[0] == "failure"] == [
            "actor.action_timed_out"
        ] * 2


async def test_what_is_too_late_already_does_not_begin(autojump_clock: MockClock) -> None:
    async with opened(Shop) as runtime:
        link = await connected(runtime)
        assert link.inbox is not None
        for index, name in enumerate(["hello", "keep", "serve_beside"]):
            args = [] if name == "hello" else [name]
            link.inbox.receive(ActionRequest(index, name, args, deadline=0), 10)
            assert (await link.gets("failure", index))[2] == "actor.overloaded"
        assert LOG == []
        assert recorder_of(runtime).counts["request_expired"] == 3


@pytest.mark.parametrize("name", ["kick_the_caller", "kick_the_caller_beside"])
async def test_an_action_that_ends_its_own_connection_goes_on(name: str) -> None:
    async with opened(Shop) as runtime:
        link = await connected(runtime)
        link.call(name)
        await link.closed()
        await wait_all_tasks_blocked()
        go_on("after the kick")
        await wait_all_tasks_blocked()
        assert LOG == ["after the kick begins", "after the kick ends"]


async def test_a_cut_call_cuts_what_it_waits_for() -> None:
    async with opened(Shop) as runtime:
        link = await connected(runtime)
        link.call("order", "goods")
        await wait_all_tasks_blocked()
        link.vanish()
        await wait_all_tasks_blocked()
        assert LOG == ["goods begins", "goods cut"]


async def test_a_deadline_passes_on_with_calls(autojump_clock: MockClock) -> None:
    async with opened(Shop) as runtime:
        with trio.fail_after(20):
            assert await call(runtime, Shop.order_anyway, "x") == 20
        assert await call(runtime, Shop.order_anyway, "x") == 60


async def test_a_call_with_a_deadline_waits_for_as_long(autojump_clock: MockClock) -> None:
    async with opened(Shop) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Shop.keep, "one")
        await wait_all_tasks_blocked()
        nursery.start_soon(call, runtime, Shop.keep, "two")
        await wait_all_tasks_blocked()

        async def end_first() -> None:
            for name in ("one", "two"):
                await trio.sleep(50)
                go_on(name)

        nursery.start_soon(end_first)
        with trio.fail_after(200):
            assert await call(runtime, Shop.hello) == "hello"
        assert trio.current_time() == 100


class Guarded(Shop):
    async def on_disconnect(self, conn: Conn[None]) -> None:
        LOG.append(f"{conn.kind} leaves")


async def test_a_short_connection_ends_with_its_call() -> None:
    async with opened(Guarded) as runtime:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(handle(runtime, Guarded).call_by_name, "serve", "work")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await wait_all_tasks_blocked()
        assert LOG == ["work begins", "work cut", "call leaves"]


async def test_what_was_granted_and_has_not_begun_does_not_begin() -> None:
    async with opened(Shop) as runtime:
        await wake(runtime, Shop)
        for served in (Shop.serve, Shop.serve_beside):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(call, runtime, served, "work")
                    nursery.start_soon(cancel, scope)
        await wait_all_tasks_blocked()
        assert LOG.count("work begins") == LOG.count("work cut")


async def cancel(scope: trio.CancelScope) -> None:
    scope.cancel()
