"""The calls of one connection: waiting to be sent, on their way, answered.

Rules this file keeps:

1. Calls leave in the order in which they were made. While there is no session they wait, 256 of
   them or 1 MiB; the next one fails at once.
2. What was sent is never sent again: it is answered, or fails with the session it went into.
3. Less is on its way than a server's inbox holds, one more message of 64 KiB included; the rest
   waits its turn, so that however many tasks call at once, they do not flood the connection.
4. A caller that is cancelled withdraws what was not sent; the late answer to the rest is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import outcome
import trio

from trivet.client.session import Session
from trivet.declare.errors import ConnectionLost, Error
from trivet.runtime.call import current_deadline

__all__ = ["Calls"]

MOST_WAITING = 256
MOST_WAITING_BYTES = 1024 * 1024
MOST_SENT = 768
MOST_SENT_BYTES = 192 * 1024

INLINE_ANSWERS_PER_CHECKPOINT = 64

_Size: TypeAlias = Callable[[Any], int]


class _Call:
    """One call and the task that waits for it."""

    __slots__ = ("arguments", "deadline", "name", "outcome", "size", "waiter", "was_left")

    def __init__(self, name: str, arguments: Any) -> None:
        self.name = name
        self.arguments = arguments
        self.deadline = current_deadline()
        self.size = 0
        self.outcome: outcome.Outcome[Any] | None = None
        self.waiter: trio.lowlevel.Task | None = None
        self.was_left = False

    def settle(self, result: outcome.Outcome[Any]) -> None:
        """Answer it; without a waiter the answer is kept."""
        waiter, self.waiter = self.waiter, None
        if waiter is None:
            self.outcome = result
        else:
            trio.lowlevel.reschedule(waiter, result)

    def fail(self, error: Error) -> None:
        """Answer it with an error."""
        self.settle(outcome.Error(error))


class Calls:
    """The calls of one connection, over all its sessions.

    Args:
        size: Tells how many bytes arguments take.
        count: Counts answers that nobody waits for.
    """

    def __init__(self, size: _Size, count: Callable[[str], None]) -> None:
        self._size = size
        self._count = count
        self._session: Session | None = None
        self._waiting: deque[_Call] = deque()
        self._waiting_bytes = 0
        self._sent: dict[int, _Call] = {}
        self._sent_bytes = 0
        self._next_id = 0
        self._flushing = False
        self._inline_answers = 0

    async def ask(self, name: str, arguments: Any) -> Any:
        """Send a call, now or when there is a session, and wait for its answer.

        Raises:
            ConnectionLost: If too much waits already, or the session was lost.
            Error: What the answer, or the end of the session, says.
        """
        call = _Call(name, arguments)
        session = self._session
        may_go = session is not None and not self._waiting and self._has_room
        if session is None or not may_go or not self._send(session, call):
            self._put_in_line(call)
        if call.outcome is None:
            return await self._wait(call)
        self._inline_answers += 1
        if not self._inline_answers % INLINE_ANSWERS_PER_CHECKPOINT:
            await trio.lowlevel.checkpoint()
        return call.outcome.unwrap()

    # Sessions come and go

    def opened(self, session: Session) -> None:
        """Send what has waited for a session."""
        self._session = session
        self._flush()

    def lost(self, error: Callable[[], Error]) -> None:
        """Fail what was on its way, each call with an error of its own; the rest waits."""
        self._session = None
        sent, self._sent, self._sent_bytes = self._sent, {}, 0
        for call in sent.values():
            call.fail(error())
        while len(self._waiting) > MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES:
            self._forget(self._waiting[-1])
            self._waiting.pop().fail(queue_full())

    def drop_waiting(self, error: Callable[[], Error]) -> None:
        """Fail what has not been sent."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        for call in waiting:
            call.fail(error())

    # Answers

    def replied(self, call_id: int, output: Any) -> None:
        """Hand a result to whoever called; an answer that nobody waits for is dropped."""
        self._settle(call_id, outcome.Value(output))

    def failed(self, call_id: int, error: Error) -> None:
        """Hand an error to whoever called."""
        self._settle(call_id, outcome.Error(error))

    def _settle(self, call_id: int, result: outcome.Outcome[Any]) -> None:
        call = self._sent.pop(call_id, None)
        if call is None or call.was_left:
            self._count("reply_dropped")
        if call is not None:
            self._sent_bytes -= call.size
            call.settle(result)
            self._flush()

    # The line

    @property
    def _has_room(self) -> bool:
        return len(self._sent) < MOST_SENT and self._sent_bytes < MOST_SENT_BYTES

    def _put_in_line(self, call: _Call) -> None:
        call.size = self._size(call.arguments)
        size = self._waiting_bytes + call.size
        full = len(self._waiting) >= MOST_WAITING or size > MOST_WAITING_BYTES
        if self._session is None and full:
            raise queue_full()
        self._waiting.append(call)
        self._waiting_bytes = size

    def _forget(self, call: _Call) -> None:
        self._waiting_bytes -= call.size

    def _flush(self) -> None:
        # An answer that comes while a call is being sent would lead back here, ever deeper.
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._waiting and self._session is not None and self._has_room:
                self._send_first(self._session)
        finally:
            self._flushing = False

    def _send_first(self, session: Session) -> None:
        call = self._waiting.popleft()
        size = call.size
        self._waiting_bytes -= size
        try:
            sent = self._send(session, call)
        except Error as error:
            call.fail(error)
            return
        if not sent:
            call.size = size
            self._waiting.appendleft(call)
            self._waiting_bytes += size

    def _send(self, session: Session, call: _Call) -> bool:
        """Send a call; ``False`` if the session is over, whose end is not yet known here."""
        call_id = self._next_id
        self._sent[call_id] = call
        self._next_id += 1
        call.size = 0
        try:
            size = session.call(call_id, call.name, call.arguments, call.deadline)
        except Error:
            self._take_back(call_id)
            raise
        if size is None:
            self._take_back(call_id)
            self._session = None
            return False
        if call_id in self._sent:  # else it was answered at once
            call.size = size
            self._sent_bytes += size
        return True

    def _take_back(self, call_id: int) -> None:
        del self._sent[call_id]
        self._next_id = call_id

    async def _wait(self, call: _Call) -> Any:
        call.waiter = trio.lowlevel.current_task()

        def abort(_: Any) -> trio.lowlevel.Abort:
            call.waiter, call.was_left = None, True
            if call in self._waiting:
                self._waiting.remove(call)
                self._forget(call)
            return trio.lowlevel.Abort.SUCCEEDED

        return await trio.lowlevel.wait_task_rescheduled(abort)


def queue_full() -> ConnectionLost:
    """Make the error of a call that there is no room for while the connection is down."""
    return ConnectionLost("The connection is down, and too many calls wait for it already")
