"""WebSocket frames, in pieces.

Property: the reader returns messages or raises `Violation` with a code that RFC 6455 has, and it
makes no difference in how many pieces the bytes arrive.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from trivet.link.limits import LinkLimits
from trivet.link.reader import MessageReader, PeerClose, Pong, Violation

Outcome: TypeAlias = str | bytes | Pong | PeerClose | tuple[int, str]

LIMITS: Final = LinkLimits(message_size=1000, fragments=8, empty_fragments=3)
CODES: Final = {1002, 1007, 1009, 1011}


def check(data: bytes) -> None:
    """Read a stream of frames; the first byte says how long its pieces are."""
    if not data:
        return
    width, stream = data[0] + 1, data[1:]
    pieces = [stream[at : at + width] for at in range(0, len(stream), width)]
    whole = read([stream])
    assert read(pieces) == whole
    if whole and isinstance(whole[-1], tuple):
        assert whole[-1][0] in CODES


def read(pieces: list[bytes]) -> list[Outcome]:
    """Return what the reader makes of the pieces, up to the first goodbye or violation."""
    reader, outcomes = MessageReader(LIMITS), list[Outcome]()
    for piece in pieces:
        reader.feed(piece)
        while reader.unread:
            try:
                outcome = reader.next_message()
            except Violation as violation:
                return [*outcomes, (violation.code, violation.reason)]
            if outcome is not None:
                outcomes.append(outcome)
            if isinstance(outcome, PeerClose):
                return outcomes
    return outcomes
