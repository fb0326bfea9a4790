"""A parent, its children, and what there is of them in the store."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
import trio.testing

import trivet
from tests.runtime.stores import HeldStorage
from trivet.runtime.runtime import Runtime

LOG: list[str] = []


def quick() -> HeldStorage:
    """A store that is waited for, and takes no time, so that the clock can jump."""
    storage = HeldStorage()
    storage.holding = False
    return storage


class Parent(trivet.Actor[list[str]], sleep_after=math.inf, grace=10.0):
    async def on_destroy(self) -> None:
        LOG.append(f"{'/'.join(self.key)} ends at {trio.current_time():g}")

    @trivet.action
    async def have(self, name: str, delay: float = 0) -> str:
        self.state.append(name)
        return await (await self.create_child(Child, name, input=delay)).resolve()

    @trivet.action
    async def have_parent(self, name: str) -> str:
        return await (await self.create_child(Parent, name)).resolve()

    @trivet.action
    async def have_another(self, kind: str, delay: float) -> None:
        await self.create_child(KINDS[kind], "a", input=delay)

    @trivet.action
    async def have_beside(self, delay: float) -> None:
        self.start_soon(self.have_another, "Slow", delay)
        await trio.testing.wait_all_tasks_blocked()

    @trivet.action
    async def found(self) -> list[str]:
        return [await child.call(Child.my_name) for child in await self.find_children(Child)]

    @trivet.action(atomic=True)
    async def have_atomically(self) -> None:
        self.state.append("x")
        await self.create_child(Child, "x", input=0.0)

    @trivet.action
    def fail(self) -> None:
        self.start_soon(self.stumble)

    async def stumble(self) -> None:
        raise RuntimeError("it stumbles")

    @trivet.action
    async def end(self) -> str:
        self.destroy()
        return "ended"


class Child(trivet.Actor[float, None, None, float], sleep_after=math.inf):
    async def create_state(self, input: float) -> float:
        return input

    async def on_destroy(self) -> None:
        LOG.append(f"{self.key[0]} ends at {trio.current_time():g}")
        await trio.sleep(self.state)
        LOG.append(f"{self.key[0]} ended at {trio.current_time():g}")

    @trivet.action
    def my_name(self) -> str:
        return self.key[0]

    @trivet.action
    async def end_parent(self) -> None:
        await self.client.get(Parent, "p").call(Parent.end)


class Calling(Child):
    """What the hook of a child must not do: it ends with the parent that it asks."""

    async def on_destroy(self) -> None:
        with pytest.raises(trivet.CallCycleError):
            await self.client.get(Parent, "p").call(Parent.end)
        LOG.append("refused")


class Unready(Child, name="Child"):
    async def on_wake(self) -> None:
        raise RuntimeError("no")


KINDS: dict[str, type[Child]] = {}


async def ids(runtime: Runtime, parent: str) -> list[str]:
    return await runtime.storage.children(parent)


async def is_there(runtime: Runtime, actor_id: str) -> bool:
    return await runtime.storage.identify(actor_id) is not None


async def family(runtime: Runtime, *children: tuple[str, float]) -> tuple[Any, str]:
    parent = runtime.client.get_or_create(Parent, "p")
    for name, delay in children:
        await parent.call(Parent.have, name, delay)
    return parent, await parent.resolve()


class Stubborn(Child):
    async def on_destroy(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(40)


class Slow(Child):
    async def on_create(self, input: float) -> None:
        await trio.sleep(input)


KINDS.update(Calling=Calling, Stubborn=Stubborn, Slow=Slow)
