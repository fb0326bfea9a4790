"""``can_subscribe``: asked in the order of frames, outside of every turn, and it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, handle, opened, recorder_of, wake
from tests.runtime.scribes import PAUSES, go_on
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.event import Event
from trivet.declare.interfaces import Conn
from trivet.runtime.runtime import Runtime


class Gallery(Actor[list[str], str]):
    public = Event[str]()
    private = Event[str]()
    asked: list[str]

    def __init__(self) -> None:
        self.asked = []

    def can_subscribe(self, event: Event[Any], conn: Conn[str]) -> bool:
        with pytest.raises(errors.NoConnectionError):
            _ = self.conn
        name = "private" if event is Gallery.private else "public"
        self.asked.append(name)
        match self.state[-1:]:
            case ["assign"]:
                self.state = []
            case ["raise"]:
                raise errors.UserError("no", code="busy")
            case ["fail"]:
                raise KeyError("a mistake")
            case ["nonsense"]:
                return 1  # type: ignore[return-value] # pyright: ignore[reportReturnType]
            case _:
                pass
        return name == "public" or conn.state == "ann"

    @action
    def mode(self, name: str) -> None:
        self.state = [name]

    @action
    def become(self, name: str) -> None:
        self.conn.state = name

    @action
    async def hold(self, name: str) -> None:
        await PAUSES[name].wait()

    @action
    def show(self, what: str) -> None:
        self.broadcast(Gallery.public, what)
        self.broadcast(Gallery.private, what)


async def connected(runtime: Runtime) -> PlayedLink:
    link = PlayedLink(runtime)
    link.connect(Gallery, "a")
    await link.gets("init")
    return link


def heard(link: PlayedLink) -> list[Any]:
    return [frame[1] for frame in link.frames if frame[0] == "event"]


async def test_who_may_not_subscribe_is_told_and_closed() -> None:
    async with opened(Gallery) as runtime:
        ann, bob = await connected(runtime), await connected(runtime)
        ann.call("become", "ann")
        for link in (ann, bob):
            link.subscribe("public")
            link.subscribe("private")
        assert await bob.closed() == (1011, "auth.forbidden")
        assert bob.frames[-1] == ("failure", None, "auth.forbidden")
        await call(runtime, Gallery.show, "x")
        assert heard(ann) == ["public", "private"]
        assert heard(bob) == []
        assert recorder_of(runtime).counts["subscription_refused"] == 1


async def test_it_is_asked_at_once_while_a_turn_runs() -> None:
    async with opened(Gallery) as runtime:
        ann = await connected(runtime)
        ann.call("become", "ann")
        PAUSES["hold"] = trio.Event()
        ann.call("hold", "hold")
        await wait_all_tasks_blocked()
        ann.subscribe("private")
        instance = await wake(runtime, Gallery)
        assert instance.actor.asked == ["private"]
        go_on("hold")
        ann.call("show", "x")
        await ann.gets("event", "private")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("assign", "actor.not_in_turn"),
        ("raise", "user.busy: no"),
        ("fail", "(error "),
        ("nonsense", "(error "),
    ],
)
async def test_a_mistake_in_it_is_a_refusal(
    mode: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Gallery) as runtime:
        link = await connected(runtime)
        link.call("mode", mode)
        link.subscribe("public")
        assert await link.closed() == (1011, "auth.forbidden")
        assert link.frames[-1] == ("failure", None, "auth.forbidden")
        instance = await wake(runtime, Gallery)
        assert instance.state.value == [mode]
    (record,) = caplog.records
    assert "can_subscribe" in record.message
    assert said in record.message


@pytest.mark.parametrize("mode", ["raise", "fail", "nonsense"])
async def test_a_client_whom_a_mistake_refuses_stays_away(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(Gallery) as runtime, handle(runtime, Gallery).connect() as conn:
        await conn.call(Gallery.mode, mode)
        with pytest.raises(errors.Forbidden):
            await anext(conn.events(Gallery.public))
        assert conn.status == "closed"


async def test_nobody_is_asked_for_an_event_that_is_not_declared() -> None:
    async with opened(Gallery) as runtime:
        link = await connected(runtime)
        link.subscribe("nothing")
        link.call("show", "x")
        await link.gets("reply")
        assert (await wake(runtime, Gallery)).actor.asked == []
        assert recorder_of(runtime).counts["subscription_unknown"] == 1


async def test_asking_needs_no_save() -> None:
    storage = HeldStorage()
    async with opened(Gallery, storage=storage) as runtime:
        link = await connected(runtime)
        link.subscribe("public")
        link.call("show", "x")
        await link.gets("event", "public")
    assert storage.saves == []


async def test_a_connection_of_this_process_hears_forbidden() -> None:
    async with opened(Gallery) as runtime:
        gallery = handle(runtime, Gallery)
        async with gallery.connect() as conn:
            public, private = conn.events(Gallery.public), conn.events(Gallery.private)
            with pytest.raises(errors.Forbidden):
                await anext(private)
            with pytest.raises(errors.Forbidden):
                await anext(public)
            with pytest.raises(errors.ConnectionClosed) as caught:
                await conn.call(Gallery.show, "x")
            assert isinstance(caught.value.__cause__, errors.Forbidden)
            assert conn.status == "closed"
            with pytest.raises(errors.Forbidden):
                await anext(conn.events(Gallery.public))
