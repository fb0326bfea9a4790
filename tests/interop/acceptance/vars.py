"""An actor with what other systems call vars: here, plain attributes of the instance."""

from __future__ import annotations

from itertools import count

import attrs

from trivet.declare.action import action
from trivet.declare.actor import Actor

__all__ = ["Notebook", "Surroundings"]

NUMBERS = count(1)


@attrs.frozen
class Surroundings:
    """What a starting instance can see of where it runs."""

    name: str
    key: list[str]
    has_id: bool
    conns: int
    stopping: bool


class Notebook(Actor[str], name="notebook"):
    def __init__(self) -> None:
        self.greeting = "hello"
        self.pages: dict[str, list[str]] = {"first": []}
        self.number = next(NUMBERS)

    async def on_wake(self) -> None:
        self.surroundings = Surroundings(
            self.name, list(self.key), bool(self.id), len(self.conns), self.stopping
        )

    @action
    def greet(self) -> str:
        return self.greeting

    @action
    def write(self, text: str) -> dict[str, list[str]]:
        self.pages["first"].append(text)
        return self.pages

    @action
    def which(self) -> int:
        return self.number

    @action
    def look_around(self) -> Surroundings:
        return self.surroundings
