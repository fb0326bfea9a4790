"""Links that outlive their instances: parked, restored, lost meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.rooms import LOG, SCRIPT, Quiet, Room, entered, knock, standing, texts
from tests.runtime.runtimes import opened, put_away, recorder_of, wake
from trivet.declare.options import Limits
from trivet.lifecycle.connection import ConnectionEvent


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    LOG.clear()
    yield
    SCRIPT.clear()


@pytest.mark.parametrize("actor", [Room, Quiet])
async def test_a_parked_connection_comes_back_as_it_was(actor: type[Quiet]) -> None:
    async with opened(Room, Quiet) as runtime:
        link = await entered(runtime, actor)
        link.subscribe("said")
        await link.gets("reply", link.call("remember", "one"))
        for _ in range(3):
            await put_away(runtime, actor)
        reply = link.call("remember", "two")
        assert await link.gets("reply", reply) == ("reply", reply, ["one", "two"])
        link.call("say", "hello")
        await link.gets("event", "said", "hello")
        assert LOG.count("on_connect") == 1
        assert [frame[0] for frame in link.frames].count("init") == 1


async def test_messages_of_a_parked_link_keep_their_order() -> None:
    async with opened(Room) as runtime:
        link = await entered(runtime)
        await put_away(runtime, Room)
        calls = [link.call("say", str(index)) for index in range(200)]
        await link.gets("reply", calls[-1])
        assert [frame[1:] for frame in link.frames[1:]] == [(i + 1, i + 1) for i in range(200)]
        assert LOG.count("on_wake") == 2


async def test_a_parked_link_that_is_lost_without_a_hook_is_forgotten() -> None:
    async with opened(Quiet) as runtime:
        link = await entered(runtime, Quiet)
        await put_away(runtime, Quiet)
        link.vanish()
        await wait_all_tasks_blocked()
        assert not runtime.directory.parked_links
        assert LOG.count("on_wake") == 1
        assert recorder_of(runtime).steps(ConnectionEvent.LEFT) == 1


@pytest.mark.parametrize("awake_again", [False, True])
async def test_whoever_holds_a_parked_connection_can_still_end_it(awake_again: bool) -> None:
    async with opened(Room) as runtime:
        link = await entered(runtime)
        conn = next(iter((await wake(runtime, Room)).conns.values()))
        await put_away(runtime, Room)
        if awake_again:
            await wake(runtime, Room)
        await conn.disconnect("out", reconnect=False)
        assert link.closing == (4001, "out")
        assert link.gone
        await wait_all_tasks_blocked()
        assert LOG.count("on_disconnect kick") == 1


@pytest.mark.parametrize("seconds", [0, 1, 3])
async def test_a_link_that_is_lost_while_its_actor_wakes_gets_its_hook_once(
    seconds: int, autojump_clock: MockClock
) -> None:
    async with opened(Room) as runtime:
        link = await entered(runtime)
        await put_away(runtime, Room)
        SCRIPT["on_wake"] = "sleep 3"
        link.call("say", "hello")
        await trio.sleep(seconds)
        link.vanish()
        await trio.sleep(10)
        assert LOG.count("on_disconnect network") == 1
        assert standing(runtime) == 0


@pytest.mark.parametrize("lost", [None, 0, 1, 3])
async def test_a_failed_wake_keeps_the_hook_for_the_next(
    lost: int | None, autojump_clock: MockClock
) -> None:
    limits = Limits(wake_time=2)
    async with opened(Room, limits=limits) as runtime:
        link = await entered(runtime)
        await put_away(runtime, Room)
        SCRIPT["on_wake"] = "sleep 10"
        link.call("say", "hello")
        if lost is not None:
            await trio.sleep(lost)
            link.vanish()
        await trio.sleep(30)
        assert LOG.count("on_wake") < 10  # it is not tried over and over
        assert LOG[-1] == "on_wake"
        SCRIPT.clear()
        await trio.sleep(30)  # it comes back by itself
        assert [line for line in LOG if line.startswith("on_disconnect")] == [
            "on_disconnect crash" if lost is None else "on_disconnect network"
        ]
        assert standing(runtime) == 0


async def test_a_wake_that_fails_for_another_does_not_hurt_an_idle_link() -> None:
    async with opened(Room) as runtime:
        link = await entered(runtime)
        await put_away(runtime, Room)
        SCRIPT["on_wake"] = "fail"
        with pytest.raises(errors.UserError):
            await texts(runtime)
        SCRIPT.clear()
        await link.gets("reply", link.call("say", "still here"))
        assert link.closing is None


@pytest.mark.parametrize("actor", [Room, Quiet])
async def test_the_end_of_the_runtime_reaches_parked_links(actor: type[Quiet]) -> None:
    async with opened(Room, Quiet) as runtime:
        links = [await entered(runtime, actor, key) for key in "aab"]
        for key in "ab":
            await put_away(runtime, actor, key)
    assert {link.closing for link in links} == {(1012, "")}
    assert LOG.count("on_disconnect stop") == (3 if actor is Room else 0)


async def test_the_end_of_the_runtime_does_not_wait_for_an_actor_that_cannot_wake(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened(Room) as runtime:
        link = await entered(runtime)
        await put_away(runtime, Room)
        SCRIPT["on_wake"] = "fail"
    assert link.closing == (1012, "")


async def test_an_opening_is_not_repeated_at_the_end_of_the_runtime(
    autojump_clock: MockClock,
) -> None:
    async with opened(Room) as runtime:
        SCRIPT["on_connect"] = "sleep 4"
        link = knock(runtime)
        await trio.sleep(1)
    assert link.closing == (1011, "actor.stopping")
    assert LOG == ["on_wake", "before", "on_connect", "on_disconnect stop"]


async def test_whoever_is_kicked_while_his_opening_moves_to_the_next_instance_is_out(
    autojump_clock: MockClock,
) -> None:
    """His link outlives the instance that he was visible in: it is the link that has to close."""
    async with opened(Room) as runtime:
        SCRIPT["on_connect"] = SCRIPT["on_disconnect"] = "sleep 3"
        link = knock(runtime)
        await wait_all_tasks_blocked()
        (conn,) = (await wake(runtime, Room)).conns.all()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(put_away, runtime, Room)
            await wait_all_tasks_blocked()
            assert not link.gone
            await conn.disconnect("out", reconnect=False)
        assert link.closing == (4001, "out")
        assert not link.aborted
