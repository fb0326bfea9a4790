"""The sentences that ``check_storage`` checks, each with its check."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from threading import get_ident
from typing import Final, TypeAlias, get_args

import attrs
import trio
import trio.testing

from trivet.declare.interfaces import ConnKind
from trivet.declare.options import Durability
from trivet.ports import (
    ActorRecord,
    KeyTaken,
    Segment,
    Storage,
    StorageError,
    StoredConnection,
)

__all__ = ["CHECKS", "Subject"]

PATIENCE: Final = 60.0
"""Seconds after which a save that nobody has heard of counts as lost."""

LARGE: Final = 16 * 1024 * 1024
"""Bytes in the largest state that a runtime stores."""

MANY: Final = 200

# Each is another key.
ALIKE: Final[tuple[tuple[str, ...], ...]] = (
    *((), ("",), ("", ""), ("a",), ("A",), ("a ",), ("a", ""), ("", "a"), ("a", "b"), ("b", "a")),
    *(("a/b",), ("a,b",), ("ab",), ("a\\", "b"), ("a\\/b",), ("a\\b",), ("/",), ("\\",)),
    *(("0",), ("\\0",), ("\0",), ("a\0",), ("a\0b",), ("%61",), ("..", "a"), ("../a",)),
    *(("\u00e9",), ("e\u0301",), ("\U0001f600",), ("' or 1=1 --",), ("x" * 128,) * 7),
)


class Subject:
    """A store under test.

    Args:
        next_one: Returns it at first, and then what must have the same in it.
    """

    def __init__(self, next_one: Callable[[], Storage]) -> None:
        self._next_one = next_one

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Storage]:
        """Open it; a second time as after a restart."""
        storage = self._next_one()
        async with storage.open():
            yield storage


_Check: TypeAlias = Callable[[Subject], Awaitable[None]]

CHECKS: Final[list[tuple[str, _Check]]] = []
"""Every sentence, with what checks it."""


def _says(sentence: str) -> Callable[[_Check], _Check]:
    def register(check: _Check) -> _Check:
        CHECKS.append((sentence, check))
        return check

    return register


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise AssertionError(otherwise)


def _record(actor_id: str, *key: str, name: str = "room", at: float = 0.1) -> ActorRecord:
    return ActorRecord(id=actor_id, name=name, key=key, created_at=at)


def _connection(
    connection_id: str, state: bytes | None = None, kind: ConnKind = "connection"
) -> StoredConnection:
    return StoredConnection(id=connection_id, state=state, kind=kind)


async def _commit(storage: Storage, *segments: Segment) -> list[StorageError | None]:
    """Commit segments without waiting in between; return how each has ended."""
    answers: list[tuple[int, StorageError | None]] = []
    all_there = trio.Event()
    threads: set[int] = set()

    def done(number: int, error: StorageError | None) -> None:
        threads.add(get_ident())
        answers.append((number, error))
        if len(answers) >= len(segments):
            all_there.set()

    for number, segment in enumerate(segments):
        storage.commit(segment, partial(done, number))
    with trio.move_on_after(PATIENCE):
        await all_there.wait()
    # Whoever calls twice has the opportunity now.
    await trio.testing.wait_all_tasks_blocked()
    _require(threads <= {get_ident()}, "`done` was called in another thread")
    numbers = sorted(number for number, _ in answers)
    _require(numbers == list(range(len(segments))), f"of {len(segments)}, {numbers} were answered")
    return [error for _, error in sorted(answers, key=lambda answer: answer[0])]


async def _store(storage: Storage, *segments: Segment) -> None:
    errors = await _commit(storage, *segments)
    _require(not any(errors), f"these came back: {[error for error in errors if error]}")


async def _expect(storage: Storage, *records: ActorRecord) -> None:
    """Require that actors are stored just so."""
    for record in records:
        found = await storage.find(record.name, record.key)
        if found != record:
            raise AssertionError(f"it finds {_short(found)} instead of {_short(record)}")
        loaded = await storage.load(record.id)
        if loaded != record:
            raise AssertionError(f"it loads {_short(loaded)} instead of {_short(record)}")


def _short(record: ActorRecord | None) -> str:
    text = repr(record)
    return text if len(text) < 300 else f"{text[:300]}…"


@_says("What was created is found by its key and loaded by its id, whole and unchanged.")
async def _(subject: Subject) -> None:
    connections = (
        _connection("z", b"\0\xff"),
        _connection("a", kind="websocket"),
        _connection("m", b""),
    )
    records = [
        _record("bare", "1"),
        attrs.evolve(_record("empty", "2", at=1e9 + 0.1), state=b""),
        attrs.evolve(_record("full", "3"), state=bytes(range(256)), connections=connections),
    ]
    async with subject.open() as storage:
        for record in records:
            await storage.create(record, "power")
        await _expect(storage, *records)


@_says("Who an actor is can be asked by its id and by its key, without state and connections.")
async def _(subject: Subject) -> None:
    bare = [_record("a", "1", at=1.5), _record("b", "2", name="hall")]
    async with subject.open() as storage:
        for record in bare:
            full = attrs.evolve(record, state=b"1", connections=(_connection("1"),))
            await storage.create(full, "power")
            await _store(storage, Segment(actor_id=record.id, state=b"2"))
        seen = [await storage.identify(record.id) for record in bare]
        _require(seen == bare, f"by their ids they are {seen}")
        seen = [await storage.identify_by_key(record.name, record.key) for record in bare]
        _require(seen == bare, f"by their keys they are {seen}")


@_says("What was never created is neither found, loaded, identified nor listed.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(_record("one", "1"), "power")
        _require(await storage.find("room", ("2",)) is None, "it finds another key")
        _require(await storage.find("hall", ("1",)) is None, "it finds another name")
        _require(await storage.load("two") is None, "it loads another id")
        _require(await storage.identify("two") is None, "it identifies another id")
        for name, key in (("room", ("2",)), ("hall", ("1",))):
            who = await storage.identify_by_key(name, key)
            _require(who is None, "it identifies another key or name")
        _require(await storage.list("hall") == [], "it lists another name")


@_says("Keys and names that look alike are told apart.")
async def _(subject: Subject) -> None:
    records = [_record(f"key {number}", *key) for number, key in enumerate(ALIKE)]
    records += [_record("1", "b", name="a"), _record("2", name="ab"), _record("3", "ab", name="é")]
    async with subject.open() as storage:
        for record in records:
            await storage.create(record, "power")
        await _expect(storage, *records)
        for record in records:
            who = await storage.identify_by_key(record.name, record.key)
            _require(who == record, f"{record.key} is identified as {_short(who)}")


@_says(
    "Creating a second actor at a key raises KeyTaken with the first one's id, changing nothing."
)
async def _(subject: Subject) -> None:
    first, second = attrs.evolve(_record("first", "1"), state=b"1"), _record("second", "1")
    async with subject.open() as storage:
        await storage.create(first, "power")
        try:
            await storage.create(second, "power")
        except KeyTaken as error:
            _require(error.existing == "first", f"it says that {error.existing} has the key")
        else:
            raise AssertionError("it raises nothing")
        await _expect(storage, first)
        _require(await storage.load("second") is None, "the second is there")


@_says("Every actor of a name is listed, oldest first, without states and connections.")
async def _(subject: Subject) -> None:
    ages = [5.0, 1.0, 4.0, 2.0, 3.0]
    async with subject.open() as storage:
        for age in ages:
            record = _record(f"{age}", f"{age}", at=age)
            full = attrs.evolve(record, state=b"1", connections=(_connection("1"),))
            await storage.create(full, "power")
        await storage.create(_record("other", "1", name="hall"), "power")
        listed = await storage.list("room")
        expected = [_record(f"{age}", f"{age}", at=age) for age in sorted(ages)]
        _require(listed == expected, f"it lists {listed}")


@_says("A segment replaces the state; one without a state leaves it.")
async def _(subject: Subject) -> None:
    record = attrs.evolve(_record("a", "1"), state=b"old")
    async with subject.open() as storage:
        await storage.create(record, "power")
        await _store(storage, Segment(actor_id="a"))
        await _expect(storage, record)
        for state in (b"new", b""):
            await _store(storage, Segment(actor_id="a", state=state))
            await _expect(storage, attrs.evolve(record, state=state))


@_says("The segments of an actor are stored in the order given.")
async def _(subject: Subject) -> None:
    segments = [
        Segment(actor_id="a", state=b"%d" % number, connections=(_connection(f"{number}"),))
        for number in range(MANY)
    ]
    async with subject.open() as storage:
        await storage.create(_record("a", "1"), "power")
        await _store(storage, *segments)
        connections = tuple(one for segment in segments for one in segment.connections)
        last = attrs.evolve(_record("a", "1"), state=segments[-1].state, connections=connections)
        await _expect(storage, last)


@_says(
    "A segment adds and changes connections, which keep their age, and removes those that ended."
)
async def _(subject: Subject) -> None:
    record = _record("a", "1")
    async with subject.open() as storage:
        await storage.create(record, "power")
        await _store(
            storage,
            Segment(actor_id="a", connections=(_connection("z"), _connection("y", b"1"))),
            Segment(actor_id="a", connections=(_connection("x"), _connection("z", b"2"))),
            Segment(actor_id="a", ended=("y", "never there")),
            Segment(actor_id="a", connections=(_connection("w"),), ended=("w",)),
        )
    async with subject.open() as storage:
        # One that comes back is a new one.
        await _store(storage, Segment(actor_id="a", connections=(_connection("y", b"3"),)))
        connections = (_connection("z", b"2"), _connection("x"), _connection("y", b"3"))
        await _expect(storage, attrs.evolve(record, connections=connections))


@_says("A segment is stored as a whole: nobody ever sees a part of one.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(_record("a", "1"), "power")
        for number in range(20):
            data = b"%d" % number
            segment = Segment(actor_id="a", state=data, connections=(_connection("1", data),))
            storage.commit(segment, lambda _: None)
            seen = await storage.load("a")
            if seen is None:
                raise AssertionError("the actor is not there")
            states = {seen.state, *(one.state for one in seen.connections)}
            _require(len(states) == 1, f"one load has seen {states}")


@_says("A segment of an unknown actor is a StorageError, and changes nothing.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        [error] = await _commit(storage, Segment(actor_id="nobody", state=b"1"))
        _require(isinstance(error, StorageError), f"`done` was called with {error!r}")
        _require(await storage.load("nobody") is None, "the actor is there")


@_says(
    "`done` is called exactly once for each segment, in Trio's thread; `commit` returns nothing."
)
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(_record("a", "1"), "power")
        returned: object = storage.commit(Segment(actor_id="a"), lambda _: None)  # type: ignore[func-returns-value]
        _require(returned is None, f"it returns {returned!r}")
        segments = [Segment(actor_id=one, state=b"1") for one in ("a", "nobody") * 10]
        await _commit(storage, *segments)


@_says("Every level of durability is stored.")
async def _(subject: Subject) -> None:
    levels: tuple[Durability, ...] = get_args(Durability)
    async with subject.open() as storage:
        for level in levels:
            await storage.create(_record(level, level), level)
            await _store(storage, Segment(actor_id=level, durability=level, state=level.encode()))
    async with subject.open() as storage:
        for level in levels:
            await _expect(storage, attrs.evolve(_record(level, level), state=level.encode()))


@_says("Creating that is cancelled has happened entirely or not at all.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        for number in range(20):
            record = attrs.evolve(_record(f"{number}", f"{number}"), state=b"1")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(storage.create, record, "power")
                if number % 2:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            if await storage.find(record.name, record.key) is None:
                await storage.create(record, "power")
            await _expect(storage, record)


@_says("Many actors are created, changed and read at once.")
async def _(subject: Subject) -> None:
    errors: list[Exception] = []

    async def live(record: ActorRecord) -> None:
        try:
            await storage.create(record, "power")
            await _expect(storage, record)
        except (AssertionError, StorageError) as error:
            errors.append(error)

    records = [_record(f"{number}", f"{number}", at=float(number)) for number in range(MANY)]
    changed = [attrs.evolve(record, state=record.id.encode()) for record in records]
    async with subject.open() as storage:
        async with trio.open_nursery() as nursery:
            for record in records:
                nursery.start_soon(live, record)
        _require(not errors, f"{len(errors)} errors came up, as {errors[:1]}")
        await _store(storage, *(Segment(actor_id=one.id, state=one.state) for one in changed))
        await _expect(storage, *changed)
        _require(await storage.list("room") == records, "not all are listed")


@_says("States of 16 MiB are stored.")
async def _(subject: Subject) -> None:
    record = attrs.evolve(_record("a", "1"), state=b"\x5a" * LARGE)
    async with subject.open() as storage:
        await storage.create(record, "power")
        await _expect(storage, record)
        larger = attrs.evolve(record, state=b"\xa5" * LARGE)
        await _store(storage, Segment(actor_id="a", state=larger.state))
    async with subject.open() as storage:
        await _expect(storage, larger)


@_says("Leaving waits until everything committed is stored, and who opens it again finds that.")
async def _(subject: Subject) -> None:
    answers: list[StorageError | None] = []
    record = _record("a", "1")
    connections = tuple(_connection(f"{number}", b"1") for number in (3, 1, 2))
    async with subject.open() as storage:
        await storage.create(record, "power")
        storage.commit(Segment(actor_id="a", state=b"1", connections=connections), answers.append)
    _require(answers == [None], f"at the end, `done` was called with {answers}")
    async with subject.open() as storage:
        await _expect(storage, attrs.evolve(record, state=b"1", connections=connections))
        _require(await storage.list("room") == [record], "it is not listed")


@_says("A store in which nothing went wrong has not failed.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(_record("a", "1"), "power")
        await _commit(storage, Segment(actor_id="nobody"))
        _require(storage.failed is False, f"`failed` is {storage.failed!r}")
