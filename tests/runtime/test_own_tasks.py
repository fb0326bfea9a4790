"""Concurrent actions: beside the turns, with a connection, a time and a bound of their own."""

from __future__ import annotations

import logging
import math

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.desk import COLOUR, NURSERIES, Desk, Host, pause
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, handle, opened, put_away, recorder_of, wake
from tests.runtime.scribes import go_on
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits


class AllBeside(Actor[list[str]], concurrent=True):
    @action
    async def wait(self) -> None:
        await pause("all")

    @action
    def note(self, text: str) -> int:
        self.state.append(text)
        return len(self.state)


async def test_it_runs_beside_a_turn_and_others_like_it(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        for name in ("a", "b"):
            nursery.start_soon(call, runtime, Desk.watch, name)
            await wait_all_tasks_blocked()
        nursery.start_soon(call, runtime, Desk.hold, "turn")
        await wait_all_tasks_blocked()
        go_on("a")
        await wait_all_tasks_blocked()
        await call(runtime, Desk.replace, "replaced")
        go_on("b")
        await wait_all_tasks_blocked()
        go_on("turn")
        assert await call(runtime, Desk.note, "last") == ["replaced", "b ends", "last"]


async def test_a_turn_takes_its_time_while_it_runs() -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Desk.watch, "a")
        await wait_all_tasks_blocked()
        assert await call(runtime, Desk.note, "turn") == ["a begins", "turn"]
        go_on("a")


async def test_they_start_in_the_order_in_which_they_came() -> None:
    async with opened(Desk) as runtime:
        link = PlayedLink(runtime)
        link.connect(Desk, "a")
        await link.gets("init")
        for number in range(20):
            link.call("watch", str(number))
        await wait_all_tasks_blocked()
        assert (await call(runtime, Desk.note, "x"))[:-1] == [f"{n} begins" for n in range(20)]
        for number in range(20):
            go_on(str(number))
        await link.gets("reply", 20)


async def test_a_class_may_say_it_for_all_its_asynchronous_actions() -> None:
    async with opened(AllBeside) as runtime, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(call, runtime, AllBeside.wait)
        await wait_all_tasks_blocked()
        assert await call(runtime, AllBeside.note, "hello") == 1
        assert recorder_of(runtime).counts["reply_dropped"] == 0
        go_on("all")


async def test_each_has_a_context_of_its_own() -> None:
    async with opened(Desk) as runtime:
        assert await call(runtime, Desk.paint, "red") == "none"
        assert await call(runtime, Desk.paint, "green") == "none"
        assert COLOUR.get() == "none"


async def test_it_has_the_connection_that_called() -> None:
    async with opened(Desk) as runtime:
        links = [PlayedLink(runtime) for _ in range(2)]
        for link in links:
            link.connect(Desk, "a")
            await link.gets("init")
        for _ in range(2):
            for link in links:
                link.call("remember", f"link {links.index(link)}")
        for link in links:
            own = f"link {links.index(link)}"
            assert (await link.gets("reply", 2))[2] == [own, own]


async def test_a_stateless_call_has_one_until_it_returns() -> None:
    async with opened(Desk) as runtime:
        assert await call(runtime, Desk.remember, "one") == ["one"]
        instance = await wake(runtime, Desk)
        assert len(instance.conns) == 0
        assert instance.reception.connections == ()


@pytest.mark.parametrize("connected", [False, True])
async def test_it_may_take_a_turn_and_has_its_connection_there(connected: bool) -> None:
    async with opened(Desk) as runtime:
        if connected:
            link = PlayedLink(runtime)
            link.connect(Desk, "a")
            link.call("remember_in_a_turn", "mine")
            assert (await link.gets("reply"))[2] == "connection"
        else:
            assert await call(runtime, Desk.remember_in_a_turn, "mine") == "call"
        assert await call(runtime, Desk.note, "x") == ["mine", "x"]


async def test_what_it_starts_without_a_turn_is_neither_in_it_nor_in_a_turn() -> None:
    async with opened(Desk) as runtime:
        assert await call(runtime, Desk.start_another)


async def test_a_task_that_outlives_it_has_nothing_of_it() -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        NURSERIES.append(nursery)
        await call(runtime, Desk.leave_a_task)
        go_on("late")
    NURSERIES.clear()


async def test_its_time_is_that_of_an_action(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Desk) as runtime:
        with pytest.raises(errors.ActionError, match="action_timed_out"):
            await call(runtime, Desk.watch_briefly)
        assert trio.current_time() == 3
        assert await call(runtime, Desk.note, "next") == ["cut", "next"]
        assert await call(runtime, Desk.deadline) == 63
        with trio.fail_after(20):
            assert await call(runtime, Desk.deadline) == 23
        with pytest.raises(errors.UserError, match="no"):
            await call(runtime, Desk.fail)
    assert caplog.records == []


async def test_a_caller_that_leaves_does_not_cut_it(autojump_clock: MockClock) -> None:
    async with opened(Desk) as runtime:
        with trio.move_on_after(1):
            await call(runtime, Desk.watch, "a")
        go_on("a")
        await wait_all_tasks_blocked()
        assert (await call(runtime, Desk.note, "x"))[:-1] == ["a begins", "a ends"]
        assert recorder_of(runtime).counts["reply_dropped"] == 1


