"""Follow the life of an actor: how it stands first, then every step, until it is destroyed."""

from __future__ import annotations

import trio
import trio.testing

import trivet


class Worker(trivet.Actor[int]):
    @trivet.action
    def work(self) -> int:
        self.state += 1
        return self.state

    @trivet.action
    def stumble(self) -> None:
        self.start_soon(self.fail)

    @trivet.action
    def quit(self) -> None:
        self.destroy()

    async def fail(self) -> None:
        raise RuntimeError("the worker has stumbled")


# watch
async def report(worker: trivet.Handle[Worker]) -> None:
    async for change in worker.watch():
        print(change.status)


# end watch


async def main() -> None:
    async with trivet.open_runtime(trivet.Registry(Worker)) as runtime:
        worker = runtime.client.get_or_create(Worker, "w1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(report, worker)
            await trio.testing.wait_all_tasks_blocked()
            await worker.call(Worker.work)
            await worker.call(Worker.stumble)
            await trio.testing.wait_all_tasks_blocked()
            await worker.call(Worker.work)
            await worker.call(Worker.quit)


if __name__ == "__main__":
    trio.run(main)
