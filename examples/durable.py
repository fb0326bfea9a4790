"""Actors that outlive their program: run ``python -m examples.durable`` twice."""

import trio

import trivet


class Guestbook(trivet.Actor[int]):
    @trivet.action
    def sign(self) -> int:
        self.state += 1
        return self.state


registry = trivet.Registry(Guestbook)


# open
async def main() -> None:
    storage = trivet.SqliteStorage("guests.db")
    async with trivet.open_runtime(registry, storage=storage) as runtime:
        paris = runtime.client.get_or_create(Guestbook, "paris")
        visits = await paris.call(Guestbook.sign)
        # Whoever reads this can cut the power: the visit is on the disk.
        print(f"{visits} visit{'s' * (visits > 1)} to paris")
        # end open


if __name__ == "__main__":
    trio.run(main)
