"""When an actor sleeps: after so long without anything to do, to the second."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, call, handle, opened, put_away, recorder_of, wake
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.request import Request
from trivet.declare.response import Response
from trivet.declare.web_socket import WebSocket
from trivet.lifecycle.actor import ActorEvent

LOG: list[str] = []


class Sleeper(Actor[list[str]], sleep_after=10.0):
    said = Event[str]()

    async def on_wake(self) -> None:
        LOG.append(f"wake {trio.current_time():g}")

    async def on_sleep(self) -> None:
        LOG.append(f"sleep {trio.current_time():g}")

    @action
    def now(self) -> int:
        self.state.append("now")
        return len(self.state)

    @action
    async def nap(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @action(concurrent=True)
    async def watch(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @action
    def work(self, seconds: float) -> None:
        self.start_soon(trio.sleep, seconds)

    @action
    def drain(self, seconds: float) -> None:
        self.wait_until(trio.sleep, seconds)

    @action
    def hold(self, seconds: float) -> None:
        self.start_soon(self.stay_awake, seconds)

    async def stay_awake(self, seconds: float) -> None:
        async with self.keep_awake():
            await trio.sleep(seconds)

    async def on_websocket(self, socket: WebSocket[None]) -> None:
        async for message in socket:
            assert isinstance(message, str)
            await trio.sleep(float(message))

    async def on_request(self, request: Request) -> Response:
        await trio.sleep(float(request.query))
        return Response(b"done")


class Insomniac(Sleeper, sleep_after=math.inf):
    pass


class Hasty(Sleeper, sleep_after=0.0):
    pass


class Default(Actor[None]):
    async def on_sleep(self) -> None:
        LOG.append(f"sleep {trio.current_time():g}")


class Runner(Sleeper):
    async def run(self) -> None:
        await trio.sleep(25)


@pytest.fixture(autouse=True)
def forget() -> None:
    LOG.clear()


@pytest.mark.parametrize("actor", [Sleeper, Default])
async def test_after_so_many_idle_seconds_it_sleeps(
    actor: type[Actor[Any]], autojump_clock: MockClock
) -> None:
    async with opened(actor) as runtime:
        await wake(runtime, actor)
        await trio.sleep(1000)
        assert awake(runtime, actor) is None
        steps = recorder_of(runtime).instances[f"{actor.__name__}/a"]
        assert steps == [
            [ActorEvent.START, ActorEvent.READY, ActorEvent.SLEEP, ActorEvent.ENDED],
        ]
        assert LOG[-1] == ("sleep 10" if actor is Sleeper else "sleep 30")


async def test_each_call_begins_the_time_anew(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        for _ in range(3):
            await call(runtime, Sleeper.now)
            await trio.sleep(9)
        assert LOG == ["wake 0"]
        await trio.sleep(100)
        assert LOG == ["wake 0", "sleep 28"]
        assert await call(runtime, Sleeper.now) == 4
        assert LOG == ["wake 0", "sleep 28", "wake 127"]


@pytest.mark.parametrize("name", ["nap", "watch", "hold"])
async def test_what_goes_on_keeps_it_awake(name: str, autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(call, runtime, getattr(Sleeper, name), 33.0)
        await trio.sleep(100)
        assert LOG == ["wake 0", "sleep 43"]


@pytest.mark.parametrize(("name", "asleep_at"), [("work", 10), ("drain", 10)])
async def test_tasks_beside_do_not(name: str, asleep_at: int, autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        await call(runtime, getattr(Sleeper, name), 12.0)
        await trio.sleep(100)
        assert ["wake 0", f"sleep {asleep_at}"] == LOG


async def test_run_does_until_it_returns(autojump_clock: MockClock) -> None:
    async with opened(Runner) as runtime:
        await wake(runtime, Runner)
        await trio.sleep(100)
        assert LOG == ["wake 0", "sleep 35"]


async def test_run_that_waits_for_a_queue_does_not(autojump_clock: MockClock) -> None:
    class Waiter(Sleeper):
        async def run(self) -> None:
            await trio.sleep(5)
            with self._trivet_host.instance.background.waiting_for_queue():  # type: ignore[attr-defined]  # pyright: ignore
                await trio.sleep_forever()

    async with opened(Waiter) as runtime:
        await wake(runtime, Waiter)
        await trio.sleep(100)
        assert LOG == ["wake 0", "sleep 15"]


async def test_open_connections_do_not(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        link = PlayedLink(runtime)
        link.connect(Sleeper, "a")
        await link.gets("init")
        await trio.sleep(100)
        assert LOG == ["wake 0", "sleep 10"]
        await link.gets("reply", link.call("now"))
        assert LOG == ["wake 0", "sleep 10", "wake 100"]
        assert link.closing is None


async def test_an_actor_that_never_sleeps(autojump_clock: MockClock) -> None:
    async with opened(Insomniac) as runtime:
        await wake(runtime, Insomniac)
        await trio.sleep(80_000)
        assert awake(runtime, Insomniac)


async def test_an_actor_that_sleeps_at_once(autojump_clock: MockClock) -> None:
    async with opened(Hasty) as runtime:
        assert await handle(runtime, Hasty).call(Hasty.now) == 1
        await trio.sleep(1)
        assert awake(runtime, Hasty) is None
        assert await handle(runtime, Hasty).call(Hasty.now) == 2


async def test_an_idle_sleep_can_be_put_off_for_ever(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime, trio.open_nursery() as nursery:
        instance = await wake(runtime, Sleeper)
        for start in (0, 8, 16):  # one begins before the other has ended
            await trio.sleep(start - trio.current_time())
            nursery.start_soon(instance.actor.stay_awake, 12.0)
            await wait_all_tasks_blocked()
        await trio.sleep(100)
        assert LOG == ["wake 0", "sleep 38"]


async def test_being_put_away_is_sleep(autojump_clock: MockClock) -> None:
    async with opened(Sleeper) as runtime:
        await wake(runtime, Sleeper)
        await put_away(runtime, Sleeper)
        assert LOG == ["wake 0", "sleep 0"]
