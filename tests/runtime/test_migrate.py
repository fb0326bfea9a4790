"""Stored states of older classes: brought into shape, filled by defaults, or refused untouched."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

import trivet.declare.errors as errors
from tests.runtime.runtimes import opened
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor

LOG: list[tuple[Any, bool]] = []
HOW: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOG.clear()
    HOW.clear()


@attrs.define
class Old:
    count: int = 1


@attrs.define
class New:
    total: int
    added: str = "default"


@attrs.define
class Wider:
    count: int
    added: str = "default"


class Before(Actor[Old], name="Room"):
    @action
    def read(self) -> int:
        return self.state.count


class Migrating(Actor[New], name="Room"):
    async def create_state(self, input: None) -> New:
        return New(total=100)

    async def on_migrate(self, stored: Any, *, new: bool) -> Any:
        LOG.append((dict(stored or {}) or None, new))
        match HOW:
            case ["in place"] if not new:
                stored["total"] = stored.pop("count")
            case ["returned"] if not new:
                return {"total": stored["count"]}
            case ["raise"]:
                raise errors.UserError("no", code="no_migration")
            case ["hang"]:
                await trio.sleep_forever()
            case ["fit not"]:
                return {"total": "many"}
            case _:
                pass
        return None

    @action
    def read(self) -> tuple[int, str]:
        return self.state.total, self.state.added


class Widened(Actor[Wider], name="Room"):
    async def create_state(self, input: None) -> Wider:
        return Wider(count=0)

    @action
    def read(self) -> tuple[int, str]:
        return self.state.count, self.state.added


class Stateless(Actor, name="Room"):
    @action
    def read(self) -> str:
        return "no state"


class Renamed(Actor[New], name="Room"):
    async def create_state(self, input: None) -> New:
        return New(total=0)

    @action
    def read(self) -> int:
        return self.state.total


def immediate() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    return storage


async def read(storage: HeldStorage, actor: Any, key: str = "a") -> Any:
    async with opened(actor, storage=storage) as runtime:
        return await runtime.client.get_or_create(actor, key).call(actor.read)


async def made_by(actor: Any) -> HeldStorage:
    """A store whose only actor was made by another class."""
    storage = immediate()
    await read(storage, actor)
    return storage


async def data_of(storage: HeldStorage) -> bytes | None:
    record = await storage.find("Room", ("a",))
    assert record is not None
    return record.state


async def test_a_new_actor_is_migrated_from_nothing_first() -> None:
    assert await read(immediate(), Migrating) == (100, "default")
    assert LOG == [(None, True)]


@pytest.mark.parametrize("how", ["in place", "returned"])
async def test_the_hook_brings_an_older_state_into_shape(how: str) -> None:
    storage = await made_by(Before)
    HOW.append(how)
    assert await read(storage, Migrating) == (1, "default")
    assert LOG == [({"count": 1}, False)]
    HOW.clear()
    assert await read(storage, Migrating) == (1, "default")  # it was stored in the new shape
    assert LOG[1:] == [({"total": 1, "added": "default"}, False)]


async def test_what_the_hook_leaves_as_it_is_is_not_stored_again() -> None:
    storage = await made_by(Migrating)
    storage.saves.clear()
    storage.full = True
    assert await read(storage, Migrating) == (100, "default")
    assert storage.saves == []


async def test_defaults_fill_what_is_missing() -> None:
    assert await read(await made_by(Before), Widened) == (1, "default")


FAILURES = [
    ("raise", "no_migration", 0),
    ("hang", "callback_timed_out", 30),
    ("fit not", "state_incompatible", 0),
    ("", "state_incompatible", 0),
]


@pytest.mark.parametrize(("how", "code", "seconds"), FAILURES)
async def test_what_cannot_be_migrated_fails_the_start_and_stays(
    how: str, code: str, seconds: int, autojump_clock: MockClock
) -> None:
    storage = await made_by(Before)
    before = await data_of(storage)
    began = trio.current_time()
    if how:
        HOW.append(how)
    with pytest.raises(errors.ActionError) as caught:
        await read(storage, Migrating)
    assert caught.value.code == code
    assert trio.current_time() - began == seconds
    assert await data_of(storage) == before
    if code == "state_incompatible":
        assert "$" in str(caught.value.metadata)
    HOW[:] = ["in place"]
    assert await read(storage, Migrating) == (1, "default")


async def test_what_fits_no_longer_is_refused_by_its_path() -> None:
    storage = await made_by(Before)
    before = await data_of(storage)
    with pytest.raises(errors.ActionError) as caught:
        await read(storage, Renamed)
    assert (caught.value.code, "total" in str(caught.value.metadata)) == (
        "state_incompatible",
        True,
    )
    assert await data_of(storage) == before
    assert await read(storage, Before) == 1


async def test_a_class_that_lost_its_state_leaves_it_in_the_store() -> None:
    storage = await made_by(Before)
    assert await read(storage, Stateless) == "no state"
    assert await read(storage, Before) == 1


async def test_a_class_that_gained_a_state_begins_with_its_default() -> None:
    assert await read(await made_by(Stateless), Before) == 1


@pytest.mark.parametrize("actor", [Renamed, Migrating])
async def test_one_without_a_default_is_refused(actor: Any) -> None:
    """``create_state`` makes the state of new actors; this one has been there before."""
    storage = await made_by(Stateless)
    with pytest.raises(errors.ActionError, match="state_incompatible"):
        await read(storage, actor)
    assert await data_of(storage) is None


async def test_a_damaged_state_harms_no_other_actor() -> None:
    storage = await made_by(Before)
    storage.damage("Room", state=b"\xff\xff")
    with pytest.raises(errors.ActionError) as caught:
        await read(storage, Before)
    assert caught.value.code in {"state_incompatible", "state_corrupt"}
    assert await data_of(storage) == b"\xff\xff"
    assert await read(storage, Before, key="b") == 1


async def test_a_damaged_record_is_told_from_a_broken_store() -> None:
    storage = await made_by(Before)
    storage.damaged.add("a")
    with pytest.raises(errors.ActionError) as caught:
        await read(storage, Before)
    assert caught.value.code == "state_corrupt"
    assert await read(storage, Before, key="b") == 1
    storage.broken = True
    with pytest.raises(errors.ActionError) as caught:
        await read(storage, Before, key="b")
    assert caught.value.code == "state_not_loaded"
