"""An actor that tells what it was created with."""

from __future__ import annotations

import attrs

from trivet.declare.action import action
from trivet.declare.actor import Actor

__all__ = ["Born", "Origin"]


@attrs.frozen
class Origin:
    place: str
    weight: float = 1.0


@attrs.define
class Life:
    origin: Origin | None = None
    count: int = 0


class Born(Actor[Life, str, str | None, Origin | None], name="born"):
    def __init__(self) -> None:
        self.greeted: list[Origin | None] = []

    async def create_state(self, input: Origin | None) -> Life:
        return Life(input)

    async def on_create(self, input: Origin | None) -> None:
        self.greeted.append(input)

    async def create_conn_state(self, params: str | None) -> str:
        return params or "no params"

    @action
    def count(self, number: int = 1) -> int:
        self.state.count += number
        return self.state.count

    @action
    def origins(self) -> list[Origin | None]:
        """Return what both hooks got."""
        return [self.state.origin, *self.greeted]

    @action
    def place(self) -> list[str]:
        return list(self.key)

    @action
    def params(self) -> str:
        return self.conn.state
