"""What of a start is durable, and when: what its hooks change, and what they say to others."""

from __future__ import annotations

import pytest

import trivet.declare.errors as errors
from tests.runtime.runtimes import call, opened, put_away
from tests.runtime.stores import HeldStorage
from trivet.declare.action import action
from trivet.declare.actor import Actor

SEEN: list[bool] = []
"""Whether the caller was stored whenever it was heard."""

STORES: list[HeldStorage] = []


class Ear(Actor[int]):
    @action
    async def hear(self, key: str) -> None:
        SEEN.append(await STORES[-1].find("Caller", (key,)) is not None)


class Caller(Actor[list[str]]):
    async def on_create(self, input: None) -> None:
        self.state.append("created")
        await self.client.get_or_create(Ear, "ear").call(Ear.hear, self.key[0])

    async def on_wake(self) -> None:
        self.state.append("awake")
        await self.client.get_or_create(Ear, "ear").call(Ear.hear, self.key[0])

    @action
    def read(self) -> list[str]:
        return self.state


@pytest.fixture(autouse=True)
def _fresh() -> None:
    SEEN.clear()
    STORES.clear()


def room() -> HeldStorage:
    storage = HeldStorage()
    storage.holding = False
    STORES.append(storage)
    return storage


async def test_a_call_of_on_create_leaves_before_its_actor_is_stored() -> None:
    """It cannot wait: what it waits for comes after the hook. One of ``on_wake`` does."""
    async with opened(Ear, Caller, storage=room()) as runtime:
        assert await call(runtime, Caller.read) == ["created", "awake"]
    assert SEEN == [False, True]


async def test_on_wake_that_changes_the_state_needs_room() -> None:
    storage = room()
    async with opened(Ear, Caller, storage=storage) as runtime:
        await call(runtime, Caller.read)
        await put_away(runtime, Caller)
        storage.full = True
        SEEN.clear()
        with pytest.raises(errors.ActionError) as caught:
            await call(runtime, Caller.read)
        assert caught.value.code == "state_not_saved"
        assert caught.value.metadata == {"reason": "storage_full"}
        assert SEEN == []  # nobody has heard of what is lost
        storage.full = False
        assert await call(runtime, Caller.read) == ["created", "awake", "awake"]
