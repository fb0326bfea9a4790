"""An actor that tells who it is."""

from __future__ import annotations

import attrs

from trivet.declare.action import action
from trivet.declare.actor import Actor

__all__ = ["Card", "Named"]


@attrs.frozen
class Card:
    id: str
    name: str
    key: list[str]


class Named(Actor[str], name="named"):
    async def on_wake(self) -> None:
        self.state = self.name

    @action
    def my_name(self) -> str:
        return self.name

    @action
    def name_at_the_start(self) -> str:
        return self.state

    @action
    def my_key(self) -> list[str]:
        return list(self.key)

    @action
    def part(self, index: int) -> str:
        return self.key[index]

    @action
    def card(self) -> Card:
        return Card(self.id, self.name, list(self.key))
