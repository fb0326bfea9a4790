"""Calls: the turns that run actions, and what becomes of their results."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import outcome
import trio

from trivet.declare.definition import Method
from trivet.declare.errors import ActionError
from trivet.declare.interfaces import SHORT_KINDS
from trivet.protocol.faults import Fault, error_of, fault_of
from trivet.runtime.cut_errors import restarting, timed_out
from trivet.runtime.replies import reply, reply_failure
from trivet.runtime.results import copied
from trivet.runtime.subjects import about_instance
from trivet.runtime.turn import Turn, current_turn, running_action

if TYPE_CHECKING:
    from trivet.runtime.connection import Connection
    from trivet.runtime.instance import Instance
    from trivet.runtime.waits import Wait

__all__ = [
    "Ask",
    "Call",
    "InlineTurn",
    "InstanceMoved",
    "Submission",
    "current_deadline",
    "deadline_in",
]


class InstanceMoved(Exception):
    """The instance stopped before the call began: the next one serves it."""


def current_deadline() -> float:
    """Return when the current task's work ends at the latest, on Trio's clock.

    Inside an action that includes its own timeout, and the deadline that came with the call;
    ``math.inf`` is none.
    """
    return deadline_in(current_turn())


def deadline_in(turn: Turn | None) -> float:
    """Return when the current task's work ends, given the active turn that it is part of."""
    ours, action = trio.current_effective_deadline(), running_action.get()
    if turn is None and action is None:
        return ours
    for call in (turn, action):
        if isinstance(call, Call) and call.active:
            ours = min(ours, call.deadline, call.ends)
    return ours


class Call(Turn):
    """One action call: first in the mailbox, then run by the actor's worker.

    Attributes:
        method: The action.
        args: Its positional arguments, checked.
        kwargs: Its keyword arguments, checked.
        deadline: When its caller stops waiting.
        ends: When the mailbox gives it up, or once it runs, when it is cut.
        late: Whether it was cut because its time was over.
        begun: Whether it was ever granted.
        unwanted: Whether it is cut because nobody waits for it any more.
        scope: What cuts it, if it runs on a task of its own.
    """

    is_request = True

    deadline = math.inf
    ends = math.inf
    late = False
    begun = False
    unwanted = False
    scope: trio.CancelScope | None = None

    def __init__(
        self,
        instance: Instance,
        method: Method,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
    ) -> None:
        self.instance = instance
        self.label = method.name
        self.method = method
        self.args = args
        self.kwargs = kwargs or {}

    def queue(self) -> None:
        """Put it into the mailbox, or start it beside the turns.

        Raises:
            ActionError: ``actor.overloaded`` if that is full.
        """
        instance = self.instance
        if self.method.concurrent:
            instance.own_tasks.start_beside(self)
            return
        instance.mailbox.put(self)
        if not self.active:
            self.ends = self.deadline
            if self.ends == math.inf:
                self.ends = trio.current_time() + instance.limits.mailbox_wait
            instance.arm(self.ends)

    def grant(self) -> None:
        """Let it run: by the actor's worker, or beside it where the worker waits for it."""
        self.begun = True
        self.begin()
        if self.lender is None:
            self.instance.worker.wake()
        else:
            self.instance.own_tasks.start(self)

    def end_by(self, when: float) -> None:
        """Cut it when its time is over."""
        self.ends = when
        if self.scope is None:
            self.instance.arm(when)
        else:
            self.scope.deadline = when

    def caller_left(self) -> bool:
        """Take note that nobody waits for it any more; tell whether it will not even begin."""
        if self.instance.mailbox.withdraw(self):
            return True
        if self.method.cancel_with_caller and not self.is_over:
            self.unwanted = True
            self.instance.cut(self)
        return False

    @property
    def may_suspend(self) -> bool:
        """Whether anything else may run while it holds its actor."""
        is_short_connection = self.conn is not None and self.conn.kind in SHORT_KINDS
        return is_short_connection or not self.method.may_run_inline

    @property
    def where(self) -> str:
        """How logs name it."""
        return f"{self.instance.label}.{self.label}"

    def cut_error(self) -> ActionError:
        """Say why a running call was cancelled."""
        has_run_out = self.scope is not None and self.scope.deadline <= trio.current_time()
        return timed_out() if self.late or has_run_out else restarting()

    def result(self, value: Any) -> None:
        """Give the result to whoever asked, through the gate."""
        raise NotImplementedError

    def failed(self, error: BaseException) -> None:
        """Tell whoever asked that it failed, through the gate."""
        raise NotImplementedError

    def moved(self) -> None:
        """Hand a call that has not begun to the next instance."""
        raise NotImplementedError

    def begins(self) -> None:
        """Take note that its action begins now."""

    def entered(self) -> None:
        """Take note that it needs no turn any more."""


