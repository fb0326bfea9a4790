"""The turn of a scheduled call: nobody waits for its result, and no connection is behind it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from trivet.declare.values import Place, shape_of
from trivet.logs import Throttled
from trivet.protocol.faults import fault_of
from trivet.runtime.call import Call
from trivet.runtime.subjects import about_instance

if TYPE_CHECKING:
    from trivet.declare.definition import Method
    from trivet.runtime.instance import Instance
    from trivet.runtime.schedule import InstanceSchedule
    from trivet.runtime.timetable import PlannedCall

__all__ = ["ScheduledTurn", "encode_args"]

throttled = Throttled(logging.getLogger(__name__))

_args: Final = shape_of(list[Any], place=Place.STATE, where="the arguments of a scheduled call")


def encode_args(args: list[Any]) -> bytes:
    """Bring the arguments of a call, as wire values, into their stored form."""
    return _args.encode(args)


class ScheduledTurn(Call):
    """A scheduled call that has come.

    Args:
        instance: The actor.
        method: The action.
        call: What was put down.
        schedule: Where that was.

    Raises:
        ValidationError: If the arguments do not fit the action any more.
    """

    is_request = False

    def __init__(
        self, instance: Instance, method: Method, call: PlannedCall, schedule: InstanceSchedule
    ) -> None:
        args, kwargs = method.binder.load(_args.decode(call.args))
        super().__init__(instance, method, args, kwargs)
        self.call = call
        self._schedule = schedule

    def begins(self) -> None:
        """Take note that it has come: what follows is stored with that."""
        self._schedule.has_come(self.call)

    def result(self, value: Any) -> None:
        """Take note of how it went."""
        self._schedule.is_over(self, "ok", None)

    def failed(self, error: BaseException) -> None:
        """Report an error: there is nobody else who could hear of it."""
        subject = about_instance(self.instance)
        fault = fault_of(error, where=f"the scheduled {self.where}", subject=subject)
        self.instance.runtime.observer.count("schedule_failed")
        throttled.warning(
            self.label,
            "%s: the scheduled call failed: %s",
            self.where,
            fault.reason,
            extra=subject,
        )
        self._schedule.is_over(self, "error", fault.reason)

    def moved(self) -> None:
        """Leave it to the next instance, where it is due still."""
        self._schedule.is_left(self)
