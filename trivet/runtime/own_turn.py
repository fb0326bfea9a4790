"""``async with self.turn():`` — a turn for a task that has none.

While its actor stops, every such task is being cancelled: then the turn, and the wait for it, are
shielded until the end of the grace, so that cleanup may change the state that is saved last.
"""

from __future__ import annotations

from contextlib import ExitStack
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING

import trio

from trivet.declare.errors import AlreadyInTurnError
from trivet.runtime.cleanup import bounded_cleanup
from trivet.runtime.cut_errors import restarting
from trivet.runtime.state_watch import look_at_end, look_at_state
from trivet.runtime.turn import Turn, running_turn, turn_of

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["OwnTurn"]


class _TakenTurn(Turn):
    is_own = True


class OwnTurn:
    """Holds the actor while its body runs."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._turn = _TakenTurn(instance, "turn")
        self._token: Token[Turn | None] | None = None
        self._shelter = ExitStack()

    async def __aenter__(self) -> None:
        instance = self._instance
        if turn_of(instance) is not None:
            raise AlreadyInTurnError
        if instance.stopping:
            await self._take_sheltered()
        else:
            await trio.lowlevel.checkpoint()
            await instance.mailbox.take(self._turn)
        self._token = running_turn.set(self._turn)

    async def _take_sheltered(self) -> None:
        with ExitStack() as shelter:
            shelter.enter_context(bounded_cleanup(self._instance.grace_left))
            await self._instance.mailbox.take(self._turn)
            self._shelter = shelter.pop_all()
        if not self._turn.active:
            await trio.lowlevel.checkpoint()
            raise restarting()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool | None:
        assert self._token is not None
        try:
            if error is None:
                look_at_state(self._instance)
            else:
                look_at_end(self._instance, f"a turn of {self._instance.label}")
        finally:
            running_turn.reset(self._token)
            self._instance.turn_ended(self._turn)
        was_cut = self._shelter.__exit__(kind, error, traceback)
        if was_cut:
            await trio.lowlevel.checkpoint()  # what the shield has held off comes now
        return was_cut
