"""Links that outlive instances: parked, restored, reopened, flooded, lost at any moment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import awake, handle, opened, put_away, recorder_of, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.declare.options import Limits
from trivet.lifecycle.connection import ConnectionEvent
from trivet.runtime.runtime import Runtime

LOG: list[str] = []
SCRIPT: dict[str, str] = {}


async def play(hook: str) -> None:
    match SCRIPT.get(hook, "").split():
        case ["fail"]:
            raise errors.UserError("no", code=hook)
        case ["sleep", seconds]:
            await trio.sleep(float(seconds))


class Quiet(Actor[list[str], list[str]], call_hooks=False):
    """Runs no hook when a client leaves."""

    said = Event[str]()

    async def on_wake(self) -> None:
        LOG.append("on_wake")
        await play("on_wake")

    async def on_before_connect(self, params: None) -> None:
        LOG.append("before")
        await play("before")

    async def on_connect(self, conn: Conn[list[str]]) -> None:
        LOG.append("on_connect")
        await play("on_connect")

    @action
    def say(self, text: str) -> int:
        self.state.append(text)
        self.broadcast(Quiet.said, text)
        return len(self.state)

    @action
    def remember(self, text: str) -> list[str]:
        self.conn.state.append(text)
        return self.conn.state

    @action
    async def nap(self, seconds: float) -> str:
        await trio.sleep(seconds)
        return "napped"

    @action
    def get(self) -> list[str]:
        return self.state


class Room(Quiet, call_hooks=False):
    async def on_disconnect(self, conn: Conn[list[str]]) -> None:
        assert conn.id not in self.conns
        LOG.append(f"on_disconnect {conn.close_cause}")
        self.state.append("somebody left")
        await play("on_disconnect")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    LOG.clear()
    yield
    SCRIPT.clear()


def knock(runtime: Runtime, actor: type[Quiet] = Room, key: str = "a") -> PlayedLink:
    link = PlayedLink(runtime)
    link.connect(actor, key)
    return link


async def entered(runtime: Runtime, actor: type[Quiet] = Room, key: str = "a") -> PlayedLink:
    link = knock(runtime, actor, key)
    await link.gets("init")
    return link


def standing(runtime: Runtime, actor: type[Quiet] = Room) -> int:
    """How many connections the actor's instance keeps, visible or not."""
    instance = awake(runtime, actor)
    return 0 if instance is None else len(instance.reception.connections) + len(instance.conns)


async def texts(runtime: Runtime) -> list[str]:
    said: list[str] = await handle(runtime, Room).call(Quiet.get)
    return said


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
        await link.gets("init")
        assert awake(runtime, Room) is not instance
        assert standing(runtime) == 2
        assert [frame[0] for frame in link.frames] == ["init"]


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


# Parked


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
        assert LOG.count("on_wake") < 6  # it is not tried for ever
        assert LOG[-1] == "on_wake"
        SCRIPT.clear()
        await wake(runtime, Room)
        await trio.sleep(1)
        assert [line for line in LOG if line.startswith("on_disconnect")] == [
            "on_disconnect network" if lost in {0, 1} else "on_disconnect server"
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
    assert link.closing == (1012, "")
    assert LOG == ["on_wake", "before", "on_connect", "on_disconnect stop"]


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


async def test_init_waits_for_the_save_of_on_connect() -> None:
    storage = HeldStorage()
    async with opened(Room, storage=storage) as runtime:
        instance = await wake(runtime, Room)
        link = knock(runtime)
        await wait_all_tasks_blocked()
        assert [frame[0] for frame in link.frames] == ["init"]  # nothing was changed
        instance.state.touched = True
        instance.state.value.append("changed")
        second = knock(runtime)
        await wait_all_tasks_blocked()
        assert second.frames == []
        storage.saves[-1].succeed()
        await second.gets("init")
        storage.holding = False


async def test_a_client_that_never_got_init_is_let_in_anew_after_a_failed_save() -> None:
    storage = HeldStorage()
    async with opened(Room, storage=storage) as runtime:
        instance = await wake(runtime, Room)
        instance.state.touched = True
        instance.state.value.append("lost")
        link = knock(runtime)
        await wait_all_tasks_blocked()
        assert (link.frames, LOG) == ([], ["on_wake", "before", "on_connect"])
        storage.saves[-1].fail()
        await wait_all_tasks_blocked()
        storage.holding = False
        await link.gets("init")
        assert LOG[3:] == ["on_disconnect crash", "on_wake", "before", "on_connect"]
        assert await texts(runtime) == []


async def test_a_link_that_was_to_be_closed_behind_a_save_is_closed_if_that_fails() -> None:
    storage = HeldStorage()
    async with opened(Room, storage=storage) as runtime:
        link = await entered(runtime)
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
        assert "on_disconnect kick" in LOG
        storage.holding = False
