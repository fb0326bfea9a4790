"""What ``check_storage`` says about actors, their states and their connections."""

from __future__ import annotations

from typing import Final, get_args

import attrs
import trio

from trivet.declare.options import Durability
from trivet.ports.errors import KeyTaken, StorageError
from trivet.ports.records import ActorRecord
from trivet.testing.storage_subject import (
    Checks,
    Subject,
    commit,
    connection,
    expect,
    new_actor,
    require,
    segment,
    shortened,
    store,
    who,
)

__all__ = ["ABOUT_ACTORS"]

ABOUT_ACTORS: Final = Checks()

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


@ABOUT_ACTORS.says(
    "What was created is found by its key and loaded by its id, whole and unchanged."
)
async def _(subject: Subject) -> None:
    connections = (
        attrs.evolve(connection("s"), subscriptions=("b", "", "a"), link=b"\0link"),
        connection("z", b"\0\xff"),
        connection("a", kind="websocket"),
        connection("m", b""),
    )
    records = [
        new_actor("bare", "1"),
        attrs.evolve(new_actor("empty", "2", at=1e9 + 0.1), state=b""),
        attrs.evolve(new_actor("full", "3"), state=bytes(range(256)), connections=connections),
    ]
    async with subject.open() as storage:
        for record in records:
            await storage.create(record, "power")
        await expect(storage, *records)


@ABOUT_ACTORS.says(
    "Who an actor is can be asked by its id and by its key, without state and connections."
)
async def _(subject: Subject) -> None:
    bare = [new_actor("a", "1", at=1.5), new_actor("b", "2", name="hall")]
    async with subject.open() as storage:
        for record in bare:
            full = attrs.evolve(record, state=b"1", connections=(connection("1"),))
            await storage.create(full, "power")
            await store(storage, segment(record.id, state=b"2"))
        seen = [await storage.identify(record.id) for record in bare]
        require(seen == [who(one) for one in bare], f"by their ids they are {seen}")
        seen = [await storage.identify_by_key(record.name, record.key) for record in bare]
        require(seen == [who(one) for one in bare], f"by their keys they are {seen}")


