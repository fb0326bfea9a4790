"""The smallest actor: ``python -m examples.counter``."""

import trio

import trivet


# declare
class Counter(trivet.Actor[int]):
    changed = trivet.Event[int]()

    @trivet.action
    def increment(self, by: int = 1) -> int:
        self.state += by
        self.broadcast(Counter.changed, self.state)
        return self.state


registry = trivet.Registry(Counter)
# end declare


# call
async def call() -> None:
    async with trivet.open_runtime(registry) as runtime:
        visits = runtime.client.get_or_create(Counter, "visits")
        print(await visits.call(Counter.increment))
        print(await visits.call(Counter.increment, by=10))
        # end call
        await listen(runtime.client)


# listen
async def listen(client: trivet.Client) -> None:
    async with client.get_or_create(Counter, "visits").connect() as conn:
        changes = conn.events(Counter.changed)
        await conn.call(Counter.increment)
        print("changed to", await anext(changes))
        # end listen


if __name__ == "__main__":
    trio.run(call)
