"""What ``check_storage`` says about rows."""

from __future__ import annotations

from functools import partial
from typing import Final, get_args

import trio

from trivet.ports.errors import StorageError
from trivet.ports.records import Row, Space, Write
from trivet.ports.storage import Storage
from trivet.testing.storage_subject import (
    Checks,
    Subject,
    commit,
    new_actor,
    require,
    segment,
    store,
)

__all__ = ["ABOUT_ROWS"]

ABOUT_ROWS: Final = Checks()

SPACES: Final[tuple[Space, ...]] = get_args(Space)

KEYS: Final = sorted(
    [
        *(b"", b"\0", b"\0\0", b"\0\xff", b"\x01", b"a", b"a\0", b"aa", b"ab", b"b", b"k" * 2048),
        *(b"\x7f", b"\x80", b"\xff", b"\xff\0", b"\xff\xff"),
    ]
)
"""In their order; each is another one."""

LARGE: Final = 128 * 1024
"""Bytes in the largest value."""


def _put(key: bytes, value: bytes | None = b"1", space: Space = "kv") -> Write:
    return Write(space, key, value)


async def _all(storage: Storage, actor_id: str = "a", space: Space = "kv") -> list[Row]:
    return await storage.scan(actor_id, space, b"", None)


@ABOUT_ROWS.says("Rows are found by their keys; what is not there is left out.")
async def _(subject: Subject) -> None:
    values = {key: b"value of " + key for key in KEYS} | {b"nothing in it": b""}
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        await store(storage, segment("a", writes=tuple(_put(*item) for item in values.items())))
    async with subject.open() as storage:
        found = await storage.get("a", "kv", [*values, b"not there", b"a"])
        require(found == values, f"it finds {found}")
        found = await storage.get("a", "kv", [b"not there"])
        require(found == {}, f"it finds {found}")
        require(await storage.get("a", "kv", []) == {}, "it finds something without keys")


@ABOUT_ROWS.says("A range of rows is found, in the order of their keys or backwards.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        await store(storage, segment("a", writes=tuple(_put(key, key) for key in KEYS[::-1])))
        for start in (*KEYS, b"ac"):
            for end in (*KEYS, b"ac", None):
                wanted = [Row(k, k) for k in KEYS if start <= k and (end is None or k < end)]
                for limit in (None, 0, 1, 3, 100):
                    seen = await storage.scan("a", "kv", start, end, limit=limit)
                    require(seen == wanted[:limit], f"from {start!r} to {end!r} are {seen}")
                    seen = await storage.scan("a", "kv", start, end, reverse=True, limit=limit)
                    require(seen == wanted[::-1][:limit], f"back from {end!r} are {seen}")


@ABOUT_ROWS.says("Spaces and actors do not see each other's rows.")
async def _(subject: Subject) -> None:
    names = ["a", "b", "", "ab", "a\0kv"]
    async with subject.open() as storage:
        for name in names:
            await storage.create(new_actor(name, name), "power")
            writes = tuple(_put(b"key", f"{name} {space}".encode(), space) for space in SPACES)
            await store(storage, segment(name, writes=writes))
        for name in names:
            for space in SPACES:
                value = f"{name} {space}".encode()
                found = await storage.get(name, space, [b"key"])
                require(found == {b"key": value}, f"of {name!r} in {space} it finds {found}")
                seen = await _all(storage, name, space)
                require(seen == [Row(b"key", value)], f"of {name!r} in {space} are {seen}")


@ABOUT_ROWS.says("A row is replaced and removed; removing one that is not there is nothing.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        await store(
            storage,
            segment("a", writes=(_put(b"1"), _put(b"2"), _put(b"3"))),
            segment("a", writes=(_put(b"1", b"new"), _put(b"2", None), _put(b"4", None))),
            segment("a", state=b"1"),
        )
    async with subject.open() as storage:
        seen = await _all(storage)
        require(seen == [Row(b"1", b"new"), Row(b"3", b"1")], f"there are {seen}")
        await store(storage, segment("a", writes=(_put(b"1", None), _put(b"3", None))))
        require(await _all(storage) == [], "there are rows left")
        await store(storage, segment("a", writes=(_put(b"3", b"again"),)))
        require(await _all(storage) == [Row(b"3", b"again")], "one that came back is not there")


@ABOUT_ROWS.says("Rows are stored with the rest of their segment, all or nothing.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power", [_put(b"1", b"0"), _put(b"2", b"0")])
        for number in range(20):
            value = b"%d" % number
            writes = (_put(b"1", value), _put(b"2", value))
            storage.commit(segment("a", state=value, writes=writes), lambda _: None)
            rows = await _all(storage)
            require(len({row.value for row in rows}) == 1, f"one look has seen {rows}")
        record = await storage.load("a")
        require(record is not None and record.state == b"19", "the state is another")


@ABOUT_ROWS.says("An actor can be created with rows.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power", [_put(key, key) for key in KEYS])
    async with subject.open() as storage:
        seen = await _all(storage)
        require(seen == [Row(key, key) for key in KEYS], f"there are {seen}")


@ABOUT_ROWS.says("Who is not there has no rows, and a segment does not give it any.")
async def _(subject: Subject) -> None:
    async with subject.open() as storage:
        [error] = await commit(storage, segment("nobody", writes=(_put(b"1"),)))
        require(isinstance(error, StorageError), f"`done` was called with {error!r}")
        require(await storage.get("nobody", "kv", [b"1"]) == {}, "there is a row")
        require(await _all(storage, "nobody") == [], "there are rows")


@ABOUT_ROWS.says("Whoever reads rows after a commit sees what came of it.")
async def _(subject: Subject) -> None:
    seen: list[bytes | None] = []

    async def look(storage: Storage) -> None:
        seen.append((await storage.get("a", "kv", [b"1"])).get(b"1"))

    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        async with trio.open_nursery() as nursery:
            for number in range(20):
                write = _put(b"1", b"%d" % number)
                storage.commit(segment("a", writes=(write,)), lambda _: None)
                nursery.start_soon(partial(look, storage))
                await look(storage)
                require(int(seen[-1] or -1) >= number, f"after {number} it sees {seen[-1]!r}")


@ABOUT_ROWS.says("Large values, and many rows, are stored.")
async def _(subject: Subject) -> None:
    large, number = b"\x5a" * LARGE, 2_000
    keys = [b"%04d" % one for one in range(number)]
    async with subject.open() as storage:
        await storage.create(new_actor("a", "1"), "power")
        await store(storage, segment("a", writes=(_put(b"large", large),)))
        await store(storage, segment("a", writes=tuple(_put(k, k, "queue") for k in keys)))
    async with subject.open() as storage:
        require(await storage.get("a", "kv", [b"large"]) == {b"large": large}, "one is another")
        seen = await _all(storage, space="queue")
        require([row.key for row in seen] == keys, f"{len(seen)} are there")
