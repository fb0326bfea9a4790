"""The schedule of an actor: its calls to itself in the future, and what becomes of them.

Rules this file keeps:

1. A call is a row of the actor, stored with the turn that puts it down; its next time is the
   actor's alarm (``alarms``). Both are taken back with an atomic turn.
2. That a call has come is stored with the first segment of the turn that answers it, before
   anything of that is told: so it comes once, whatever is cut in the middle.
3. It waits in the mailbox like a hook: it is never refused, and does not count as a request. What
   has not begun when the actor stops comes again with the next instance.
4. Of a call that comes again and again, the next waits until the last is answered; if its time
   passes meanwhile, it is skipped.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from trivet.declare.errors import ActionError, ValidationError
from trivet.declare.schedule import Cron, Outcome, ScheduledCall
from trivet.logs import Throttled
from trivet.ports.records import Write
from trivet.runtime.history import History
from trivet.runtime.scheduled_turn import ScheduledTurn
from trivet.runtime.subjects import about_instance
from trivet.runtime.timetable import PlannedCall, Timetable, decode_call, encode_call

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance

__all__ = ["InstanceSchedule"]

throttled = Throttled(logging.getLogger(__name__))

LITTLE: Final = 1.0
"""Seconds until a call comes that finds too many concurrent actions."""


class InstanceSchedule:
    """The calls that are to come of one instance.

    Args:
        instance: The actor.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._table = Timetable()
        self._running: dict[str, ScheduledTurn] = {}
        self.history = History(instance)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def next_due(self) -> float:
        """When the next call comes, in seconds since the epoch."""
        return self._table.next_due

    @property
    def is_due(self) -> bool:
        """Whether a call is due now, or late."""
        return self.next_due <= self.now()

    async def load(self) -> None:
        """Read what the store knows, at the start of the instance."""
        now = self._instance.runtime.wall_clock()
        for key, value in await self._instance.rows.scan("schedule", b"", None):
            try:
                stored = decode_call(value)
            except ValidationError as error:
                self._tell("unfit", f"the scheduled call {key.decode()} cannot be read: {error}")
                continue
            call = stored.as_of(now)
            if call is None:
                self._drop(stored, "its expression never fits any more")
            else:
                self._table.put(call)

    def is_ready(self) -> None:
        """Have what is due come: the actor is awake."""
        self._set_alarm()

    # What is to come

    def add(self, call: PlannedCall) -> None:
        """Put a call down, in place of one with its id."""
        limit = self._instance.limits.schedules
        before = self._table.get(call.id)
        if before is None and len(self._table) >= limit:
            raise ActionError(
                "The actor has too many scheduled calls",
                group="schedule",
                code="max_schedules_exceeded",
                metadata={"limit": limit},
            )
        self._put(call if before is None else call.in_place_of(before))
        self._instance.rows.undo(lambda: self._restore(call.id, before))

    def cancel(self, call_id: str) -> bool:
        """Have a call not come any more."""
        before = self._table.get(call_id)
        if before is None:
            return False
        self._remove(call_id)
        self.history.forget(before)
        turn = self._running.get(call_id)
        if turn is not None and self._instance.mailbox.withdraw(turn):
            self.is_left(turn)
        self._instance.rows.undo(lambda: self._restore(call_id, before))
        return True

    def new_number(self) -> int:
        """Return the number of the next call that is put down."""
        return self._table.number

    def get(self, call_id: str) -> ScheduledCall | None:
        """Return a call that is to come."""
        call = self._table.get(call_id)
        return None if call is None else self._shown(call)

    def list(self) -> list[ScheduledCall]:
        """Return the calls that are to come, the next first."""
        return [self._shown(call) for call in self._table]

    def _shown(self, call: PlannedCall) -> ScheduledCall:
        cron = None if call.cron is None else Cron(call.cron, call.timezone)
        return ScheduledCall(
            id=call.id,
            action=call.action,
            due=datetime.fromtimestamp(call.due, UTC),
            every=call.every,
            cron=cron,
            is_running=call.id in self._running,
        )

    # What has come

    def fire(self, now: float) -> None:
        """Put what is due into the mailbox."""
        for call in self._table.due(now):
            current = call.as_of(now)
            running = self._running.get(call.id)
            if current is not None and current.due > now:
                self._put(current)  # the rules of its zone have changed
            elif current is None:
                self._drop(call, "its expression never fits any more")
            elif running is None:
                self._answer(current)
            elif running.begun:
                self._skip(current)

    def _answer(self, call: PlannedCall) -> None:
        method = self._instance.definition.methods_by_name.get(call.action)
        if method is None:
            self._drop(call, "its action is gone")
            return
        try:
            turn = ScheduledTurn(self._instance, method, call, self)
        except ValidationError as error:
            self._drop(call, f"its arguments do not fit any more: {error.metadata}")
            return
        self._running[call.id] = turn
        if not method.concurrent:
            self._instance.mailbox.put(turn)
            return
        try:
            self._instance.own_tasks.start_beside(turn)
        except ActionError:  # so many run already; it comes a little later
            self._running.pop(call.id)
            self._instance.runtime.alarms.set(self._instance.actor_id, self.now() + LITTLE)

    def _skip(self, call: PlannedCall) -> None:
        self._instance.runtime.observer.count("schedule_skipped")
        self.has_come(call)
        self.history.add(call, "skipped", None)

    def _drop(self, call: PlannedCall, why: str) -> None:
        self._instance.runtime.observer.count("schedule_dropped")
        self._tell("dropped", f"the scheduled call of {call.action} is dropped: {why}")
        self._remove(call.id)

    def has_come(self, call: PlannedCall) -> None:
        """Take note that a call has come: it is gone, or its next time is another."""
        if self._table.get(call.id) is not call:
            return  # somebody has cancelled it, or put another in its place
        following = call.following(self.now())
        if following is None:
            self._remove(call.id)
        else:
            self._put(following)

    def is_over(self, turn: ScheduledTurn, outcome: Outcome, error: str | None) -> None:
        """Take note of how a call went."""
        self._running.pop(turn.call.id, None)
        if turn.call.comes_again:
            self.history.add(turn.call, outcome, error)

    def is_left(self, turn: ScheduledTurn) -> None:
        """Take note that a call has not begun, and is left to the next instance."""
        self._running.pop(turn.call.id, None)

    def now(self) -> float:
        """Return the time by the clock on the wall."""
        return self._instance.runtime.wall_clock()

    # Rows

    def _put(self, call: PlannedCall) -> None:
        self._table.put(call)
        self._write(Write("schedule", call.id.encode(), encode_call(call)))

    def _remove(self, call_id: str) -> None:
        self._table.remove(call_id)
        self._write(Write("schedule", call_id.encode(), None))

    def _write(self, write: Write) -> None:
        self._instance.rows.write(write, alarm=self._table.next_due)
        self._set_alarm()

    def _restore(self, call_id: str, before: PlannedCall | None) -> None:
        if before is None:
            self._table.remove(call_id)
        else:
            self._table.put(before)
        self._set_alarm()

    def _set_alarm(self) -> None:
        self._instance.runtime.alarms.set(self._instance.actor_id, self._table.next_due)

    def _tell(self, kind: str, text: str) -> None:
        subject = about_instance(self._instance)
        throttled.error(kind, "%s: %s", self._instance.label, text, extra=subject)
