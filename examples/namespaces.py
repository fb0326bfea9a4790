"""The same name and key in two namespaces: two actors."""

from __future__ import annotations

from functools import partial

import trio

import trivet


class Counter(trivet.Actor[int], name="counter"):
    @trivet.action
    def add(self, number: int = 1) -> int:
        self.state += number
        return self.state


# the clients
async def count(port: int, namespace: str) -> int:
    async with trivet.open_client(f"http://{namespace}:@127.0.0.1:{port}") as client:
        return await client.get_or_create(Counter, "visits").call(Counter.add)


# end of the clients


async def main() -> None:
    async with trio.open_nursery() as nursery:
        registry = trivet.Registry(Counter)
        server: trivet.Server = await nursery.start(partial(trivet.serve, registry, port=0))
        for namespace in ("blue", "green", "blue", "default"):
            print(namespace, await count(server.port, namespace))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
