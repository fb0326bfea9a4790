"""A store that hangs for ever: the stop ends with its grace all the same, and says what is lost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import PlayedLink
from tests.runtime.runtimes import call, opened
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.handle import Address
from trivet.declare.interfaces import Conn
from trivet.declare.registry import definition_of
from trivet.declare.values import plain_of
from trivet.ports.errors import NotStored
from trivet.ports.records import ActorRecord, Segment, Write
from trivet.ports.storage import Committed
from trivet.runtime.runtime import Runtime
from trivet.runtime.stop_deadline import LEAVING

GRACE = 15.0


class HangingStorage(HeldStorage):
    """Answers nobody any more once it hangs.

    Attributes:
        hangs: What hangs: ``commit``, ``read``, ``create``, ``leave``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.holding = False
        self.hangs: set[str] = set()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        async with super().open():
            try:
                yield
            finally:
                if "leave" in self.hangs:
                    await trio.sleep_forever()  # noqa: ASYNC102  # it is this that is tested

    async def create(
        self, record: ActorRecord, durability: object, writes: Sequence[Write] = ()
    ) -> None:
        if "create" in self.hangs:
            await trio.sleep_forever()
        await super().create(record, "power", writes)

    async def _look(self) -> None:
        if "read" in self.hangs:
            await trio.sleep_forever()
        await super()._look()

    def commit(self, segment: Segment, done: Committed) -> None:
        if "commit" not in self.hangs:
            super().commit(segment, done)


class Notes(Actor[list[str]], call_hooks=False):
    async def on_wake(self) -> None:
        if self.key == ("wakes",):
            self.state.append("awake")

    async def on_disconnect(self, conn: Conn) -> None:
        self.state.append("left")

    @action
    def note(self, text: str) -> None:
        self.state.append(text)

    @action
    async def save_it(self) -> None:
        self.state.append("saved")
        await self.save()


Ask = Callable[[Runtime], Awaitable[object]]


async def note(runtime: Runtime) -> None:
    await call(runtime, Notes.note, "one")


async def note_elsewhere(runtime: Runtime) -> None:
    await call(runtime, Notes.note, "one", key="b")


async def wake_it(runtime: Runtime) -> None:
    await call(runtime, Notes.note, "one", key="wakes")


async def save(runtime: Runtime) -> None:
    await call(runtime, Notes.save_it)


async def ask_by_id(runtime: Runtime) -> None:
    await runtime.directory.awake(definition_of(Notes), Address(actor_id="somebody"))


@pytest.mark.parametrize(
    ("hangs", "asks", "code", "lost"),
    [
        ("commit", [note], "restarting", True),
        ("commit", [save], "restarting", True),
        # The second call stands behind a turn, and the next instance would serve it.
        ("commit", [save, note], "restarting", True),
        ("commit read create", [save, note], "restarting", True),
        ("commit", [wake_it], "restarting", False),
        ("create", [note_elsewhere], "restarting", False),
        ("read", [note_elsewhere], "restarting", False),
        ("read", [ask_by_id], "state_not_loaded", False),
    ],
)
@pytest.mark.parametrize("leaving", ["", "leave"])
async def test_the_stop_ends_with_its_grace(
    hangs: str,
    asks: list[Ask],
    code: str,
    lost: bool,
    leaving: str,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    storage = HangingStorage()
    heard: list[str] = []

    async def hears(ask: Ask, runtime: Runtime) -> None:
        try:
            await ask(runtime)
        except errors.ActionError as error:
            heard.append(error.code)

    async def run() -> None:
        async with opened(Notes, storage=storage) as runtime:
            await note(runtime)
            storage.hangs = {*hangs.split(), leaving}
            for ask in asks:
                callers.start_soon(hears, ask, runtime)
                await wait_all_tasks_blocked()

    async with trio.open_nursery() as callers:
        if lost or leaving:
            with pytest.raises(NotStored):
                await run()
        else:
            await run()
        ended = trio.current_time()
    assert heard == [code] * len(asks)
    # A turn that waits for the store itself takes the whole grace, and the rest comes after it.
    most = GRACE + 2 * LEAVING if save in asks else GRACE
    assert ended <= most
    assert trio.current_time() <= most
    assert ("did not take its last save" in caplog.text) == lost
    assert ("the store did not close" in caplog.text) == bool(leaving)


async def test_connections_are_told_within_the_grace(autojump_clock: MockClock) -> None:
    storage = HangingStorage()
    links: list[PlayedLink] = []

    async def run() -> None:
        async with opened(Notes, storage=storage) as runtime:
            link = PlayedLink(runtime)
            links.append(link)
            link.connect(Notes, "a")
            await link.gets("init")
            storage.hangs = {"commit", "read", "create", "leave"}

    with pytest.raises(NotStored):
        await run()
    assert await links[0].closed() == (1012, "")
    assert trio.current_time() <= GRACE


async def test_cancelling_it_says_what_is_lost(autojump_clock: MockClock) -> None:
    storage = HangingStorage()

    async def run() -> None:
        with trio.CancelScope() as scope:
            async with opened(Notes, storage=storage) as runtime:
                await note(runtime)
                storage.hangs = {"commit", "leave"}
                scope.cancel()
                await trio.lowlevel.checkpoint()

    with pytest.raises(NotStored):
        await run()
    assert trio.current_time() <= GRACE


async def test_a_store_that_answers_again_in_time_loses_nothing(autojump_clock: MockClock) -> None:
    storage = HeldStorage()
    async with trio.open_nursery() as nursery:

        async def answer_late() -> None:
            await trio.sleep(GRACE - 2 * LEAVING)
            await storage.store()

        async with opened(Notes, storage=storage) as runtime:
            nursery.start_soon(note, runtime)
            await wait_all_tasks_blocked()
            nursery.start_soon(answer_late)
    record = await storage.find("Notes", ("a",))
    assert record is not None
    assert record.state is not None
    assert plain_of(record.state) == ["one"]
