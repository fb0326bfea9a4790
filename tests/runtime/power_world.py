"""A small world whose power may be cut at any step, and what must be true of it ever after.

What actors do is written down three times: in their state, in rows, which always agree with it, and
in ``HISTORY``, which no cut reaches.
Whatever anybody outside is told is the state as it was then, so it has to be there for ever.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.links import Frame, PlayedLink
from tests.runtime.runtimes import awake, instance_of, killed, opened, put_away, wake
from tests.runtime.stores import HeldStorage
from trivet.declare.action import Action, action
from trivet.declare.actor import Actor
from trivet.declare.event import Event, Overflow
from trivet.declare.interfaces import Conn
from trivet.ports.records import ActorRecord
from trivet.runtime.runtime import Runtime

KEYS = "ab"
T = TypeVar("T")


@attrs.define
class Truth:
    """What has happened, by the keys of actors.

    Attributes:
        history: What the running instance has written, from the state that it began with.
        told: The longest state that anybody was told.
        greeted: The connections whose clients have heard Init.
        cut: The turns that were cut, and so may be there by halves.
    """

    history: dict[str, list[str]] = attrs.field(factory=lambda: {key: [] for key in KEYS})
    told: dict[str, list[str]] = attrs.field(factory=lambda: {key: [] for key in KEYS})
    greeted: dict[str, set[str]] = attrs.field(factory=lambda: {key: set() for key in KEYS})
    cut: set[str] = attrs.Factory(set[str])

    def become(self, other: Truth) -> None:
        self.history, self.told = other.history, other.told
        self.greeted, self.cut = other.greeted, other.cut

    def tell(self, key: str, state: list[str]) -> None:
        if len(state) > len(self.told[key]):
            self.told[key] = list(state)
        assert self.told[key][: len(state)] == state

    def loaded(self, key: str, state: list[str]) -> None:
        """Take note of what an instance begins with: a state that was, and all that was told."""
        assert self.history[key][: len(state)] == state, "no prefix of what its turns did"
        told = self.told[key]
        assert state[: len(told)] == told, "something that was told is gone"
        for mark in state:
            kind, number, half = mark.split()
            if half == "1of2" and f"{kind}{number}" not in self.cut:
                assert f"{kind} {number} 2of2" in state, "half a turn"
        self.history[key] = list(state)


TRUTH = Truth()
PROBLEMS: list[AssertionError] = []


class Book(Actor[list[str], str, str], call_hooks=False):
    said = Event[list[str]]()

    def __init__(self) -> None:
        self.has_looked = False

    def look(self) -> None:
        if not self.has_looked:
            self.has_looked = True
            try:
                TRUTH.loaded(self.key[0], self.state)
            except AssertionError as error:
                PROBLEMS.append(error)

    def write(self, mark: str) -> None:
        self.state.append(mark)
        instance_of(self).rows.put("kv", b"%06d" % len(self.state), mark.encode())
        TRUTH.history[self.key[0]].append(mark)

    def say(self) -> None:
        self.broadcast(Book.said, self.state)

    async def on_wake(self) -> None:
        self.look()
        rows = [value.decode() for _, value in await self.kv.list()]
        if rows != self.state:
            PROBLEMS.append(AssertionError(f"its rows are {rows}, its state is {self.state}"))

    async def create_conn_state(self, params: str) -> str:
        return params

    async def on_connect(self, conn: Conn[str]) -> None:
        await self.play(f"came {conn.id}", conn.state.split("/")[0])

    async def on_disconnect(self, conn: Conn[str]) -> None:
        self.look()
        await self.play(f"left {conn.id}", conn.state.split("/")[1])

    async def play(self, mark: str, manner: str) -> None:
        """Write one mark, in the middle of whatever the manner says."""
        match manner:
            case "late":
                await trio.sleep(1)
            case "saves before":
                await self.save()
                await trio.sleep(1)
            case "calls before":
                await self.call_the_other()
            case _:
                pass
        self.write(f"{mark} once")
        match manner:
            case "early":
                await trio.sleep(1)
            case "loud":
                self.say()
                await trio.sleep(1)
            case "saves after":
                await self.save()
                await trio.sleep(1)
            case "calls after":
                await self.call_the_other()
            case _:
                pass

    async def call_the_other(self) -> None:
        other = self.client.get_or_create(Book, "b" if self.key == ("a",) else "a")
        try:
            await other.call(Book.hear, self.key[0], self.state)
        except errors.ActionError:
            await trio.lowlevel.checkpoint()

    @action
    def hear(self, key: str, state: list[str]) -> None:
        TRUTH.tell(key, state)
        self.write(f"heard {len(TRUTH.history[self.key[0]])} once")

    @action
    def sync(self, number: int) -> list[str]:
        self.write(f"sync {number} 1of2")
        self.say()
        self.write(f"sync {number} 2of2")
        return self.state

    @action
    async def quiet(self, number: int) -> list[str]:
        """What it changes by halves, nobody may store."""
        self.write(f"quiet {number} 1of2")
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            TRUTH.cut.add(f"quiet{number}")
            raise
        self.write(f"quiet {number} 2of2")
        return self.state

    @action
    async def played(self, number: int, manner: str) -> list[str]:
        await self.play(f"played {number}", manner)
        return self.state

    @action(atomic=True)
    async def atomic(self, number: int, fails: bool) -> list[str]:
        history = TRUTH.history[self.key[0]]
        before = len(history)
        try:
            self.write(f"atomic {number} 1of2")
            self.say()
            await trio.sleep(1)
            self.write(f"atomic {number} 2of2")
            if fails:
                raise errors.UserError("no", code="failed")
        except BaseException:
            del history[before:]
            raise
        return self.state

    @action
    async def kick(self) -> list[str]:
        for conn in tuple(self.conns.values()):
            await conn.disconnect("out")
        return self.state

    @action(readonly=True)
    def read(self) -> list[str]:
        return self.state

    async def fail(self) -> None:
        raise errors.UserError("no", code="failed")


class ToldLink(PlayedLink):
    """A client that remembers."""

    key = ""

    def push(
        self, frame: Frame, *, event: str | None = None, overflow: Overflow = "disconnect"
    ) -> bool:
        match frame:
            case ("init", conn_id):
                TRUTH.greeted[self.key].add(conn_id)
            case ("reply", _, state) | ("event", _, state):
                TRUTH.tell(self.key, state)
            case _:
                pass
        return super().push(frame, event=event, overflow=overflow)


class OrderedStorage(HeldStorage):
    """Reads behind the saves on their way, as one writer does."""

    async def _look(self) -> None:
        while self.pending and not self.killed:  # noqa: ASYNC110  # a disk takes its time, too
            await trio.sleep(0.1)
        await super()._look()

    def heir(self) -> OrderedStorage:
        heir = OrderedStorage()
        heir.holding = self.holding
        self.bequeath(heir)
        return heir


def pick(some: list[T], index: int) -> T:
    return some[index % len(some)]


@attrs.define
class World:
    """One process after the other, on what is left of the same store."""

    storage: OrderedStorage = attrs.Factory(OrderedStorage)
    links: list[ToldLink] = attrs.Factory(list[ToldLink])
    calls: int = 0

    async def live(self, script: list[tuple[Any, ...]]) -> None:
        TRUTH.become(Truth())
        PROBLEMS.clear()
        self.storage.holding = False
        kill: tuple[Any, ...] = ("kill", 0)
        steps = iter([*script, kill])
        while (step := next(steps, None)) is not None:
            async with killed(Book, storage=self.storage) as runtime:
                while step is not None and step[0] != "kill":
                    await self.play(runtime, *step)
                    step = next(steps, None)
                at_the_cut = copy.deepcopy(TRUTH)
                storage = self.storage.heir()
            TRUTH.become(at_the_cut)  # what the dead have done since does not count
            self.storage, self.links = storage, []
        await self.end()

    async def play(self, runtime: Runtime, what: str, rest: int, *args: Any) -> None:
        pending, links = self.storage.pending, self.links
        row: tuple[Any, ...] = (what, *args)
        match row:
            case "call", key, name, *more:
                self.calls += 1
                call = (
                    getattr(Book, name),
                    *([self.calls] if name != "kick" and name != "read" else []),
                    *more,
                )
                runtime.nursery.start_soon(self.ask, runtime, key, *call)
            case "send", index, name, *more if self.links:
                self.calls += 1
                pick(links, index).call(name, self.calls, *more)
            case "connect", key, manner:
                link = ToldLink(runtime)
                link.key = key
                link.connect(Book, key, params=manner)
                link.subscribe("said")
                self.links.append(link)
            case "leave", index if self.links:
                self.links.pop(index % len(self.links)).vanish()
            case "hold", holding:
                self.storage.holding = holding
            case "succeed", index if pending:
                pick(pending, index).succeed()
            case "fail", index if pending:
                pick(pending, index).fail()
            case "put away", key:
                runtime.nursery.start_soon(put_away, runtime, Book, key)
            case "crash", key:
                instance = awake(runtime, Book, key)
                if instance is not None:
                    instance.actor.start_soon(instance.actor.fail)
            case "wait", seconds:
                await trio.sleep(seconds)
            case _:
                pass
        if rest > 1:
            await wait_all_tasks_blocked()
        elif rest:
            await trio.lowlevel.checkpoint()

    async def ask(
        self, runtime: Runtime, key: str, action: Action[Any, ..., Any], *args: Any
    ) -> None:
        try:
            TRUTH.tell(key, await runtime.client.get_or_create(Book, key).call(action, *args))
        except errors.ActionError:
            pass  # it was told that, and nothing else

    async def end(self) -> None:
        """Let everybody go home, and count."""
        self.storage.holding = False
        async with opened(Book, storage=self.storage) as runtime:
            for key in KEYS:
                await wake(runtime, Book, key)
        for key in KEYS:
            record: ActorRecord | None = await self.storage.find("Book", (key,))
            assert record is not None
            assert record.connections == ()
            rows = await self.storage.scan(record.id, "kv", b"", None)
            assert [row.value.decode() for row in rows] == TRUTH.history[key]
            state = TRUTH.history[key]
            TRUTH.loaded(key, list(state))
            came = {mark.split()[1] for mark in state if mark.startswith("came")}
            left = [mark.split()[1] for mark in state if mark.startswith("left")]
            assert len(left) == len(set(left)), "a hook ran twice"
            assert came | TRUTH.greeted[key] <= set(left), "a hook never ran"
        if PROBLEMS:
            raise PROBLEMS[0]
