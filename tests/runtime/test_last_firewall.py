"""What gets past every other firewall: a failing task crashes its actor, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, opened, wake
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.runtime.worker import Worker

LEFT: list[str] = []


class Panic(BaseException):
    """What an extension module raises past ``except Exception``."""


class Frail(Actor[list[str]]):
    async def on_disconnect(self, conn: Conn[None]) -> None:
        LEFT.append(conn.kind)

    @action
    def note(self, word: str) -> list[str]:
        self.state.append(word)
        return self.state

    @action
    async def nap(self) -> None:
        self.state.append("nap")
        await trio.sleep_forever()

    @action
    def fail(self, how: str) -> None:
        raise WAYS[how]()

    @action
    async def fail_later(self, how: str) -> None:
        await trio.lowlevel.checkpoint()
        raise WAYS[how]()


WAYS: dict[str, Callable[[], BaseException]] = {
    "panic": lambda: Panic("oh"),
    "asyncio": lambda: asyncio.CancelledError(),
    "group": lambda: BaseExceptionGroup("", [ValueError("no"), Panic("oh")]),
}


async def broken() -> None:
    raise ValueError("a mistake of ours")


async def broken_group() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(broken)


@pytest.mark.parametrize("child", [broken, broken_group])
async def test_a_failing_child_ends_its_instance_and_no_other(
    child: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    LEFT.clear()
    async with opened(Frail) as runtime, trio.open_nursery() as nursery:
        link = PlayedLink(runtime)
        link.connect(Frail, "a")
        await link.gets("init")
        instance, other = await wake(runtime, Frail), await wake(runtime, Frail, "b")
        heard: list[str] = []

        async def ask(word: str) -> None:
            try:
                await (call(runtime, Frail.note, word) if word else call(runtime, Frail.nap))
                heard.append("answer")
            except errors.ActionError as error:
                heard.append(error.code)

        nursery.start_soon(ask, "")
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, "waited")
        link.call("note", "linked")
        await wait_all_tasks_blocked()
        instance.nursery.start_soon(child)
        await link.gets("reply", 1)
        await wait_all_tasks_blocked()
        assert sorted(heard) == ["answer", "restarting"]
        assert "a mistake of ours" in caplog.text
        assert runtime.counters["actor_crashed"] == 1
        assert awake(runtime, Frail, "b") is other
        assert awake(runtime, Frail) is not instance
        assert not link.gone
        assert "connection" not in LEFT


async def test_the_call_that_a_broken_worker_was_granted_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_call = Worker._run_call  # pyright: ignore[reportPrivateUsage]
    broke: list[str] = []

    async def breaks(self: Worker, given: Any) -> None:
        await run_call(self, given)
        if not broke:
            broke.append("once")
            raise ValueError("a mistake of ours")

    monkeypatch.setattr(Worker, "_run_call", breaks)
    async with opened(Frail) as runtime, trio.open_nursery() as nursery:
        codes: list[str] = []

        async def ask(how: str) -> None:
            with pytest.raises(errors.ActionError) as caught:
                await call(runtime, Frail.fail_later, how)
            codes.append(caught.value.code)

        for _ in range(2):
            nursery.start_soon(ask, "panic")
        with trio.fail_after(5):
            while len(codes) < 2:
                await trio.testing.wait_all_tasks_blocked()
        assert broke == ["once"]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("action", [Frail.fail, Frail.fail_later])
async def test_what_is_no_exception_fails_a_call_like_one(
    how: str, action: Action[Any, ..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Frail) as runtime:
        instance = await wake(runtime, Frail)
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, action, how)
        assert caught.value.code == "internal_error"
        assert WAYS[how]().__class__.__name__ in caplog.text
        assert await call(runtime, Frail.note, "x") == ["x"]
        assert awake(runtime, Frail) is instance


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("action", [Frail.fail, Frail.fail_later])
async def test_an_interrupt_stops_the_runtime_gracefully(
    interrupt: type[BaseException], action: Action[Any, ..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    LEFT.clear()
    raised = interrupt(3)
    monkeypatch.setitem(WAYS, "interrupt", lambda: raised)
    codes: list[str] = []
    links: list[PlayedLink] = []

    async def interrupt_it() -> None:
        async with opened(Frail) as runtime:
            links.append(PlayedLink(runtime))
            links[0].connect(Frail, "b")
            await links[0].gets("init")
            try:
                with trio.CancelScope(shield=True):
                    await call(runtime, action, "interrupt")
            except errors.ActionError as error:
                codes.append(error.code)
            await trio.sleep_forever()

    with pytest.raises(interrupt) as caught:
        await interrupt_it()
    assert caught.value is raised
    assert codes == ["internal_error"]
    assert links[0].closing == (1012, "")
    assert LEFT.count("connection") == 1
