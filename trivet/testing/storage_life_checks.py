"""What ``check_storage`` says about the lives of actors: generations, alarms, children, and the end."""

from __future__ import annotations

import math
from typing import Final

import attrs

from trivet.ports.errors import Fenced, StorageError
from trivet.ports.records import Write
from trivet.testing.storage_subject import (
    Checks,
    Subject,
    commit,
    connection,
    expect,
    new_actor,
    require,
    segment,
    store,
    who,
)

__all__ = ["ABOUT_LIVES"]

ABOUT_LIVES: Final = Checks()

ROW: Final = Write("kv", b"1", b"1")


@ABOUT_LIVES.says("A record says which life has saved last.")
async def _(subject: Subject) -> None:
    record = new_actor("a", "1")
    async with subject.open() as storage:
        await storage.create(record, "power")
        await expect(storage, record)
        await store(storage, segment("a", 3), segment("a", 2**40))
        await expect(storage, attrs.evolve(record, generation=2**40))
    async with subject.open() as storage:
        await expect(storage, attrs.evolve(record, generation=2**40))


@ABOUT_LIVES.says(
    "A segment of a life before the one that has saved last is Fenced, and is nothing."
)
async def _(subject: Subject) -> None:
    record = attrs.evolve(new_actor("a", "1"), state=b"1", connections=(connection("1"),))
    async with subject.open() as storage:
        await storage.create(record, "power", [ROW])
        late = segment("a", 2, state=b"late", ended=("1",), writes=(Write("kv", b"1", None),))
        errors = await commit(
            storage,
            segment("a", 3),
            late,
            attrs.evolve(late, alarm=5.0),
            attrs.evolve(late, destroyed=True),
            segment("a", 3, state=b"2"),
        )
        require(errors[0] is errors[4] is None, f"of the third life it says {errors}")
        fenced = all(isinstance(error, Fenced) for error in errors[1:4])
        require(fenced, f"of the second it says {errors[1:4]}")
        await expect(storage, attrs.evolve(record, generation=3, state=b"2"))
        require(await storage.get("a", "kv", [b"1"]) == {b"1": b"1"}, "the row is another")
        require(await storage.alarms(5) == [], "there is an alarm")


@ABOUT_LIVES.says("Who wants to be woken is listed, soonest first.")
async def _(subject: Subject) -> None:
    soon = attrs.evolve(new_actor("soon", "1"), alarm=2.5)
    ids = ["never", "late", "moved", "off"]
    async with subject.open() as storage:
        for record in (soon, *(new_actor(one, one) for one in ids)):
            await storage.create(record, "power")
        require(await storage.alarms(5) == [(2.5, "soon")], "one at its creation is not there")
        await store(
            storage,
            *(segment(one, alarm=at) for one, at in [("late", 1e10), ("moved", 7.0), ("off", 1.0)]),
            segment("moved", state=b"1"),
        )
        await expect(storage, attrs.evolve(new_actor("moved", "moved"), alarm=7.0, state=b"1"))
        await store(storage, segment("moved", alarm=-1.5), segment("off", alarm=math.inf))
        await expect(storage, soon, new_actor("off", "off"), new_actor("never", "never"))
    async with subject.open() as storage:
        wanted = [(-1.5, "moved"), (2.5, "soon"), (1e10, "late")]
        for limit in (0, 1, 2, 3, 10):
            seen = await storage.alarms(limit)
            require(seen == wanted[:limit], f"of {limit} it lists {seen}")


@ABOUT_LIVES.says("Actors at the same moment are all listed.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        for one in "abc":
            await storage.create(attrs.evolve(new_actor(one, one), alarm=1.0), "power")
        seen = await storage.alarms(3)
        require(sorted(seen) == [(1.0, "a"), (1.0, "b"), (1.0, "c")], f"it lists {seen}")
        require(len(await storage.alarms(2)) == 2, "it lists more than it was asked for")


@ABOUT_LIVES.says(
    "The children of an actor are listed, oldest first, for as long as they are there."
)
async def _(subject: Subject) -> None:
    parent = new_actor("parent", "1")
    children = [
        attrs.evolve(new_actor(one, one, at=at), parent="parent")
        for one, at in [("b", 3.0), ("a", 2.0), ("c", 1.0)]
    ]
    orphan = attrs.evolve(new_actor("orphan", "2"), parent="nobody")
    async with subject.open() as storage:
        for record in (parent, *children, orphan):
            await storage.create(record, "power")
        await expect(storage, parent, *children, orphan)
        seen = await storage.identify("a")
        require(seen == who(children[1]), f"one is identified as {seen}")
        require(await storage.children("parent") == ["c", "a", "b"], "not all are listed")
        await store(storage, segment("a", destroyed=True))
    async with subject.open() as storage:
        require(await storage.children("parent") == ["c", "b"], "one that is gone is listed")
        await store(storage, segment("parent", destroyed=True))
        require(await storage.children("parent") == ["c", "b"], "they went with their parent")
        require(await storage.children("nobody") == ["orphan"], "an orphan is not listed")
        require(await storage.children("c") == [], "one without children has some")


@ABOUT_LIVES.says("Of a destroyed actor nothing is left, and its key is free.")
async def _(subject: Subject) -> None:
    full = attrs.evolve(
        new_actor("a", "1"), state=b"1", connections=(connection("1"),), alarm=1.0, parent="p"
    )
    other = new_actor("b", "2")
    async with subject.open() as storage:
        await storage.create(full, "power", [ROW])
        await storage.create(other, "power", [ROW])
        await store(
            storage,
            segment("a", state=b"2", writes=(Write("queue", b"2", b"2"),)),
            segment("a", destroyed=True),
        )
    async with subject.open() as storage:
        require(await storage.find("room", ("1",)) is None, "it is found")
        require(await storage.load("a") is None, "it is loaded")
        require(await storage.identify("a") is None, "it is identified")
        require(await storage.identify_by_key("room", ("1",)) is None, "its key is taken")
        require(await storage.list("room") == [who(other)], "it is listed")
        require(await storage.alarms(5) == [], "it is woken")
        require(await storage.children("p") == [], "it is a child")
        require(await storage.scan("a", "kv", b"", None) == [], "it has rows")
        require(await storage.get("a", "queue", [b"2"]) == {}, "it has a row")
        [error] = await commit(storage, segment("a", 9, state=b"3"))
        is_refused = isinstance(error, StorageError) and not isinstance(error, Fenced)
        require(is_refused, f"a segment of it is answered with {error!r}")
        require(await storage.get("b", "kv", [b"1"]) == {b"1": b"1"}, "another has lost a row")
        await expect(storage, other)
        # By the same key, and even with the same id, it is another one.
        fresh = new_actor("a", "1", at=5.0)
        await storage.create(fresh, "power")
        await expect(storage, fresh)
        require(await storage.scan("a", "kv", b"", None) == [], "the next one has its rows")
        await store(storage, segment("a", writes=(Write("kv", b"2", b"2"),)))
        require(await storage.get("a", "kv", [b"1", b"2"]) == {b"2": b"2"}, "a row is another")


@ABOUT_LIVES.says(
    "What is committed after the end of an actor, and before it is stored, is refused."
)
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        errors = await commit(
            storage,
            segment("a", state=b"1"),
            segment("a", destroyed=True),
            segment("a", state=b"2", writes=(ROW,)),
        )
        require(errors[0] is errors[1] is None, f"it says {errors}")
        require(isinstance(errors[2], StorageError), f"of the last it says {errors[2]!r}")
        require(await storage.load("a") is None, "it is there")
        require(await storage.get("a", "kv", [b"1"]) == {}, "it has a row")
