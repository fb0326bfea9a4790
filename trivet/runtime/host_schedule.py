"""``self.schedule`` of an actor: what it says becomes calls that are to come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from trivet.declare.schedule import Cron, ScheduledCall, ScheduledRun
from trivet.runtime.scheduled_turn import encode_args
from trivet.runtime.timetable import KEPT_RUNS, PlannedCall

if TYPE_CHECKING:
    from trivet.declare.action import Action
    from trivet.runtime.instance import Instance

__all__ = ["HostSchedule"]

P = ParamSpec("P")

SHORTEST_INTERVAL: Final = 5.0
"""Seconds between two calls at least."""

LONGEST_NAME: Final = 64
"""Characters of the name of a call."""

MOST_KEPT: Final = 1_000
"""Runs of a call that may be remembered."""


class HostSchedule:
    """``self.schedule`` of an actor.

    Args:
        instance: The actor.
        name: What the next call is named.
        keeps: How many of its runs are remembered.
    """

    __slots__ = ("_instance", "_keeps", "_name")

    def __init__(
        self, instance: Instance, name: str | None = None, keeps: int | None = None
    ) -> None:
        self._instance = instance
        self._name = name
        self._keeps = keeps

    def after(
        self, seconds: float, action: Action[Any, P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> str:
        """Call an action once, after some seconds."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"seconds must be zero or more, not {seconds!r}")
        return self._add(action, args, kwargs, due=self._now() + seconds)

    def at(
        self, when: datetime, action: Action[Any, P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> str:
        """Call an action once, at a point in time."""
        if when.tzinfo is None:
            raise ValueError(f"{when!r} has no time zone")
        return self._add(action, args, kwargs, due=when.timestamp())

    def every(
        self, seconds: float, action: Action[Any, P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> str:
        """Call an action every so many seconds, counted from now."""
        if not SHORTEST_INTERVAL <= seconds < math.inf:
            raise ValueError(f"seconds must be {SHORTEST_INTERVAL:g} or more, not {seconds!r}")
        now = self._now()
        return self._add(action, args, kwargs, due=now + seconds, every=float(seconds), anchor=now)

    def cron(
        self,
        when: str | Cron,
        action: Action[Any, P, object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> str:
        """Call an action whenever an expression says."""
        cron = Cron(when) if isinstance(when, str) else when
        found = cron.after(datetime.fromtimestamp(self._now(), UTC))
        if found is None:
            raise ValueError(f"{cron.expression!r} never fits")
        return self._add(
            action,
            args,
            kwargs,
            due=found.timestamp(),
            cron=cron.expression,
            timezone=cron.timezone,
        )

    def named(self, name: str, /, *, keeps: int | None = None) -> HostSchedule:
        """Return the schedule whose next verb gives its call a name."""
        _check_name(name)
        if keeps is not None and not 0 < keeps <= MOST_KEPT:
            raise ValueError(f"keeps must be from 1 to {MOST_KEPT}, not {keeps!r}")
        return HostSchedule(self._instance, name, keeps)

    def get(self, call_id: str, /) -> ScheduledCall | None:
        """Return a call that is to come."""
        return self._instance.schedule.get(call_id)

    def list(self) -> Sequence[ScheduledCall]:
        """Return the calls that are to come, the next first."""
        return self._instance.schedule.list()

    def cancel(self, call_id: str, /) -> bool:
        """Have a call not come any more."""
        return self._instance.schedule.cancel(call_id)

    async def history(self, call_id: str, /, *, limit: int = 100) -> Sequence[ScheduledRun]:
        """Return how a call that comes again and again went, the last run first."""
        return await self._instance.schedule.history.read(call_id, limit)

    def _now(self) -> float:
        return self._instance.runtime.wall_clock()

    def _add(
        self,
        action: Action[Any, ..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        **when: Any,
    ) -> str:
        instance = self._instance
        method = instance.definition.method(action)
        call = PlannedCall(
            id=self._name or instance.runtime.new_id(),
            number=instance.schedule.new_number(),
            action=method.name,
            args=encode_args(method.binder.dump(*args, **kwargs)),
            keeps=KEPT_RUNS if self._keeps is None else self._keeps,
            **when,
        )
        instance.schedule.add(call)
        return call.id


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the name of a call must be a text, not {type(name).__name__}")
    if not 0 < len(name) <= LONGEST_NAME or "\0" in name:
        raise ValueError(f"the name of a call has from 1 to {LONGEST_NAME} characters, none null")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError("the name of a call has half of a surrogate pair") from None
