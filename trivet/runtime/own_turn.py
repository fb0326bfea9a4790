"""``async with self.turn():`` — a turn for a task that has none."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING

from trivet.declare.errors import AlreadyInTurnError
from trivet.runtime.turn import Turn, running_turn, turn_of

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["OwnTurn"]


class OwnTurn:
    """Holds the actor while its body runs."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._turn = Turn(instance, "turn")
        self._token: Token[Turn | None] | None = None

    async def __aenter__(self) -> None:
        if turn_of(self._instance) is not None:
            raise AlreadyInTurnError
        await self._instance.mailbox.take(self._turn)
        self._token = running_turn.set(self._turn)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        assert self._token is not None
        running_turn.reset(self._token)
        self._instance.turn_ended(self._turn)