async def test_they_count_against_the_bound_of_the_mailbox(autojump_clock: MockClock) -> None:
    async with opened(Desk, limits=Limits(mailbox=2)) as runtime, trio.open_nursery() as nursery:
        for name in ("a", "b"):
            nursery.start_soon(call, runtime, Desk.watch, name)
            await wait_all_tasks_blocked()
        for refused in (Desk.watch, Desk.look):
            with pytest.raises(errors.ActionError, match="overloaded"):
                await call(runtime, refused, "one too many")
        assert await call(runtime, Desk.note, "a turn") == ["a begins", "b begins", "a turn"]
        go_on("a")
        await wait_all_tasks_blocked()
        go_on("c")
        await call(runtime, Desk.watch, "c")
        go_on("b")


async def test_a_connection_has_only_so_many_of_them() -> None:
    limits = Limits(mailbox_per_connection=2)
    async with opened(Desk, limits=limits) as runtime:
        link = PlayedLink(runtime)
        link.connect(Desk, "a")
        await link.gets("init")
        for name in ("a", "b", "c"):
            link.call("watch", name)
        await wait_all_tasks_blocked()
        assert await call(runtime, Desk.note, "x") == ["a begins", "b begins", "x"]
        go_on("a")
        await wait_all_tasks_blocked()
        assert (await call(runtime, Desk.note, "y"))[-2:] == ["c begins", "y"]
        for name in ("b", "c"):
            go_on(name)
        await link.gets("reply", 3)


async def test_the_hooks_of_a_stateless_call_take_turns_around_it() -> None:
    async with opened(Host) as runtime, trio.open_nursery() as nursery:
        instance, host = await wake(runtime, Host), handle(runtime, Host)
        nursery.start_soon(host.call_by_name, "hold", "turn")
        await wait_all_tasks_blocked()
        nursery.start_soon(host.call_by_name, "watch", "a")
        await wait_all_tasks_blocked()
        assert instance.state.value == ["call connects", "turn holds"]
        go_on("turn")
        await wait_all_tasks_blocked()
        go_on("a")
        await wait_all_tasks_blocked()
        assert instance.state.value[2:] == [
            "call leaves",
            "call connects",
            "a begins",
            "a ends",
            "call leaves",
        ]
        assert instance.reception.connections == ()


async def test_it_does_not_begin_if_its_hook_fails() -> None:
    class Closed(Host):
        async def on_connect(self, conn: Conn[list[str]]) -> None:
            await trio.lowlevel.checkpoint()
            raise errors.UserError("no", code="closed")

    async with opened(Closed) as runtime:
        with pytest.raises(errors.UserError, match="no"):
            await handle(runtime, Closed).call(Closed.watch, "a")
        await wait_all_tasks_blocked()
        instance = await wake(runtime, Closed)
        assert instance.state.value == ["call leaves"]


async def test_a_hook_that_needs_a_turn_of_the_chain_closes_a_circle() -> None:
    class Asker(Actor[None]):
        @action
        async def ask(self) -> None:
            await self.client.get(Circular, "a").call(Host.watch, "a")

    class Circular(Host):
        @action
        async def start(self) -> None:
            await self.client.get_or_create(Asker, "b").call(Asker.ask)

    async with opened(Asker, Circular) as runtime:
        with pytest.raises(errors.CallCycleError):
            await handle(runtime, Circular).call(Circular.start)


async def test_the_end_of_its_actor_waits_for_it_within_the_grace() -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, Desk.watch, "a")
        await wait_all_tasks_blocked()
        nursery.start_soon(put_away, runtime, Desk)
        await wait_all_tasks_blocked()
        go_on("a")
        assert await call(runtime, Desk.note, "x") == ["a begins", "a ends", "x"]


async def test_at_the_end_of_the_grace_it_is_cut(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Desk) as runtime, trio.open_nursery() as nursery:
        replies: list[str] = []

        async def ask() -> None:
            try:
                await call(runtime, Desk.watch, "a")
            except errors.ActionError as error:
                replies.append(error.code)

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        await put_away(runtime, Desk)
        assert trio.current_time() == 15
        assert await call(runtime, Desk.note, "x") == ["a begins", "x"]
        assert replies == ["restarting"]
    assert "was cut at the end of the grace: watch" in caplog.text


async def test_a_crash_cuts_it_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    async with opened(Desk) as runtime:
        link = PlayedLink(runtime)
        link.connect(Desk, "a")
        link.call("watch", "a")
        await wait_all_tasks_blocked()
        instance = await wake(runtime, Desk)
        instance.crash("the test wants it")
        assert (await link.gets("failure"))[2] == "actor.restarting"
        link.call("note", "x")
        await link.gets("reply", 2)


async def test_the_connection_of_another_ends_while_it_runs() -> None:
    async with opened(Desk) as runtime:
        link = PlayedLink(runtime)
        link.connect(Desk, "a")
        link.call("watch", "a")
        await wait_all_tasks_blocked()
        link.vanish()
        go_on("a")
        await wait_all_tasks_blocked()
        assert await call(runtime, Desk.note, "x") == ["a begins", "a ends", "x"]
        assert recorder_of(runtime).counts["reply_dropped"] == 1


async def test_a_call_from_it_closes_no_circle(autojump_clock: MockClock) -> None:
    class Front(Actor):
        @action(concurrent=True)
        async def relay(self) -> str:
            return await self.client.get_or_create(Back, "b").call(Back.ask_back)

        @action
        def hello(self) -> str:
            return "hello"

        @action(concurrent=True)
        async def hello_beside(self) -> str:
            return "hello beside"

        @action(timeout=math.inf)
        async def ask_oneself(self) -> str:
            return await self.client.get(Front, "a").call(Front.hello_beside)

    class Back(Actor):
        @action
        async def ask_back(self) -> str:
            return await self.client.get(Front, "a").call(Front.hello)

    async with opened(Front, Back) as runtime:
        assert await call(runtime, Front.relay) == "hello"
        assert await call(runtime, Front.ask_oneself) == "hello beside"
