"""An actor that fails in every way."""

from __future__ import annotations

from typing import Any

from trivet.declare.action import action
from trivet.declare.actor import Actor
from trivet.declare.errors import UserError

__all__ = ["Failing"]

SECRET = "the-account-number-is-4711"


class Failing(Actor[int], name="failing"):
    @action
    def fail_simply(self) -> None:
        raise UserError("Simple as that")

    @action
    def fail_in_detail(self, metadata: Any) -> None:
        raise UserError("Not so simple", code="detailed", metadata=metadata)

    @action
    def break_down(self) -> None:
        raise RuntimeError(SECRET)

    @action
    def work(self) -> int:
        self.state += 1
        return self.state
