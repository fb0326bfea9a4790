"""Atomic turns take back the rows that they have written, and nobody else's."""

from __future__ import annotations

from typing import ClassVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, opened, wake
from tests.runtime.scribes import PAUSES, go_on
from tests.runtime.stores import HeldStorage
from tests.runtime.test_rows import kept
from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.runtime.rows import Rows
from trivet.runtime.runtime import Runtime
from trivet.storage.memory import MemoryStorage


def immediate() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


STORES = pytest.mark.parametrize("make", [immediate, MemoryStorage])


class Vault(Actor[list[str], None, None, None], call_hooks=False):
    rows: ClassVar[Rows]
    mirror: ClassVar[list[str]]

    def keep(self, key: str, value: str) -> None:
        """Write a row and what mirrors it in memory."""
        self.rows.put("kv", key.encode(), value.encode())
        self.mirror.append(key)
        self.rows.undo(self.mirror.pop)

    @action(atomic=True)
    def at_once(self, ending: str) -> None:
        self.keep("a", "1")
        self.keep("b", "1")
        if ending == "fail":
            raise errors.UserError("no")

    @action(atomic=True)
    async def slowly(self, ending: str) -> None:
        self.keep("a", "1")
        self.keep("b", "1")
        await PAUSES.setdefault("end", trio.Event()).wait()
        if ending == "fail":
            raise errors.UserError("no")
        if ending == "save":
            await self.save()

    @action(atomic=True)
    async def save_first(self) -> None:
        await self.save()
        self.keep("c", "1")
        raise errors.UserError("no")

    @action
    def put(self, key: str, value: str) -> None:
        self.keep(key, value)


async def vault(runtime: Runtime) -> Rows:
    Vault.rows = (await wake(runtime, Vault)).rows
    Vault.mirror = []
    return Vault.rows


async def seen(rows: Rows) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in await rows.scan("kv", b"", None)}


@STORES
@pytest.mark.parametrize("slow", [False, True])
async def test_what_fails_was_never_written(
    make: type[MemoryStorage], slow: bool, autojump_clock: MockClock
) -> None:
    async with opened(Vault, storage=make()) as runtime:
        rows = await vault(runtime)
        go_on("end")
        await call(runtime, Vault.put, "a", "0")
        with pytest.raises(errors.UserError):
            await call(runtime, Vault.slowly if slow else Vault.at_once, "fail")
        assert (await seen(rows), Vault.mirror) == ({"a": "0"}, ["a"])
        await call(runtime, Vault.slowly if slow else Vault.at_once, "")
        assert (await seen(rows), Vault.mirror) == ({"a": "1", "b": "1"}, ["a", "a", "b"])


async def test_nothing_of_it_is_stored_before_its_end(autojump_clock: MockClock) -> None:
    storage = immediate()
    async with opened(Vault, storage=storage) as runtime, trio.open_nursery() as nursery:
        rows = await vault(runtime)
        nursery.start_soon(call, runtime, Vault.slowly, "")
        await wait_all_tasks_blocked()
        rows.put("kv", b"other", b"1")
        await wait_all_tasks_blocked()
        assert await kept(storage, "Vault") == {"other": "1"}
        assert await seen(rows) == {"a": "1", "b": "1", "other": "1"}
        go_on("end")
        await wait_all_tasks_blocked()
        assert await kept(storage, "Vault") == {"a": "1", "b": "1", "other": "1"}


@STORES
@pytest.mark.parametrize("ending", ["fail", ""])
async def test_what_others_write_meanwhile_stays(
    make: type[MemoryStorage], ending: str, autojump_clock: MockClock
) -> None:
    storage = make()
    async with opened(Vault, storage=storage) as runtime, trio.open_nursery() as nursery:
        rows = await vault(runtime)

        async def attempt() -> None:
            try:
                await call(runtime, Vault.slowly, ending)
            except errors.UserError:
                assert ending == "fail"

        nursery.start_soon(attempt)
        await wait_all_tasks_blocked()
        rows.put("kv", b"a", b"outside")
        rows.put("kv", b"c", b"outside")
        go_on("end")
        await wait_all_tasks_blocked()
        left = {"a": "outside", "c": "outside"}
        assert await seen(rows) == (left if ending == "fail" else left | {"b": "1"})


async def test_after_a_write_it_cannot_save(autojump_clock: MockClock) -> None:
    storage = immediate()
    async with opened(Vault, storage=storage) as runtime:
        rows = await vault(runtime)
        go_on("end")
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Vault.slowly, "save")
        assert caught.value.code == "atomic_turn"
        with pytest.raises(errors.UserError):
            await call(runtime, Vault.save_first)
        assert (await seen(rows), await kept(storage, "Vault"), Vault.mirror) == ({}, {}, [])