@ABOUT_ACTORS.says("What was never created is neither found, loaded, identified nor listed.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("one", "1"), "power")
        require(await storage.find("room", ("2",)) is None, "it finds another key")
        require(await storage.find("hall", ("1",)) is None, "it finds another name")
        require(await storage.load("two") is None, "it loads another id")
        require(await storage.identify("two") is None, "it identifies another id")
        for name, key in (("room", ("2",)), ("hall", ("1",))):
            found = await storage.identify_by_key(name, key)
            require(found is None, "it identifies another key or name")
        require(await storage.list("hall") == [], "it lists another name")


@ABOUT_ACTORS.says("Keys and names that look alike are told apart.")
async def _(subject: Subject) -> None:
    records = [new_actor(f"key {number}", *key) for number, key in enumerate(ALIKE)]
    records += [
        new_actor("1", "b", name="a"),
        new_actor("2", name="ab"),
        new_actor("3", "ab", name="é"),
    ]
    async with subject.open() as storage:
        for record in records:
            await storage.create(record, "power")
        await expect(storage, *records)
        for record in records:
            found = await storage.identify_by_key(record.name, record.key)
            require(found == who(record), f"{record.key} is identified as {shortened(found)}")


@ABOUT_ACTORS.says(
    "Creating a second actor at a key raises KeyTaken with the first one's id, changing nothing."
)
async def _(subject: Subject) -> None:
    first, second = attrs.evolve(new_actor("first", "1"), state=b"1"), new_actor("second", "1")
    async with subject.open() as storage:
        await storage.create(first, "power")
        try:
            await storage.create(second, "power")
        except KeyTaken as error:
            require(error.existing == "first", f"it says that {error.existing} has the key")
        else:
            raise AssertionError("it raises nothing")
        await expect(storage, first)
        require(await storage.load("second") is None, "the second is there")


@ABOUT_ACTORS.says("Every actor of a name is listed, oldest first, without states and connections.")
async def _(subject: Subject) -> None:
    ages = [5.0, 1.0, 4.0, 2.0, 3.0]
    async with subject.open() as storage:
        for age in ages:
            record = new_actor(f"{age}", f"{age}", at=age)
            full = attrs.evolve(record, state=b"1", connections=(connection("1"),))
            await storage.create(full, "power")
        await storage.create(new_actor("other", "1", name="hall"), "power")
        listed = await storage.list("room")
        expected = [who(new_actor(f"{age}", f"{age}", at=age)) for age in sorted(ages)]
        require(listed == expected, f"it lists {listed}")


@ABOUT_ACTORS.says("A segment replaces the state; one without a state leaves it.")
async def _(subject: Subject) -> None:
    record = attrs.evolve(new_actor("a", "1"), state=b"old")
    async with subject.open() as storage:
        await storage.create(record, "power")
        await store(storage, segment("a"))
        await expect(storage, record)
        for state in (b"new", b""):
            await store(storage, segment("a", state=state))
            await expect(storage, attrs.evolve(record, state=state))


@ABOUT_ACTORS.says("The segments of an actor are stored in the order given.")
async def _(subject: Subject) -> None:
    segments = [
        segment("a", state=b"%d" % number, connections=(connection(f"{number}"),))
        for number in range(MANY)
    ]
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        await store(storage, *segments)
        connections = tuple(one for each in segments for one in each.connections)
        last = attrs.evolve(new_actor("a", "1"), state=segments[-1].state, connections=connections)
        await expect(storage, last)


@ABOUT_ACTORS.says(
    "A segment adds and changes connections, which keep their age, and removes those that ended."
)
async def _(subject: Subject) -> None:
    record = new_actor("a", "1")
    async with subject.open() as storage:
        await storage.create(record, "power")
        await store(
            storage,
            segment("a", connections=(connection("z"), connection("y", b"1"))),
            segment("a", connections=(connection("x"), connection("z", b"2"))),
            segment("a", ended=("y", "never there")),
            segment("a", connections=(connection("w"),), ended=("w",)),
        )
    async with subject.open() as storage:
        # One that comes back is a new one.
        await store(storage, segment("a", connections=(connection("y", b"3"),)))
        connections = (connection("z", b"2"), connection("x"), connection("y", b"3"))
        await expect(storage, attrs.evolve(record, connections=connections))


@ABOUT_ACTORS.says("A segment is stored as a whole: nobody ever sees a part of one.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        for number in range(20):
            data = b"%d" % number
            one = segment("a", state=data, connections=(connection("1", data),))
            storage.commit(one, lambda _: None)
            seen = await storage.load("a")
            if seen is None:
                raise AssertionError("the actor is not there")
            states = {seen.state, *(one.state for one in seen.connections)}
            require(len(states) == 1, f"one load has seen {states}")


@ABOUT_ACTORS.says("A segment of an unknown actor is a StorageError, and changes nothing.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        [error] = await commit(storage, segment("nobody", state=b"1"))
        require(isinstance(error, StorageError), f"`done` was called with {error!r}")
        require(await storage.load("nobody") is None, "the actor is there")


@ABOUT_ACTORS.says(
    "`done` is called exactly once for each segment, in Trio's thread; `commit` returns nothing."
)
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        returned: object = storage.commit(segment("a"), lambda _: None)  # type: ignore[func-returns-value]
        require(returned is None, f"it returns {returned!r}")
        segments = [segment(one, state=b"1") for one in ("a", "nobody") * 10]
        await commit(storage, *segments)


@ABOUT_ACTORS.says("Every level of durability is stored.")
async def _(subject: Subject) -> None:
    levels: tuple[Durability, ...] = get_args(Durability)
    async with subject.open() as storage:
        for level in levels:
            await storage.create(new_actor(level, level), level)
            await store(storage, segment(level, durability=level, state=level.encode()))
    async with subject.open() as storage:
        for level in levels:
            await expect(storage, attrs.evolve(new_actor(level, level), state=level.encode()))


@ABOUT_ACTORS.says("Creating that is cancelled has happened entirely or not at all.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        for number in range(20):
            record = attrs.evolve(new_actor(f"{number}", f"{number}"), state=b"1")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(storage.create, record, "power")
                if number % 2:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            if await storage.find(record.name, record.key) is None:
                await storage.create(record, "power")
            await expect(storage, record)


@ABOUT_ACTORS.says("Many actors are created, changed and read at once.")
async def _(subject: Subject) -> None:
    errors: list[Exception] = []

    async def live(record: ActorRecord) -> None:
        try:
            await storage.create(record, "power")
            await expect(storage, record)
        except (AssertionError, StorageError) as error:
            errors.append(error)

    records = [new_actor(f"{number}", f"{number}", at=float(number)) for number in range(MANY)]
    changed = [attrs.evolve(record, state=record.id.encode()) for record in records]
    async with subject.open() as storage:
        async with trio.open_nursery() as nursery:
            for record in records:
                nursery.start_soon(live, record)
        require(not errors, f"{len(errors)} errors came up, as {errors[:1]}")
        await store(storage, *(segment(one.id, state=one.state) for one in changed))
        await expect(storage, *changed)
        require(await storage.list("room") == [who(one) for one in records], "not all are listed")


@ABOUT_ACTORS.says("States of 16 MiB are stored.")
async def _(subject: Subject) -> None:
    record = attrs.evolve(new_actor("a", "1"), state=b"\x5a" * LARGE)
    async with subject.open() as storage:
        await storage.create(record, "power")
        await expect(storage, record)
        larger = attrs.evolve(record, state=b"\xa5" * LARGE)
        await store(storage, segment("a", state=larger.state))
    async with subject.open() as storage:
        await expect(storage, larger)


@ABOUT_ACTORS.says(
    "Leaving waits until everything committed is stored, and who opens it again finds that."
)
async def _(subject: Subject) -> None:
    answers: list[StorageError | None] = []
    record = new_actor("a", "1")
    connections = tuple(connection(f"{number}", b"1") for number in (3, 1, 2))
    async with subject.open() as storage:
        await storage.create(record, "power")
        storage.commit(segment("a", state=b"1", connections=connections), answers.append)
    require(answers == [None], f"at the end, `done` was called with {answers}")
    async with subject.open() as storage:
        await expect(storage, attrs.evolve(record, state=b"1", connections=connections))
        require(await storage.list("room") == [who(record)], "it is not listed")


@ABOUT_ACTORS.says("A store in which nothing went wrong has not failed.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        await commit(storage, segment("nobody"))
        require(storage.failed is False, f"`failed` is {storage.failed!r}")
