"""Log records: what they say of their subject in fields, and how often they may say it.

Rules of every record of trivet:

1. Who and what it is about is in its fields (``about``), so that a handler can filter and index;
   they are ``actor``, ``key``, ``actor_id``, ``conn``, ``peer`` and ``error_id``, where known.
2. A payload is in none. Text that came from the network goes through ``printable``.
3. What a client, or a mistake in an actor, can cause as often as it likes goes through
   ``Throttled``: of one kind a few in a row about each subject, and some more about all of them;
   then one in a while, which tells how many were left out. What is dropped or refused is counted
   beside it, for every one.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import attrs
import trio

__all__ = ["Throttled", "about", "printable"]

MOST_SHOWN: Final = 200
"""Characters of a text from the network that a record shows."""

BURST: Final = 20
"""How many records of one kind are written in a row about one subject."""

PAUSE: Final = 10.0
"""Seconds between two of them after that."""

BURST_OF_ALL: Final = 200
"""How many records of one kind are written in a row, whoever they are about."""

PAUSE_OF_ALL: Final = 1.0
"""Seconds between two of them after that."""

MOST_BUDGETS: Final = 2048
"""How many kinds and subjects are kept in mind: a client might invent new ones."""


def about(
    *,
    actor: str | None = None,
    key: tuple[str, ...] | None = None,
    actor_id: str | None = None,
    conn: str | None = None,
    peer: str | None = None,
    error_id: str | None = None,
) -> dict[str, str]:
    """Return the fields of a record, for ``extra=``.

    Args:
        actor: The actor's name on the wire.
        key: Its key, shown with its parts joined by slashes.
        actor_id: Its id.
        conn: The connection's id.
        peer: The client's address.
        error_id: What a client was told instead of an error's text.
    """
    given = {
        "actor": actor,
        "key": None if key is None else printable("/".join(key)),
        "actor_id": actor_id,
        "conn": conn,
        "peer": None if peer is None else printable(peer),
        "error_id": error_id,
    }
    return {name: value for name, value in given.items() if value is not None}


def printable(text: str) -> str:
    """Return a text that came from outside so that it forges no line and no colour of a log.

    Whatever is not printable is escaped as in a Python literal, and what is too long is cut.
    """
    shown = text[:MOST_SHOWN]
    if not shown.isprintable():
        shown = "".join(
            c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown
        )
    return f"{shown}…" if len(text) > MOST_SHOWN else shown


@attrs.define
class _Budget:
    """How many records may be written now, and how many were left out since the last one."""

    most: int
    pause: float
    left: float
    seen_at: float
    left_out: int = 0

    def take(self, now: float) -> bool:
        """Take one out of it; one that is not there is counted."""
        self.left = min(self.most, self.left + (now - self.seen_at) / self.pause)
        self.seen_at = now
        if self.left < 1:
            self.left_out += 1
            return False
        self.left -= 1
        return True

    def told(self) -> int:
        """Return how many were left out, to be told now."""
        left_out, self.left_out = self.left_out, 0
        return left_out


class _Budgets:
    """The budgets of one run: of each kind, and of each kind about each subject.

    Those that were seen last are kept; what was left out of the others is told with their kind.
    """

    def __init__(self) -> None:
        self._budgets: OrderedDict[tuple[object, object], _Budget] = OrderedDict()

    def admit(self, kind: object, subject: object, now: float) -> str | None:
        """Take one: what its text says of those that were left out, ``None`` to leave it out."""
        of_all = self._budget(kind, None, BURST_OF_ALL, PAUSE_OF_ALL, now)
        own = self._budget(kind, subject, BURST, PAUSE, now)
        if not (own.take(now) and of_all.take(now)):
            return None
        more, others = own.told(), of_all.told()
        notes = [f"{more} more like it"] * (more > 0) + [f"{others} about others"] * (others > 0)
        if notes:
            return f" (and {' and '.join(notes)})"
        return " (the next like it may be left out)" if own.left < 1 else ""

    def _budget(
        self, kind: object, subject: object, most: int, pause: float, now: float
    ) -> _Budget:
        name = kind, subject
        budget = self._budgets.get(name)
        if budget is None:
            budget = self._budgets[name] = _Budget(most, pause, most, now)
            if len(self._budgets) > MOST_BUDGETS:
                self._forget_oldest()
        self._budgets.move_to_end(name)
        return budget

    def _forget_oldest(self) -> None:
        (kind, _), oldest = self._budgets.popitem(last=False)
        of_all = self._budgets.get((kind, None))
        if of_all is not None:
            of_all.left_out += oldest.left_out


_budgets: trio.lowlevel.RunVar[_Budgets] = trio.lowlevel.RunVar("trivet.logs")


class Throttled:
    """A logger for what clients, or mistakes in actors, can cause.

    What is admitted is counted for each run of Trio, on its clock; outside of a run everything is.

    Args:
        logger: Where the records go.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def log(
        self,
        level: int,
        kind: object,
        message: str,
        *args: object,
        extra: Mapping[str, str],
        error: BaseException | None = None,
        stacklevel: int = 1,
    ) -> None:
        """Write a record, unless too many of its kind were written, about its subject or at all.

        Args:
            level: As in ``logging``.
            kind: What the records have in common that are counted together.
            message: With placeholders, as in ``logging``.
            *args: What goes into them.
            extra: The fields; they say who it is about.
            error: An exception, to be shown with its traceback.
            stacklevel: As in ``logging``.
        """
        if not self._logger.isEnabledFor(level):
            return
        note = _admit((self._logger.name, kind), _subject(extra))
        if note is not None:
            self._logger.log(
                level,
                message + note,
                *args,
                extra=dict(extra),
                exc_info=error,
                stacklevel=stacklevel + 1,
            )

    def warning(self, kind: object, message: str, *args: object, extra: Mapping[str, str]) -> None:
        """Write a warning; see ``log``."""
        self.log(logging.WARNING, kind, message, *args, extra=extra, stacklevel=2)

    def error(
        self,
        kind: object,
        message: str,
        *args: object,
        extra: Mapping[str, str],
        error: BaseException | None = None,
    ) -> None:
        """Write an error; see ``log``."""
        self.log(logging.ERROR, kind, message, *args, extra=extra, error=error, stacklevel=2)


def _subject(extra: Mapping[str, str]) -> tuple[str | None, ...]:
    """Say who a record is about: connections and errors are new each time, and so may ids be."""
    fields = ("actor", "key", "peer") if "actor" in extra else ("actor_id", "peer")
    return tuple(extra.get(field) for field in fields)


def _admit(kind: object, subject: object) -> str | None:
    if not trio.lowlevel.in_trio_run():
        return ""
    try:
        budgets = _budgets.get()
    except LookupError:
        budgets = _Budgets()
        _budgets.set(budgets)
    return budgets.admit(kind, subject, trio.current_time())
