"""Schedules: calls of an actor to itself in the future, as it sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, Self
from zoneinfo import ZoneInfo

import attrs
from cronsim import CronSim, CronSimError
from typing_extensions import TypeVar

if TYPE_CHECKING:
    from trivet.declare.action import Action
    from trivet.declare.actor import Actor

__all__ = ["Cron", "Outcome", "Schedule", "ScheduledCall", "ScheduledRun"]

P = ParamSpec("P")
A_co = TypeVar("A_co", bound="Actor[Any, Any, Any, Any]", covariant=True)

FIELDS = 5

Outcome = Literal["ok", "error", "skipped", "dropped"]
"""What came of a scheduled call: it returned, it failed (or was cut), the one before it was running
still, or its action is gone."""


def _check_expression(_: object, __: object, expression: Any) -> None:
    if not isinstance(expression, str) or len(expression.split()) != FIELDS:
        raise ValueError(f"{expression!r} is no cron expression: it needs {FIELDS} fields")
    try:
        CronSim(expression, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(f"{expression!r} is no cron expression: {error}") from None


def _check_zone(_: object, __: object, name: str) -> None:
    try:
        ZoneInfo(name)
    except (LookupError, OSError, TypeError, ValueError):  # a folder, no path, no zone
        raise ValueError(f"{name!r} is no time zone of the IANA database") from None


@attrs.frozen
class Cron:
    """Points in time: whenever a cron expression fits, in a time zone.

    It has five fields, as in Debian's cron: minute, hour, day of the month, month, day of the week,
    with lists, ranges, steps and names, and ``L`` for the last day. A time that a change to summer
    time leaves out comes right after it; one that a change back repeats comes once, unless the
    expression fits every hour.

    Args:
        expression: For example ``"0 9 * * MON-FRI"``.
        timezone: A name of the IANA database.

    Raises:
        ValueError: If one of them means nothing.
    """

    expression: str = attrs.field(validator=_check_expression)
    timezone: str = attrs.field(default="UTC", validator=_check_zone)

    def after(self, moment: datetime) -> datetime | None:
        """Return the first of these points behind a moment.

        Args:
            moment: Aware.

        Returns:
            The point, ``None`` if there is none in the next fifty years.
        """
        zone = ZoneInfo(self.timezone)
        found = next(CronSim(self.expression, moment.astimezone(zone)), None)
        return None if found is None else found.astimezone(UTC)


@attrs.frozen(kw_only=True)
class ScheduledCall:
    """A call that is to come.

    Attributes:
        id: What it is cancelled by: its name if it has one.
        action: The action's name on the wire.
        due: When it comes next.
        every: Seconds between two calls, ``None`` if it is no such call.
        cron: When it comes again and again, ``None`` if it is no such call.
        is_running: Whether it is being answered now, or is about to be.
    """

    id: str
    action: str
    due: datetime
    every: float | None = None
    cron: Cron | None = None
    is_running: bool = False


@attrs.frozen(kw_only=True)
class ScheduledRun:
    """A call that came, of those that come again and again.

    Attributes:
        due: When it was to come.
        ended: When it was over.
        outcome: What came of it.
        error: The group and code of its error, if it failed: ``"user.too_late"``.
    """

    due: datetime
    ended: datetime
    outcome: Outcome
    error: str | None = None


class Schedule(Protocol[A_co]):
    """Calls of an actor to itself in the future, durable; each has an id.

    They come at their time by the clock on the wall, wake the actor, and come once: what a call
    changes and that it came are stored together. What was due while nobody could call comes once
    as soon as somebody can, however often it was due. A call that fails is not repeated.

    Every verb that adds a call raises ``ActionError`` ``schedule.max_schedules_exceeded`` if there
    are too many, ``LookupError`` if the action is another actor's, and ``ValidationError`` if the
    arguments do not fit it.
    """

    def after(
        self, seconds: float, action: Action[A_co, P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> str:
        """Call an action once, after some seconds; return the call's id."""
        ...

    def at(
        self, when: datetime, action: Action[A_co, P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> str:
        """Call an action once, at a point in time; return the call's id.

        Raises:
            ValueError: If it has no time zone.
        """
        ...

    def every(
        self, seconds: float, action: Action[A_co, P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> str:
        """Call an action every so many seconds, counted from now; return the call's id.

        Raises:
            ValueError: If that is oftener than the limit allows.
        """
        ...

    def cron(
        self,
        when: str | Cron,
        action: Action[A_co, P, object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> str:
        """Call an action whenever an expression says; return the call's id.

        Args:
            when: A ``Cron``, or an expression in UTC.
            action: The action.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Raises:
            ValueError: If the expression means nothing, or never fits.
        """
        ...

    def named(self, name: str, /, *, keeps: int | None = None) -> Self:
        """Return the schedule whose next verb gives its call a name, as its id.

        A call of that name that is there already is replaced: so a start hook may say what comes
        again and again, and does not multiply it.

        Args:
            name: The name.
            keeps: How many runs ``history`` remembers of it, 100 by default.
        """
        ...

    def get(self, call_id: str, /) -> ScheduledCall | None:
        """Return a call that is to come."""
        ...

    def list(self) -> Sequence[ScheduledCall]:
        """Return the calls that are to come, the next first."""
        ...

    def cancel(self, call_id: str, /) -> bool:
        """Have a call not come any more; ``False`` if it is gone already."""
        ...

    async def history(self, call_id: str, /, *, limit: int = 100) -> Sequence[ScheduledRun]:
        """Return how a call that comes again and again went, the last run first."""
        ...
