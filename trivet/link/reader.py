"""The reader: RFC 6455 frames in, whole messages out. Sans-IO: bytes are fed, messages asked for.

Nearly every frame of a real client is a final, masked text or binary frame, and those are read
right here. All others (fragments, control frames, whatever breaks a rule) go, one complete frame
at a time, through the sans-IO core of ``websockets``. That core is made for such a frame and
forgotten after it, unless a fragmented message is open: an idle client costs none.

Rule 1: a length is judged when it is declared, before anything is buffered for it.
Rule 2: after ``Violation`` was raised or ``PeerClose`` returned, nothing more is asked.
"""

from __future__ import annotations

import logging
from typing import Final

import attrs
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from trivet.link.limits import HARD_LIMIT, LinkLimits

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled extension on this platform
    from websockets.utils import apply_mask

__all__ = ["MessageReader", "PeerClose", "Pong", "Violation"]

TEXT: Final = 0x81
MESSAGE: Final = (TEXT, 0x82)  # final frames of text and binary messages
CONTROL: Final = 0x08
MASKED: Final = 0x80

# The core would log payloads when debugging; what it has to say is in its results.
logger = logging.getLogger(__name__)
logger.setLevel(logging.ERROR)


class Violation(Exception):
    """The client broke the protocol or a limit.

    Attributes:
        code: The close code that says so.
        reason: The close reason.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


@attrs.frozen
class Pong:
    """The answer that a ping wants: a frame to send."""

    frame: bytes


@attrs.frozen
class PeerClose:
    """The client's close frame, and the frame that echoes it."""

    code: int
    reason: str
    echo: bytes


class _Fragments:
    """A message of which the last fragment has not come."""

    __slots__ = ("began", "empty_run", "is_text", "parts", "protocol", "size")

    def __init__(self, protocol: ServerProtocol, began: int, *, is_text: bool) -> None:
        self.protocol = protocol
        self.began = began
        self.is_text = is_text
        self.parts: list[bytes] = []
        self.size = 0
        self.empty_run = 0


class MessageReader:
    """Splits what one client sends into messages.

    Attributes:
        unread: What ``next_message`` has to look at, and maybe something before it.
        frames: How many frames were read so far.
    """

    __slots__ = ("_fragments", "_limits", "_needed", "_partial", "_position", "frames", "unread")

    def __init__(self, limits: LinkLimits) -> None:
        self._limits = limits
        self.unread = b""
        self._position = 0
        self._partial: bytearray | None = None
        self._needed = 0
        self._fragments: _Fragments | None = None
        self.frames = 0

    @property
    def unfinished(self) -> int:
        """The number of the frame that began what is not complete yet, 0 if nothing is."""
        if self._fragments is not None:
            return self._fragments.began
        return self.frames + 1 if self._partial else 0

    @property
    def kept(self) -> int:
        """How many bytes are kept of what is not complete yet."""
        fragments = 0 if self._fragments is None else self._fragments.size
        return fragments + len(self._partial or b"")

    @property
    def expected(self) -> int:
        """How many bytes there will be at least, as far as is known."""
        fragments = 0 if self._fragments is None else self._fragments.size
        return fragments + (self._needed if self._partial else 0)

    def feed(self, data: bytes) -> None:
        """Add bytes; only when nothing is unread."""
        if self._partial is not None:
            self._partial += data
            if len(self._partial) < self._needed:
                return
            data, self._partial = bytes(self._partial), None
        self.unread = data
        self._position = 0

    def next_message(self) -> str | bytes | Pong | PeerClose | None:
        """Return the next message or the next thing to react to, ``None`` if there is none yet.

        Raises:
            Violation: If the client broke the protocol or a limit.
        """
        while True:
            data, start = self.unread, self._position
            size = len(data)
            if size < start + 2:
                self._wait_for(2)
                return None
            first, second = data[start], data[start + 1]
            if MASKED <= second < MASKED + 126:
                body = start + 6
                end = body + second - MASKED
            else:
                body, end = self._long_frame(start, first, second)
            if self._fragments is not None or end - body > self._limits.message_size:
                self._check_size(first, end - body)
            if end > size:
                self._wait_for(end - start)
                return None
            if end == size:
                self.unread = b""
                self._position = 0
            else:
                self._position = end
            self.frames += 1
            if first in MESSAGE and self._fragments is None:
                payload = apply_mask(data[body:end], data[body - 4 : body])
                return _text(payload) if first == TEXT else payload
            outcome = self._rare_frame(data[start:end])
            if outcome is not None:
                return outcome

    def _wait_for(self, needed: int) -> None:
        rest = self.unread[self._position :]
        self._partial = bytearray(rest) if rest else None
        self._needed = needed
        self.unread = b""
        self._position = 0

    def _long_frame(self, start: int, first: int, second: int) -> tuple[int, int]:
        """Where the payload of a frame with an extended length begins and ends."""
        if second < MASKED:
            self._rare_frame(self.unread[start : start + 2])  # it is not masked: a violation
        if first & CONTROL:
            raise Violation(1002, "control frame too long")
        width = 2 if second == MASKED + 126 else 8
        body = start + 2 + width + 4
        if len(self.unread) < body:
            return body, body
        return body, body + int.from_bytes(self.unread[start + 2 : start + 2 + width], "big")

    def _check_size(self, first: int, length: int) -> None:
        if first & CONTROL:
            return
        size = length + (self._fragments.size if self._fragments is not None else 0)
        if size > HARD_LIMIT:
            raise Violation(1009, f"message exceeds {HARD_LIMIT} bytes")
        if size > self._limits.message_size:
            raise Violation(1011, "message.incoming_too_long")

    def _rare_frame(self, frame: bytes) -> str | bytes | Pong | PeerClose | None:
        fragments = self._fragments
        # A control frame may come between fragments, and has nothing to do with them.
        if fragments is None or frame[0] & CONTROL:
            protocol = ServerProtocol(state=OPEN, max_size=HARD_LIMIT, logger=logger)
        else:
            protocol = fragments.protocol
        protocol.receive_data(frame)
        if protocol.parser_exc is not None:
            raise _violation(protocol)
        (event,) = protocol.events_received()
        assert isinstance(event, Frame)
        if event.opcode is Opcode.PING:
            return Pong(protocol.data_to_send()[0])
        if event.opcode is Opcode.PONG:
            return None
        if event.opcode is Opcode.CLOSE:
            close = protocol.close_rcvd
            assert close is not None
            return PeerClose(close.code, close.reason, echo=protocol.data_to_send()[0])
        if fragments is None:
            is_text = event.opcode is Opcode.TEXT
            fragments = self._fragments = _Fragments(protocol, self.frames, is_text=is_text)
        return self._add_fragment(fragments, event)

    def _add_fragment(self, fragments: _Fragments, frame: Frame) -> str | bytes | None:
        fragments.parts.append(bytes(frame.data))
        fragments.size += len(frame.data)
        fragments.empty_run = 0 if frame.data else fragments.empty_run + 1
        if frame.fin:
            self._fragments = None
            payload = b"".join(fragments.parts)
            return _text(payload) if fragments.is_text else payload
        if (
            len(fragments.parts) >= self._limits.fragments
            or fragments.empty_run > self._limits.empty_fragments
        ):
            raise Violation(1009, "message.too_many_fragments")
        return None


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation(1007, "message.invalid_utf8") from None


def _violation(protocol: ServerProtocol) -> Violation:
    close = protocol.close_sent
    assert close is not None
    return Violation(close.code, close.reason)
