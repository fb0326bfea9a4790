"""Links on their way in: lost, refused, flooded, and held up by a store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.runtime.links import PlayedLink
from tests.runtime.rooms import LOG, SCRIPT, Quiet, Room, entered, knock, standing, texts
from tests.runtime.runtimes import awake, opened, put_away, recorder_of, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.actor import Actor
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.declare.request import current_request


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    LOG.clear()
    yield
    SCRIPT.clear()


# Opening


@pytest.mark.parametrize("awake_before", [False, True])
async def test_a_client_that_leaves_at_once_leaves_no_trace(awake_before: bool) -> None:
    async with opened(Room) as runtime:
        if awake_before:
            await wake(runtime, Room)
        link = knock(runtime)
        link.vanish()
        await wait_all_tasks_blocked()
        assert standing(runtime) == 0
        assert "before" not in LOG


async def test_a_client_that_leaves_before_its_opening_has_begun_leaves_no_trace() -> None:
    async with opened(Room) as runtime:
        instance = await wake(runtime, Room)
        link = knock(runtime)
        assert link.inbox is not None
        link.inbox.connection = instance.reception.admit(link.inbox)
        link.vanish()
        await wait_all_tasks_blocked()
        assert standing(runtime) == 0
        assert "before" not in LOG


async def test_an_opening_that_meets_a_stop_begins_anew() -> None:
    async with opened(Room) as runtime:
        instance = await wake(runtime, Room)
        link = knock(runtime)
        await trio.lowlevel.checkpoint()  # somewhere on its way
        await put_away(runtime, Room)
        await link.gets("reply", link.call("say", "hello"))
        assert awake(runtime, Room) is not instance
        assert standing(runtime) == 2
        assert [frame[0] for frame in link.frames] == ["init", "reply"]


@pytest.mark.parametrize("stage", ["before", "on_connect"])
async def test_a_stop_in_the_middle_of_an_opening_begins_it_anew(
    stage: str, autojump_clock: MockClock
) -> None:
    async with opened(Room) as runtime:
        await wake(runtime, Room)
        SCRIPT[stage] = "sleep 3"
        link = knock(runtime)
        early = link.call("say", "hello")
        await trio.sleep(1)
        await put_away(runtime, Room)
        assert await link.gets("reply", early) == ("reply", early, 1 if stage == "before" else 2)
        assert trio.current_time() == 4
        assert [frame[0] for frame in link.frames] == ["init", "reply"]
        assert LOG.count("on_disconnect stop") == (stage == "on_connect")


async def test_a_client_may_leave_while_its_opening_begins_anew(
    autojump_clock: MockClock,
) -> None:
    async with opened(Room) as runtime, trio.open_nursery() as nursery:
        await wake(runtime, Room)
        SCRIPT["on_connect"] = SCRIPT["on_disconnect"] = "sleep 3"
        link = knock(runtime)
        await trio.sleep(1)
        nursery.start_soon(put_away, runtime, Room)
        await trio.sleep(1)
        link.vanish()
        await trio.sleep(10)
        assert LOG.count("on_disconnect stop") == 1
        assert standing(runtime) == 0


async def test_messages_wait_for_the_opening_in_their_order(autojump_clock: MockClock) -> None:
    async with opened(Room) as runtime:
        SCRIPT["on_connect"] = "sleep 1"
        link = knock(runtime)
        first = link.call("say", "nobody hears")
        link.subscribe("said")
        second = link.call("say", "I hear")
        await link.gets("reply", second)
        assert [frame[0] for frame in link.frames] == ["init", "reply", "event", "reply"]
        assert link.frames[1][1] == first


async def test_an_opening_that_takes_too_long_ends_invisible(autojump_clock: MockClock) -> None:
    limits = Limits(opening_time=3)
    async with opened(Room, limits=limits) as runtime:
        SCRIPT["before"] = "sleep 4"
        link = PlayedLink(runtime, manner="silent")
        link.connect(Room, "a")
        await trio.sleep(10)
        assert link.closing == (1011, "actor.starting")
        assert "on_connect" not in LOG
        assert standing(runtime) == 0
        link.vanish()


async def test_an_actor_that_cannot_start_refuses() -> None:
    async with opened(Room) as runtime:
        SCRIPT["on_wake"] = "fail"
        link = knock(runtime)
        assert await link.closed() == (1011, "user.on_wake")


# Bounds


async def test_a_flood_is_dropped_and_its_cause_is_known(autojump_clock: MockClock) -> None:
    async with opened(Room) as runtime:
        link = await entered(runtime)
        link.manner = "silent"
        link.call("nap", 3.0)
        for _ in range(5000):
            link.call("say", "x")
        assert link.inbox is not None
        assert len(link.inbox) <= 1024
        assert recorder_of(runtime).counts["connection_flooding"] == 1
        assert link.closing == (1008, "connection.flooding")
        link.vanish("flooding")
        await trio.sleep(10)
        assert LOG[-1] == "on_disconnect flooding"
        assert (await texts(runtime)).count("x") == 63  # what was queued already


async def test_a_flood_of_bytes_is_one_too() -> None:
    async with opened(Room, limits=Limits(inbox_bytes=1000)) as runtime:
        link = await entered(runtime)
        await put_away(runtime, Room)
        for _ in range(101):
            link.call("say", "0123456789")
        assert link.closing == (1008, "connection.flooding")
        await wait_all_tasks_blocked()
        assert LOG[-1] == "on_disconnect flooding"


async def test_dropped_calls_make_room_for_the_next_of_their_link(
    autojump_clock: MockClock,
) -> None:
    async with opened(Room, limits=Limits(mailbox_wait=10)) as runtime:
        link = await entered(runtime)
        slow = link.call("nap", 30.0)
        dropped = [link.call("say", "never") for _ in range(63)]
        waiting = [link.call("say", "later") for _ in range(30)]
        await link.gets("reply", slow)
        for each in dropped:
            assert ("failure", each, "actor.overloaded") in link.frames
        more = [link.call("say", "more") for _ in range(100)]
        await link.gets("reply", more[-1])
        assert link.inbox is not None
        assert len(link.inbox) == 0
        served = await texts(runtime)
        assert served == ["later"] * served.count("later") + ["more"] * 100
        assert len(waiting) == served.count("later") + sum(
            ("failure", each, "actor.overloaded") in link.frames for each in waiting
        )


# A store that takes its time, and fails


async def test_init_waits_for_the_save_of_the_opening() -> None:
    storage = HeldStorage()
    async with opened(Room, Quiet, storage=storage) as runtime:
        await entered(runtime, Quiet)
        assert storage.saves == []  # nothing was changed, and no hook is owed
        link = knock(runtime)
        await wait_all_tasks_blocked()
        assert link.frames == []
        (save,) = storage.saves
        assert save.data is None
        assert len(save.segment.connections) == 1
        save.succeed()
        await link.gets("init")
        storage.holding = False


async def test_a_client_that_never_got_init_is_let_in_anew_after_a_failed_save() -> None:
    storage = HeldStorage()
    async with opened(Room, storage=storage) as runtime:
        link = knock(runtime)
        await wait_all_tasks_blocked()
        assert (link.frames, LOG) == ([], ["on_wake", "before", "on_connect"])
        storage.saves[-1].fail()
        storage.holding = False
        await link.gets("init")
        # The first opening was never stored: nobody may see its end.
        assert LOG[3:] == ["on_wake", "before", "on_connect"]
        assert await texts(runtime) == []


async def test_whoever_is_let_in_anew_shows_the_same_params() -> None:
    class Door(Actor[list[str], str, str], call_hooks=False):
        async def create_conn_state(self, params: str) -> str:
            SEEN.append((params, current_request().path))
            return params

        async def on_connect(self, conn: Conn[str]) -> None:
            self.state.append(conn.state)

    storage = HeldStorage()
    async with opened(Door, storage=storage) as runtime:
        link = PlayedLink(runtime)
        link.connect(Door, "a", params="token")
        await wait_all_tasks_blocked()
        assert link.frames == []
        storage.saves[-1].fail()
        await wait_all_tasks_blocked()
        storage.saves[-1].succeed()
        await link.gets("init")
        assert SEEN == [("token", "/")] * 2
        assert link.inbox is not None
        assert link.inbox.params is None  # and is not kept any longer
        storage.holding = False


SEEN: list[tuple[str, str]] = []


async def test_a_link_that_was_to_be_closed_behind_a_save_is_closed_if_that_fails() -> None:
    storage = HeldStorage()
    storage.holding = False
    async with opened(Room, storage=storage) as runtime:
        link = await entered(runtime)
        storage.holding = True
        instance = awake(runtime, Room)
        assert instance is not None
        instance.state.touched = True
        instance.state.value.append("lost")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(next(iter(instance.conns.values())).disconnect, "out")
            await wait_all_tasks_blocked()
            before = link.closing
            storage.saves[-1].fail()
        assert (before, link.closing) == (None, (1000, "out"))
        storage.holding = False
        await wake(runtime, Room)
        assert "on_disconnect crash" in LOG  # in the next instance, which can store what it does
