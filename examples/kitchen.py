"""Actions beside the turns, inside a chain, and for one caller only: ``python -m examples.kitchen``."""

from typing import Any

import attrs
import trio

import trivet


@attrs.define
class Orders:
    waiting: list[str] = attrs.Factory(list[str])
    cooked: int = 0


class Kitchen(trivet.Actor[Orders, str], name="kitchen"):
    board = trivet.Event[int]()
    gossip = trivet.Event[str]()

    def __init__(self) -> None:
        self.ordered = trio.Event()

    # hooks
    def on_state_change(self) -> None:
        self.broadcast(Kitchen.board, len(self.state.waiting))

    def can_subscribe(self, event: trivet.Event[Any], conn: trivet.Conn[str]) -> bool:
        return event is not Kitchen.gossip or conn.state == "cook"

    # end hooks

    # concurrent
    @trivet.action(concurrent=True, cancel_with_caller=True)
    async def next_order(self) -> str:
        while not self.state.waiting:
            await self.ordered.wait()
        return self.state.waiting.pop(0)  # no await since we looked: it is still there

    @trivet.action
    def order(self, dish: str) -> None:
        self.state.waiting.append(dish)
        self.ordered.set()
        self.ordered = trio.Event()

    # end concurrent

    # reentrant
    @trivet.action
    async def cook(self, dish: str) -> str:
        stove = self.client.get_or_create(Stove, *self.key)
        return await stove.call(Stove.heat, dish)

    @trivet.action(reentrant=True)
    async def note(self, dish: str) -> int:
        self.state.cooked += 1
        return self.state.cooked


class Stove(trivet.Actor, name="stove"):
    @trivet.action
    async def heat(self, dish: str) -> str:
        kitchen = self.client.get(Kitchen, *self.key)
        number = await kitchen.call(Kitchen.note, dish)  # the kitchen waits for us, and lets us in
        return f"{dish}, dish {number}"

    # end reentrant


registry = trivet.Registry(Kitchen, Stove)


async def main() -> None:
    async with trivet.open_runtime(registry) as runtime:
        kitchen = runtime.client.get_or_create(Kitchen, "main")
        async with kitchen.connect() as waiter, trio.open_nursery() as nursery:
            board = waiter.events(Kitchen.board)

            async def serve() -> None:
                print(await kitchen.call(Kitchen.cook, await kitchen.call(Kitchen.next_order)))

            nursery.start_soon(serve)
            await waiter.call(Kitchen.order, "soup")
            print(f"{await anext(board)} order waits")
        with trio.move_on_after(0.1):
            await kitchen.call(Kitchen.next_order)  # nobody orders; the action ends with its caller
        async with kitchen.connect() as guest:
            try:
                await anext(guest.events(Kitchen.gossip))
            except trivet.Forbidden as error:
                print(error)


if __name__ == "__main__":
    trio.run(main)
