"""Attacks as data: what a hostile client sends, and the one documented answer."""

from __future__ import annotations

from typing import Final, Literal

import attrs

__all__ = [
    "ANY",
    "CLOSED",
    "FIN",
    "HEARD",
    "OPENED",
    "READ_NOTHING",
    "RST",
    "Answer",
    "Attack",
    "Mark",
    "Step",
    "answered",
    "closed",
]

Mark = Literal["opened", "heard", "closed", "fin", "rst", "read nothing"]

OPENED: Final = "opened"
"""Wait for Init."""
HEARD: Final = "heard"
"""Wait for all that the answer says will be heard."""
CLOSED: Final = "closed"
"""Wait for the server's close frame."""
FIN: Final = "fin"
"""Send nothing more, and go on reading."""
RST: Final = "rst"
"""Reset the connection and be gone."""
READ_NOTHING: Final = "read nothing"
"""From now on nothing is read, until all that follows was sent or the server has gone."""

Step = bytes | Mark
ANY: Final = "any"


@attrs.frozen
class Answer:
    """What the server has said when it has closed the connection.

    Attributes:
        statuses: The status of each HTTP response, 101 included.
        heard: What each message or body said: ``reply``, or the ``group.code`` of an error.
            ``ANY`` if there is no telling how many are sent before the end.
        close: Code and reason of the close frame.
        or_close: Another one that it may have, where it depends on how fast the client reads.
    """

    statuses: tuple[int, ...] = ()
    heard: tuple[str, ...] | Literal["any"] = ()
    close: tuple[int, str] | None = None
    or_close: tuple[int, str] | None = None

    def fits(self, other: Answer) -> bool:
        """Whether an answer is the expected one."""
        heard = ANY in {self.heard, other.heard} or self.heard == other.heard
        close = other.close in {self.close, self.or_close or self.close}
        return heard and close and self.statuses == other.statuses


@attrs.frozen
class Attack:
    """One hostile client.

    Attributes:
        name: What it does.
        steps: What it sends and waits for, in this order; then it waits for the server to close.
        answer: What it gets; ``None`` if it does not live to hear it.
        encoding: How the server's messages to it are encoded.
        mute: Whether it leaves the server's close frame without an answer.
        patient: Whether it ends by a deadline that no limit of the server shortens.
    """

    name: str
    steps: tuple[Step, ...]
    answer: Answer | None
    encoding: str = "json"
    mute: bool = False
    patient: bool = False


def answered(status: int, *heard: str) -> Answer:
    """Expect one HTTP response."""
    return Answer((status,), heard)


def closed(code: int, reason: str = "", heard: tuple[str, ...] | Literal["any"] = ()) -> Answer:
    """Expect a WebSocket that is closed."""
    return Answer((101,), heard, (code, reason))
