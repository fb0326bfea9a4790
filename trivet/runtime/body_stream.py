"""A streamed body, on its way from an actor to whoever reads it.

Rules this file keeps:

1. What an actor iterates over runs in a task of that actor, never on the task of a client. It is
   asked for the next piece when the one before was taken: nothing piles up.
2. A piece leaves behind everything the actor had changed when it was made.
3. However it ends, the iterator is closed, and only then the connection of its request leaves.
   A reader can tell a body that is complete from one that broke off.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import trio

from trivet.declare.errors import ConnectionLost
from trivet.declare.interfaces import CloseCause
from trivet.protocol.faults import fault_of
from trivet.runtime.cleanup import bounded_cleanup
from trivet.runtime.subjects import about_connection
from trivet.runtime.turn import running_turn
from trivet.runtime.user_code import user_code

if TYPE_CHECKING:
    from trivet.runtime.raw_request import RequestConnection

__all__ = ["BodyStream"]


@runtime_checkable
class _Closable(Protocol):
    async def aclose(self) -> None: ...


class BodyStream:
    """The body of one response.

    Args:
        conn: The connection of its request.
        pieces: What the actor returned as body.

    Attributes:
        reading: For the reader to be in while it reads and passes on; cancelled when the
            connection is closed.
        left: Set when the reader has left.
    """

    def __init__(self, conn: RequestConnection, pieces: AsyncIterable[bytes]) -> None:
        self._conn = conn
        self._pieces = pieces
        self._cause: CloseCause = "client"
        self._making = trio.CancelScope()
        self._giver, self._taker = trio.open_memory_channel[bytes](0)
        self._is_complete = False
        self.reading = trio.CancelScope()
        self.left = trio.Event()

    # The reader's side

    def __aiter__(self) -> Self:
        """Return the stream itself."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next piece.

        Raises:
            StopAsyncIteration: When the body is complete.
            ConnectionLost: If it broke off.
        """
        try:
            return await self._taker.receive()
        except trio.EndOfChannel:
            if self._is_complete:
                raise StopAsyncIteration from None
        raise ConnectionLost("The response broke off")

    def close(self, cause: CloseCause = "client") -> None:
        """Leave: nothing more is read, for whatever reason; once or more often."""
        if not self.left.is_set():
            self.left.set()
            self._cause = cause
            self._taker.close()
            self._making.cancel()

    # The actor's side

    def cut(self) -> None:
        """Break it off: its connection is being closed."""
        self._making.cancel()
        self._giver.close()
        self.reading.cancel()

    async def run(self) -> None:
        """Make the pieces and pass them on, as a task of the actor."""
        running_turn.set(None)
        iterator: object = None
        try:
            with self._making:
                iterator = aiter(self._pieces)
                passing = self._pass_on(iterator)
                self._is_complete = await user_code(self._conn.instance.runtime, passing)
        except Exception as error:  # the actor's firewall: its reader hears that it broke off
            self._failed(error)
        finally:
            self._giver.close()
            with bounded_cleanup(self._conn.instance.limits.hook_time):
                await self._close(iterator)
            self._conn.stream_ended(self._cause)

    async def _pass_on(self, iterator: AsyncIterable[Any]) -> bool:
        gate = self._conn.instance.gate
        async for piece in iterator:
            if not isinstance(piece, bytes):
                raise TypeError(f"a piece of a body is bytes, not {type(piece).__name__}")
            if not gate.is_open:
                await gate.stand_behind()
            try:
                await self._giver.send(piece)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False  # the reader, or the connection, has gone
        return True

    async def _close(self, iterator: object) -> None:
        if isinstance(iterator, _Closable):
            try:
                await user_code(self._conn.instance.runtime, iterator.aclose())
            except Exception as error:  # the actor's firewall
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._cause = "server"
        conn = self._conn
        where = f"the streamed response of {conn.label}"
        fault_of(error, where=where, subject=about_connection(conn))