class InlineTurn(Turn):
    """The turn of synchronous calls while they run on the task of whoever delivered them.

    One serves a whole runtime: nothing else runs beside it, and nobody can keep it.
    """

    is_request = True
    is_inline = True
    active = True

    def __init__(self) -> None:
        self.conn = None

    @property
    def may_suspend(self) -> bool:
        """Nothing else runs while it holds its actor."""
        return False


class Ask(Call):
    """A call that a task of this process waits for.

    Attributes:
        noted: What the turn that waits for it has noted.
    """

    _waiter: trio.lowlevel.Task | None = None
    noted: Wait | None = None

    async def wait(self) -> Any:
        """Wait for the result in the current task.

        A caller that is cancelled leaves: a call that has not begun is withdrawn, a running one
        goes on and its result is dropped, or it is cut if its action says so.

        Raises:
            InstanceMoved: If the next instance has to serve it.
            Error: What the action reported, as a fresh exception.
        """
        self._waiter = trio.lowlevel.current_task()

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._waiter = self.caller = None
            self._wait_over()
            self.caller_left()
            return trio.lowlevel.Abort.SUCCEEDED

        return await trio.lowlevel.wait_task_rescheduled(abort)

    def result(self, value: Any) -> None:
        """Wake the waiter with a copy of the result."""
        try:
            result = copied(self.method.copy_result, value, self.where)
        except TypeError as error:
            self.failed(error)
        else:
            self._emit(outcome.Value(result))

    def failed(self, error: BaseException) -> None:
        """Wake the waiter with a fresh exception."""
        self._emit(
            outcome.Error(
                error_of(fault_of(error, where=self.where, subject=about_instance(self.instance)))
            )
        )

    def moved(self) -> None:
        """Let the waiter ask the next instance."""
        self._deliver(outcome.Error(InstanceMoved()))

    def _emit(self, result: outcome.Outcome[Any]) -> None:
        gate = self.instance.gate
        if gate.is_open:
            self._deliver(result)
        else:
            gate.emit(
                lambda: self._deliver(result), lambda error: self._deliver(outcome.Error(error))
            )

    def entered(self) -> None:
        """Let its caller close no circle any more: a concurrent action needs no turn."""
        if self.noted is not None:
            self.noted.needs_turn = False

    def _wait_over(self) -> None:
        if self.noted is not None:
            self.noted.is_over = True

    def _deliver(self, result: outcome.Outcome[Any]) -> None:
        self._wait_over()
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            self.instance.runtime.observer.count("reply_dropped")
        else:
            trio.lowlevel.reschedule(waiter, result)


class Submission(Call):
    """A call that came over a connection's link; nobody waits in a task."""

    def __init__(
        self,
        conn: Connection,
        method: Method,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
        call_id: int,
    ) -> None:
        super().__init__(conn.instance, method, args, kwargs)
        self.conn = conn
        self.call_id = call_id
        self.message: Any = None
        self.size = 0

    def result(self, value: Any) -> None:
        """Reply over the connection."""
        conn = self.conn
        assert conn is not None
        reply(conn, self.call_id, self.method, value)

    def failed(self, error: BaseException) -> None:
        """Report the failure over the connection."""
        self.refused(fault_of(error, where=self.where, subject=about_instance(self.instance)))

    def refused(self, fault: Fault) -> None:
        """Tell the client that the call failed, or was not accepted."""
        conn = self.conn
        assert conn is not None
        reply_failure(conn, self.call_id, fault)

    def moved(self) -> None:
        """Put the message back into the inbox."""
        conn = self.conn
        assert conn is not None
        if conn.inbox is not None:
            conn.inbox.give_back(self.message, self.size)
