"""The application of a held server: actors that count how often each call has run."""

from __future__ import annotations

import os

import trio

import trivet

__all__ = ["Ledger", "registry"]


class Ledger(trivet.Actor[dict[str, int]], name="ledger", call_hooks=False):
    staying = trivet.Event[str]()

    async def create_state(self, input: None) -> dict[str, int]:
        return {}

    @trivet.action
    def note(self, call: str) -> None:
        self.count(call)

    @trivet.action
    async def stay(self, call: str) -> None:
        """Run until the server ends."""
        self.count(call)
        await self.save()
        self.broadcast(Ledger.staying, call)
        await trio.sleep_forever()

    def count(self, call: str) -> None:
        self.state[call] = self.state.get(call, 0) + 1

    @trivet.action(readonly=True)
    def counts(self) -> dict[str, int]:
        return self.state

    @trivet.action(readonly=True)
    def process(self) -> int:
        return os.getpid()


registry = trivet.Registry(Ledger)
