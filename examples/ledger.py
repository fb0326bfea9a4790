"""All or nothing, and a state that has changed its shape: ``python -m examples.ledger``."""

from typing import Any

import attrs
import trio

import trivet


class OldLedger(trivet.Actor[list[int]], name="ledger"):
    """The class as it was: two accounts, by position."""

    async def create_state(self, input: None) -> list[int]:
        return [100, 0]


# migrate
@attrs.define
class Balances:
    ann: int
    bob: int
    currency: str = "EUR"  # what an older state does not have is filled by its default


class Ledger(trivet.Actor[Balances], name="ledger"):
    async def create_state(self, input: None) -> Balances:
        return Balances(100, 0)

    async def on_migrate(self, stored: Any, *, new: bool) -> Any:
        match stored:
            case [ann, bob]:
                return {"ann": ann, "bob": bob}
            case _:
                return stored

    # end migrate

    paid = trivet.Event[int]()

    # atomic
    @trivet.action(atomic=True)
    def pay_bob(self, amount: int) -> int:
        self.state.bob += amount
        self.state.ann -= amount
        self.broadcast(Ledger.paid, amount)
        if self.state.ann < 0:
            raise trivet.UserError("Ann has not enough", code="insufficient")
        return self.state.bob

    # end atomic

    @trivet.action(readonly=True)
    def balances(self) -> Balances:
        return self.state


async def main() -> None:
    storage = trivet.MemoryStorage()
    async with trivet.open_runtime(trivet.Registry(OldLedger), storage=storage) as runtime:
        await runtime.client.get_or_create(OldLedger, "main").resolve()
    async with trivet.open_runtime(trivet.Registry(Ledger), storage=storage) as runtime:
        ledger = runtime.client.get(Ledger, "main")
        print(f"Bob has {await ledger.call(Ledger.pay_bob, 70)}")
        try:
            await ledger.call(Ledger.pay_bob, 70)
        except trivet.UserError as error:
            print(f"{error.message}: {await ledger.call(Ledger.balances)}")


if __name__ == "__main__":
    trio.run(main)
