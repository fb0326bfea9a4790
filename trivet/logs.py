"""Log records: what they say of their subject in fields, and how often they may say it.

Rules of every record of trivet:

1. Who and what it is about is in its fields (``about``), so that a handler can filter and index;
   they are ``actor``, ``key``, ``actor_id``, ``conn``, ``peer`` and ``error_id``, where known.
2. A payload is in none. Text that came from the network goes through ``printable``.
3. What a client can cause as often as it likes goes through ``Throttled``: a few at once, then one
   in a while, which tells how many it stands for.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

import attrs
import trio

__all__ = ["Throttled", "about", "printable"]

MOST_SHOWN: Final = 200
"""Characters of a text from the network that a record shows."""

BURST: Final = 20
"""How many records of one kind are written in a row."""

PAUSE: Final = 10.0
"""Seconds between two of a kind after that."""

MOST_KINDS: Final = 1024
"""How many kinds are kept in mind: a client might invent new ones."""


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
class _Kind:
    """How much of its burst a kind has left, and what was not written since the last record."""

    left: float = BURST
    seen_at: float = 0.0
    suppressed: int = 0


class _Kinds:
    """The kinds of records of one run, those that were seen last."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[object, _Kind] = OrderedDict()

    def admit(self, kind: object, now: float) -> int | None:
        """Take one of a kind: how many it stands for beside itself, ``None`` to leave it out."""
        entry = self._kinds.get(kind)
        if entry is None:
            entry = self._kinds[kind] = _Kind(seen_at=now)
            if len(self._kinds) > MOST_KINDS:
                self._kinds.popitem(last=False)
        self._kinds.move_to_end(kind)
        entry.left = min(BURST, entry.left + (now - entry.seen_at) / PAUSE)
        entry.seen_at = now
        if entry.left < 1:
            entry.suppressed += 1
            return None
        entry.left -= 1
        suppressed, entry.suppressed = entry.suppressed, 0
        return suppressed


_kinds: trio.lowlevel.RunVar[_Kinds] = trio.lowlevel.RunVar("trivet.logs")


class Throttled:
    """A logger for what clients can cause.

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
        extra: dict[str, str],
        error: BaseException | None = None,
    ) -> None:
        """Write a record, unless too many of its kind were written.

        Args:
            level: As in ``logging``.
            kind: What the records have in common that are counted together.
            message: With placeholders, as in ``logging``.
            *args: What goes into them.
            extra: The fields.
            error: An exception, to be shown with its traceback.
        """
        if not self._logger.isEnabledFor(level):
            return
        suppressed = _admit((self._logger.name, kind))
        if suppressed is None:
            return
        if suppressed:
            message, args = message + " (and %d more like it)", (*args, suppressed)
        self._logger.log(level, message, *args, extra=extra, exc_info=error, stacklevel=2)

    def warning(self, kind: object, message: str, *args: object, extra: dict[str, str]) -> None:
        """Write a warning; see ``log``."""
        self.log(logging.WARNING, kind, message, *args, extra=extra)


def _admit(kind: object) -> int | None:
    if not trio.lowlevel.in_trio_run():
        return 0
    try:
        kinds = _kinds.get()
    except LookupError:
        kinds = _Kinds()
        _kinds.set(kinds)
    return kinds.admit(kind, trio.current_time())
