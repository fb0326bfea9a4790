"""The history of scheduled calls that come again and again: how the last of each went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs

from trivet.declare.schedule import Outcome, ScheduledRun
from trivet.declare.values import Place, shape_of
from trivet.ports.records import Write

if TYPE_CHECKING:
    from trivet.runtime.instance import Instance
    from trivet.runtime.timetable import PlannedCall

__all__ = ["History"]


@attrs.frozen(kw_only=True)
class _Run:
    due: float
    ended: float
    outcome: Outcome
    error: str | None = None


_stored: Final = shape_of(_Run, place=Place.STATE, where="the history of a schedule")


class History:
    """The runs of one actor's calls, each a row: the call's id, and which of its runs it was.

    Args:
        instance: The actor.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def add(self, call: PlannedCall, outcome: Outcome, error: str | None) -> None:
        """Remember a run, and forget the one that is too long ago."""
        ended = self._instance.runtime.wall_clock()
        run = _Run(due=call.due, ended=ended, outcome=outcome, error=error)
        writes = [Write("history", _key(call.id, call.runs), _stored.encode(run))]
        if call.runs >= call.keeps:
            writes.append(Write("history", _key(call.id, call.runs - call.keeps), None))
        self._instance.rows.write(*writes)

    def forget(self, call: PlannedCall) -> None:
        """Forget the runs of a call."""
        first = max(0, call.runs - call.keeps)
        keys = [_key(call.id, number) for number in range(first, call.runs + 1)]
        self._instance.rows.write(*(Write("history", key, None) for key in keys))

    async def read(self, call_id: str, limit: int) -> list[ScheduledRun]:
        """Return the last runs of a call, the last first."""
        start, end = _key(call_id, 0), call_id.encode() + b"\1"
        rows = await self._instance.rows.scan("history", start, end, reverse=True, limit=limit)
        return [_shown(_stored.decode(row.value)) for row in rows]


def _key(call_id: str, number: int) -> bytes:
    return call_id.encode() + b"\0" + number.to_bytes(8, "big")


def _shown(run: _Run) -> ScheduledRun:
    return ScheduledRun(
        due=datetime.fromtimestamp(run.due, UTC),
        ended=datetime.fromtimestamp(run.ended, UTC),
        outcome=run.outcome,
        error=run.error,
    )
